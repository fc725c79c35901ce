"""The attributes of XCLIENT and XFORWARD, and the argument of ETRN."""

from __future__ import annotations

import pytest

from smtpcore.commands import Etrn, Xclient, Xforward
from smtpcore.commands.attributes import Attribute, Unavailable
from smtpcore.grammar import CommandError, Grammar

PERMANENT, TEMPORARY = Unavailable.PERMANENT, Unavailable.TEMPORARY


def told(argument: bytes, kind: type[Xclient | Xforward] = Xclient) -> dict[str, Attribute]:
    return dict(kind.parse(argument, Grammar()).attributes)


def refused(argument: bytes, kind: type[Xclient | Xforward | Etrn] = Xclient) -> str:
    with pytest.raises(CommandError) as error:
        kind.parse(argument, Grammar())
    assert not error.value.reply.close
    return f"{error.value.reply.code} {error.value.reply.enhanced}"


@pytest.mark.parametrize(
    ("argument", "attributes"),
    [
        (b"NAME=client.example", {"NAME": "client.example"}),
        (b"name=client.example aDDr=192.0.2.1", {"NAME": "client.example", "ADDR": "192.0.2.1"}),
        (b"ADDR=IPV6:2001:db8::1", {"ADDR": "2001:db8::1"}),
        (b"ADDR=ipv6:2001:DB8:0::1", {"ADDR": "2001:db8::1"}),
        (b"PORT=1 DESTPORT=65535", {"PORT": 1, "DESTPORT": 65535}),
        (b"DESTADDR=198.51.100.7", {"DESTADDR": "198.51.100.7"}),
        (b"PROTO=smtp", {"PROTO": "SMTP"}),
        (b"PROTO=ESMTP", {"PROTO": "ESMTP"}),
        (b"HELO=[192.0.2.1]", {"HELO": "[192.0.2.1]"}),
        (b"HELO=a+2Bb", {"HELO": "a+b"}),
        (b"HELO=a+3Db", {"HELO": "a=b"}),
        (b"LOGIN=bob@client.example", {"LOGIN": "bob@client.example"}),
        (b"LOGIN=[UNAVAILABLE]", {"LOGIN": PERMANENT}),
        (b"ADDR=[unavailable] PORT=[Unavailable]", {"ADDR": PERMANENT, "PORT": PERMANENT}),
        (b"NAME=[TEMPUNAVAIL] REVERSE_NAME=[tempunavail]", {"NAME": TEMPORARY, "REVERSE_NAME": TEMPORARY}),
        (b"NAME=" + b"a" * 255, {"NAME": "a" * 255}),
    ],
)
@pytest.mark.conformance("C301")
def test_what_a_front_can_tell(argument: bytes, attributes: dict[str, Attribute]) -> None:
    assert told(argument) == attributes


BAD_VALUES = [
    b"ADDR=1.2.3", b"ADDR=1.2.3.4.5", b"ADDR=01.2.3.4", b"ADDR=1.2.3.256", b"ADDR=[192.0.2.1]", b"ADDR=192.0.2.1/24",
    b"ADDR=::1", b"ADDR=2001:db8::1", b"ADDR=IPV6:", b"ADDR=IPV6:1:2", b"ADDR=IPV6:[::1]", b"ADDR=IPV6:::1%25eth0",
    b"ADDR=IPV6:::1%eth0", b"ADDR=IPV6:192.0.2.1", b"ADDR=localhost", b"ADDR=", b"ADDR=+31+32", b"DESTADDR=x",
    b"PORT=0", b"PORT=65536", b"PORT=080", b"PORT=-1", b"PORT=+1", b"PORT=1_0", b"PORT=0x10", b"PORT=", b"PORT=http",
    b"PORT=99999999999999999999", b"PROTO=LMTP", b"PROTO=", b"PROTO=HTTP", b"PROTO=SMTPS",
    b"NAME=", b"HELO=", b"LOGIN=", b"NAME=" + b"a" * 256, b"HELO=" + b"a" * 256,
    b"ADDR=[TEMPUNAVAIL]", b"HELO=[TEMPUNAVAIL]", b"LOGIN=[TEMPUNAVAIL]", b"PORT=[TEMPUNAVAIL]",
]  # fmt: skip

# xtext hides octets that would end up in headers and logs.
HIDDEN = [
    b"a+0D+0Ab", b"a+0AX:", b"+00", b"+7F", b"a+20b", b"+09", b"+1B[31m", b"+C3+A9", b"+FF", b"+80", b"+", b"+4",
    b"+zz", b"a+", b"a=b", b"+E2+80+A8",
]  # fmt: skip

BAD_FORMS = [
    b"FOO=1", b"NAME", b"NAME ADDR=1.2.3.4", b"=x", b"", b"NAME=a  ADDR=1.2.3.4", b"NAME=a NAME=b", b"NAME=a name=b",
    b"NAME =a", b" NAME=a", b"NAME:a", b"IDENT=x", b"SOURCE=LOCAL",
]  # fmt: skip


@pytest.mark.parametrize("argument", [*BAD_VALUES, *BAD_FORMS])
@pytest.mark.conformance("C363")
def test_what_a_front_cannot_tell(argument: bytes) -> None:
    assert refused(argument) == "501 5.5.4"


@pytest.mark.parametrize("value", HIDDEN)
@pytest.mark.parametrize("name", [b"NAME", b"HELO", b"LOGIN", b"REVERSE_NAME"])
@pytest.mark.conformance("C300")
def test_octets_behind_xtext_are_looked_at_again(name: bytes, value: bytes) -> None:
    assert refused(name + b"=" + value) == "501 5.5.4"
    if name in (b"NAME", b"HELO"):
        assert refused(name + b"=" + value, Xforward) == "501 5.5.4"


@pytest.mark.parametrize(
    ("argument", "attributes"),
    [
        (b"NAME=a.example ADDR=192.0.2.1 PORT=25", {"NAME": "a.example", "ADDR": "192.0.2.1", "PORT": 25}),
        (b"PROTO=ESMTPSA HELO=a.example", {"PROTO": "ESMTPSA", "HELO": "a.example"}),
        (b"IDENT=4F7A1.1 SOURCE=local", {"IDENT": "4F7A1.1", "SOURCE": "LOCAL"}),
        (b"SOURCE=REMOTE ADDR=IPV6:::1", {"SOURCE": "REMOTE", "ADDR": "::1"}),
        (b"NAME=[UNAVAILABLE] IDENT=[unavailable]", {"NAME": PERMANENT, "IDENT": PERMANENT}),
        (b"PROTO=" + b"a" * 64, {"PROTO": "a" * 64}),
        (b"IDENT=" + b"a" * 255, {"IDENT": "a" * 255}),
    ],
)
def test_what_a_filter_can_forward(argument: bytes, attributes: dict[str, Attribute]) -> None:
    assert told(argument, Xforward) == attributes


@pytest.mark.parametrize(
    "argument",
    [
        *(b"NAME=a%bb" % char for char in b'( ) < > @ , ; \\ "'.split()),
        b"IDENT=a+28b", b"HELO=+3Cscript+3E", b"PROTO=" + b"a" * 65, b"IDENT=" + b"a" * 256, b"SOURCE=ELSEWHERE",
        b"SOURCE=", b"LOGIN=bob", b"DESTADDR=192.0.2.1", b"REVERSE_NAME=a", b"ADDR=[TEMPUNAVAIL]", b"FOO=1", b"NAME",
        b"PORT=0", b"ADDR=::1",
    ],
)  # fmt: skip
def test_what_a_filter_cannot_forward(argument: bytes) -> None:
    assert refused(argument, Xforward) == "501 5.5.4"


# ETRN.


@pytest.mark.parametrize(
    ("argument", "command"),
    [
        (b"client.example", Etrn("client.example")),
        (b"@client.example", Etrn("client.example", "@")),
        (b"#slow", Etrn("slow", "#")),
        (b"#a@b", Etrn("a@b", "#")),
        (b"a" * 255, Etrn("a" * 255)),
    ],
)
def test_etrn_names_a_node_its_domains_or_a_queue(argument: bytes, command: Etrn) -> None:
    assert Etrn.parse(argument, Grammar()) == command


@pytest.mark.parametrize("argument", [b"", b"@", b"#", b"a b", b"@ a", b"@@a", b"##a", b"@#a", b"a" * 256])
def test_etrn_without_a_name_is_no_etrn(argument: bytes) -> None:
    assert refused(argument, Etrn) == "501 5.5.4"
