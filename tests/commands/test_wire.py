"""The line that a client sends for each command, and the command that a server finds in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.commands import (
    Auth,
    Bdat,
    Command,
    Custom,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    SaslCancel,
    SaslResponse,
    StartTls,
    Vrfy,
    Xclient,
    Xforward,
)
from smtpcore.commands.attributes import Unavailable
from smtpcore.commands.wire import to_wire, verb_of
from smtpcore.errors import LocalProtocolError
from smtpcore.grammar import Grammar
from smtpcore.leniencies import Leniencies
from smtpcore.params import BodyType
from smtpcore.paths import Path
from smtpcore.refusals import read_response
from tests.commands.sending import AFTER_HELO, EVERYTHING, INTERNATIONAL, read, refusal

LINES: list[tuple[Command, bytes]] = [
    (Helo("c.example"), b"HELO c.example\r\n"),
    (Ehlo("[192.0.2.1]"), b"EHLO [192.0.2.1]\r\n"),
    (Ehlo("[IPv6:2001:db8::1]"), b"EHLO [IPv6:2001:db8::1]\r\n"),
    (Ehlo("xn--bcher-kva.example"), b"EHLO xn--bcher-kva.example\r\n"),
    (Lhlo("c.example"), b"LHLO c.example\r\n"),
    (Mail(Path("", "")), b"MAIL FROM:<>\r\n"),
    (Mail(Path("Alice", "example.org")), b"MAIL FROM:<Alice@example.org>\r\n"),
    (Mail(Path("a b", "b.c")), b'MAIL FROM:<"a b"@b.c>\r\n'),
    (Mail(Path('"> \\', "b.c")), b'MAIL FROM:<"\\"> \\\\"@b.c>\r\n'),
    (Mail(Path("", ""), {"SIZE": 7, "BODY": BodyType.SEVEN_BIT}), b"MAIL FROM:<> SIZE=7 BODY=7BIT\r\n"),
    (Mail(Path("", ""), {"BODY": BodyType.SEVEN_BIT, "SIZE": 7}), b"MAIL FROM:<> BODY=7BIT SIZE=7\r\n"),
    (Mail(Path("é", "é.example"), {"SMTPUTF8": True}), "MAIL FROM:<é@é.example> SMTPUTF8\r\n".encode()),
    (Rcpt(Path("bob", "[192.0.2.1]")), b"RCPT TO:<bob@[192.0.2.1]>\r\n"),
    (Rcpt(Path("Postmaster", "")), b"RCPT TO:<Postmaster>\r\n"),
    (Rcpt(Path("bob", "b.c", route=("x.org",))), b"RCPT TO:<bob@b.c>\r\n"),
    (Rcpt(Path("bob", "b.c"), {"CONNEG": True}), b"RCPT TO:<bob@b.c> CONNEG\r\n"),
    (Data(), b"DATA\r\n"),
    (Rset(), b"RSET\r\n"),
    (Quit(), b"QUIT\r\n"),
    (StartTls(), b"STARTTLS\r\n"),
    (Bdat(0), b"BDAT 0\r\n"),
    (Bdat(86, last=True), b"BDAT 86 LAST\r\n"),
    (Bdat(2**63 - 1), b"BDAT 9223372036854775807\r\n"),
    (Noop(), b"NOOP\r\n"),
    (Noop("any <text>"), b"NOOP any <text>\r\n"),
    (Help(), b"HELP\r\n"),
    (Help("MAIL"), b"HELP MAIL\r\n"),
    (Vrfy("John Smith <a@b.c>"), b"VRFY John Smith <a@b.c>\r\n"),
    (Vrfy("é", utf8=True), "VRFY é SMTPUTF8\r\n".encode()),
    (Expn("list"), b"EXPN list\r\n"),
    (Expn("list", utf8=True), b"EXPN list SMTPUTF8\r\n"),
    (Auth("LOGIN"), b"AUTH LOGIN\r\n"),
    (Auth("PLAIN", b"\0a\0b"), b"AUTH PLAIN AGEAYg==\r\n"),
    (Auth("X-FOO_1", b""), b"AUTH X-FOO_1 =\r\n"),
    (Etrn("client.example"), b"ETRN client.example\r\n"),
    (Etrn("client.example", "@"), b"ETRN @client.example\r\n"),
    (Etrn("slow", "#"), b"ETRN #slow\r\n"),
    (
        Xclient({"ADDR": "192.0.2.1", "PORT": 25, "NAME": Unavailable.TEMPORARY, "LOGIN": Unavailable.PERMANENT}),
        b"XCLIENT ADDR=192.0.2.1 PORT=25 NAME=[TEMPUNAVAIL] LOGIN=[UNAVAILABLE]\r\n",
    ),
    (
        Xclient({"ADDR": "2001:db8::1", "DESTADDR": "::1", "LOGIN": "a+b=c"}),
        b"XCLIENT ADDR=IPV6:2001:db8::1 DESTADDR=IPV6:::1 LOGIN=a+2Bb+3Dc\r\n",
    ),
    (Xclient({"HELO": "[IPv6:::1]"}), b"XCLIENT HELO=[IPv6:::1]\r\n"),
    (
        Xforward({"NAME": "c.example", "ADDR": "::1", "SOURCE": "LOCAL", "IDENT": "4F7A1.1"}),
        b"XFORWARD NAME=c.example ADDR=IPV6:::1 SOURCE=LOCAL IDENT=4F7A1.1\r\n",
    ),
    (Custom("XPAINT"), b"XPAINT\r\n"),
    (Custom("XPAINT", "red=1 <a@b.c>"), b"XPAINT red=1 <a@b.c>\r\n"),
]  # fmt: skip


@pytest.mark.conformance("C003", "C333")
@pytest.mark.parametrize(("command", "line"), LINES, ids=[line.decode().strip() for _, line in LINES])
def test_a_command_is_one_line_in_which_a_server_finds_it_again(command: Command, line: bytes) -> None:
    assert to_wire(command, EVERYTHING) == line
    assert read(line) == command
    assert verb_of(command) == line.split()[0]


@pytest.mark.conformance("C091")
def test_a_path_goes_out_with_the_least_quoting_and_without_its_source_route() -> None:
    path = Path.parse('<@x.org,@y.org:"abc"@d.e>')
    assert to_wire(Rcpt(path), EVERYTHING) == b"RCPT TO:<abc@d.e>\r\n"
    assert to_wire(Mail(path, {"SIZE": 1}), EVERYTHING) == b"MAIL FROM:<abc@d.e> SIZE=1\r\n"


def test_the_path_of_a_recipient_may_be_utf8_where_the_transaction_has_asked_for_it() -> None:
    command = Rcpt(Path("é", "b.c"))
    assert to_wire(command, INTERNATIONAL) == "RCPT TO:<é@b.c>\r\n".encode()
    assert read("RCPT TO:<é@b.c>\r\n".encode(), INTERNATIONAL) == command


@pytest.mark.parametrize("address", ["<.a..b.@x.org>", "<a@my_pc.example>", f"<{'a' * 100}@{'b.' * 100}c>"])
@pytest.mark.parametrize("kind", [Mail, Rcpt])
def test_what_a_lenient_server_has_let_in_can_be_passed_on(kind: type[Mail | Rcpt], address: str) -> None:
    path = Path.parse(address, leniencies=Leniencies())
    assert to_wire(kind(path), EVERYTHING).endswith(b":%b\r\n" % address.encode())
    name = "SMTPUTF8" if kind is Mail else "CONNEG"
    assert to_wire(kind(path, {name: True}), EVERYTHING).endswith(b":%b %b\r\n" % (address.encode(), name.encode()))


@pytest.mark.conformance("C054")
def test_after_helo_commands_go_without_parameters() -> None:
    assert to_wire(Mail(Path("a", "b.c")), AFTER_HELO) == b"MAIL FROM:<a@b.c>\r\n"
    assert refusal(Mail(Path("a", "b.c"), {"SIZE": 1}), AFTER_HELO).startswith(
        "MAIL: there are no parameters after HELO"
    )
    # Even where the last EHLO has left something behind.
    assert "after HELO" in refusal(Rcpt(Path("a", "b.c"), {"CONNEG": True}), replace(EVERYTHING, extended=False))


# The answers to SASL challenges.


@pytest.mark.parametrize("data", [b"", b"\0", b"\0alice\0secret", bytes(range(256))])
def test_a_sasl_response_is_a_line_of_base64(data: bytes) -> None:
    line = to_wire(SaslResponse(data), EVERYTHING)
    assert line.endswith(b"\r\n")
    assert read_response(line[:-2]) == SaslResponse(data)


def test_an_empty_response_is_an_empty_line_and_a_cancel_a_star() -> None:
    assert to_wire(SaslResponse(b""), EVERYTHING) == b"\r\n"
    assert to_wire(SaslCancel(), EVERYTHING) == b"*\r\n"
    assert read_response(b"*") == SaslCancel()


@pytest.mark.parametrize("data", ["secret", None, 5])
def test_a_sasl_response_that_is_not_bytes_is_refused_and_not_shown(data: object) -> None:
    assert refusal(SaslResponse(data)) == "a SASL response is bytes, which are encoded here"  # type: ignore[arg-type]


# What cannot be said.


@pytest.mark.conformance("C051")
@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (Ehlo(""), "EHLO: give a domain"),
        (Ehlo("my_pc"), "EHLO: give a domain"),
        (Ehlo("bücher.example"), "EHLO: give a domain in ASCII, so in A-labels"),
        (Ehlo("192.0.2.1"), "or an address literal such as [192.0.2.1]"),
        (Helo("a b"), "HELO: give a domain"),
        (Lhlo("a."), "LHLO: give a domain"),
        (Mail(Path("postmaster", "")), "MAIL: the reverse path needs a domain"),
        (Mail(Path("bob", "")), "MAIL: the reverse path needs a domain"),
        (Mail(Path("", "b.c")), "MAIL: local part empty"),
        (Mail(Path("a", "b..c")), "MAIL: domain not valid"),
        (Mail(Path("\udcff", "b.c"), {"SMTPUTF8": True}), "MAIL: not valid UTF-8"),
        (Mail(Path("é", "b.c")), "MAIL: a field is not ASCII; where SMTPUTF8 is announced, ask for it"),
        (Rcpt(Path("é", "b.c")), "RCPT: a field is not ASCII"),
        (Rcpt(Path("", "")), "RCPT: the forward path needs an address"),
        (Rcpt(Path("bob", "")), "RCPT: "),
        (Bdat(-1), "BDAT: give an int from 0 to 9223372036854775807"),
        (Bdat(2**63), "BDAT: give an int from 0"),
        (Bdat(10**5000), "BDAT: give an int from 0"),
        (Bdat(True), "BDAT: give an int from 0"),
        (Bdat(1, malformed=True), "BDAT: a server would read something else"),
        (Noop(" "), "NOOP: a server would read something else"),
        (Noop("a "), "NOOP: a server would read something else"),
        (Help("é"), "HELP: a field is not ASCII"),
        (Vrfy(""), "VRFY: give it something to ask for"),
        (Vrfy(" ", utf8=True), "VRFY: give it something to ask for"),
        (Vrfy("a SMTPUTF8"), "VRFY: a server would read something else"),
        (Vrfy("é"), "VRFY: a field is not ASCII"),
        (Vrfy("a\u2028b", utf8=True), "VRFY: a server would refuse it"),
        (Expn("\udcff", utf8=True), "EXPN: a server would refuse it"),
        (Auth("plain"), "AUTH: a mechanism is named by 1 to 20 of upper-case letters"),
        (Auth(""), "AUTH: a mechanism is named"),
        (Auth("A" * 21), "AUTH: a mechanism is named"),
        (Auth("PLAIN", None, malformed=True), "AUTH: a server would read something else"),
        (Etrn(""), "ETRN: a server would refuse it"),
        (Etrn("@a", "@"), "ETRN: a server would refuse it"),
        (Etrn("@a"), "ETRN: a server would read something else"),
        (Xclient({}), "XCLIENT: a server would refuse it"),
        (Xclient({"FOO": "1"}), "XCLIENT: a server would refuse it"),
        (Xclient({"addr": "192.0.2.1"}), "XCLIENT: a server would read something else"),
        (Xclient({"ADDR": "localhost"}), "XCLIENT: a server would refuse it"),
        (Xclient({"ADDR": "IPV6:::1"}), "XCLIENT: a server would refuse it"),
        (Xclient({"ADDR": "2001:DB8::1"}), "XCLIENT: a server would read something else"),
        (Xclient({"PORT": 0}), "XCLIENT: give an int from 1 to 65535"),
        (Xclient({"PORT": True}), "XCLIENT: give an int from 1 to 65535"),
        (Xclient({"PORT": "25"}), "XCLIENT: a server would read something else"),
        (Xclient({"NAME": 25}), "XCLIENT: a server would read something else"),
        (Xclient({"LOGIN": "[UNAVAILABLE]"}), "XCLIENT: a server would read something else"),
        (Xclient({"LOGIN": Unavailable.TEMPORARY}), "XCLIENT: a server would refuse it"),
        (Xclient({"LOGIN": ""}), "XCLIENT: a server would refuse it"),
        (Xclient({"LOGIN": "é"}), "XCLIENT: a server would refuse it"),
        (Xforward({"NAME": "a;b"}), "XFORWARD: a server would refuse it"),
        (Xforward({"LOGIN": "bob"}), "XFORWARD: a server would refuse it"),
        (Custom("XPAINT", "a "), "XPAINT: a server would read something else"),
        (Custom("XPAINT", "é"), "XPAINT: a field is not ASCII"),
    ],
)  # fmt: skip
def test_what_no_strict_server_would_take_is_refused_with_a_hint(command: Command, hint: str) -> None:
    assert hint in refusal(command)


@pytest.mark.conformance("C265")
@pytest.mark.parametrize("command", [Vrfy("a", utf8=True), Expn("é", utf8=True)])
def test_without_smtputf8_nobody_asks_in_utf8(command: Command) -> None:
    assert "SMTPUTF8 is not announced" in refusal(command, AFTER_HELO)


@pytest.mark.conformance("C265")
def test_without_smtputf8_no_address_is_utf8() -> None:
    plain = Grammar(extended=True)
    assert (
        refusal(Mail(Path("é", "b.c"), {"SMTPUTF8": True}), plain) == "MAIL: SMTPUTF8 was not announced; leave it out"
    )
    assert "RCPT: " in refusal(Rcpt(Path("é", "b.c")), replace(plain, utf8=True))


@pytest.mark.conformance("C295")
@pytest.mark.parametrize(
    "name", ["SEND", "SOML", "SAML", "", "xpaint", "X PAINT", "X\r\nQUIT", "XÉ", "1X", "RCPT", "QUIT", "BURL", "X" * 33]
)
def test_a_custom_verb_is_a_word_that_is_no_known_command(name: str) -> None:
    assert "use its class" in refusal(Custom(name))


def test_a_command_of_nobody_is_refused() -> None:
    class Evil(Command):
        verb = b"EVIL\r\nQUIT"

    class Disguised(Command):
        verb = b"QUIT"

    for command in (Evil(), Disguised()):
        assert "not a command known here" in refusal(command)


def test_a_command_without_a_writer_is_none() -> None:
    with pytest.raises(NotImplementedError):
        Command().write_argument(EVERYTHING)


@pytest.mark.parametrize(
    "command",
    [
        Ehlo(5),  # type: ignore[arg-type]
        Mail("a@b.c"),  # type: ignore[arg-type]
        Mail(Path(b"a", "b.c")),  # type: ignore[arg-type]
        Rcpt(None),  # type: ignore[arg-type]
        Noop(b"text"),  # type: ignore[arg-type]
        Vrfy(5),  # type: ignore[arg-type]
        Auth("PLAIN", "secret"),  # type: ignore[arg-type]
        Auth(5),  # type: ignore[arg-type]
        Bdat("5"),  # type: ignore[arg-type]
        Xclient({"PORT": None}),  # type: ignore[dict-item]
        Custom("XPAINT", 5),  # type: ignore[arg-type]
    ],
)
def test_a_field_of_another_type_is_refused_like_any_other_fault(command: Command) -> None:
    assert "secret" not in refusal(command)


class Other(Path):
    """A path that writes something else than itself, as an application's own class might."""

    def to_wire(self) -> bytes:
        return self.raw


@pytest.mark.parametrize("params", [{}, {"SIZE": 1}])
@pytest.mark.parametrize("written", [b"<evil@x.example>", b"<a@b.c> CONPERM", b"<a@b.c> SIZE=1", b"a@b.c", b"<>", b""])
def test_what_says_something_else_than_its_command_is_found_out(written: bytes, params: dict[str, object]) -> None:
    assert "a server would" in refusal(Mail(Other("a", "b.c", raw=written), params))


def test_what_this_side_would_read_at_most_does_not_limit_what_it_sends() -> None:
    known = replace(EVERYTHING, max_chunk=10, max_params=1)
    assert to_wire(Bdat(100), known) == b"BDAT 100\r\n"
    params = {"SIZE": 1, "CONPERM": True}
    assert to_wire(Mail(Path("", ""), params), known) == b"MAIL FROM:<> SIZE=1 CONPERM\r\n"


# Any command at all.

labels = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,20}[A-Za-z0-9_])?", fullmatch=True)
domains = st.lists(labels, min_size=1, max_size=4).map(".".join)
characters = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
anything = st.text(max_size=30) | st.text(characters, max_size=30)
paths = st.builds(Path, st.text(characters, min_size=1, max_size=30) | anything, domains | anything) | st.just(
    Path("", "")
)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(Helo, domains | anything),
    st.builds(Ehlo, domains | anything),
    st.builds(Lhlo, domains | anything),
    st.builds(Mail, paths, st.fixed_dictionaries({}, optional={"SMTPUTF8": st.just(True), "SIZE": st.integers()})),
    st.builds(Rcpt, paths),
    st.builds(Bdat, st.integers(), st.booleans()),
    st.builds(Noop, anything),
    st.builds(Help, anything),
    st.builds(Vrfy, anything, st.booleans()),
    st.builds(Expn, anything, st.booleans()),
    st.builds(Auth, st.sampled_from(["PLAIN", "X_1"]) | anything, st.none() | st.binary(max_size=30)),
    st.builds(Etrn, anything, st.sampled_from(["", "@", "#"]) | anything),
    st.builds(
        Xclient,
        st.dictionaries(
            st.sampled_from(["NAME", "ADDR", "PORT", "PROTO", "LOGIN", "DESTADDR"]) | anything,
            anything | st.integers() | st.sampled_from(Unavailable) | st.ip_addresses().map(str),
        ),
    ),
    st.builds(Xforward, st.dictionaries(st.sampled_from(["NAME", "IDENT", "SOURCE"]) | anything, anything)),
    st.builds(Custom, st.just("XPAINT") | anything, anything),
)


@given(command=commands, known=st.sampled_from([EVERYTHING, INTERNATIONAL, AFTER_HELO]))
def test_any_command_is_refused_or_one_line_that_says_it(command: Command, known: Grammar) -> None:
    try:
        line = to_wire(command, known)
    except LocalProtocolError:
        return
    assert read(line, known) == command


@given(local=st.text(characters, min_size=1, max_size=20), domain=domains)
def test_every_printable_local_part_can_be_sent(local: str, domain: str) -> None:
    command = Rcpt(Path(local, domain))
    assert read(to_wire(command, AFTER_HELO), AFTER_HELO) == command


@given(data=st.binary(max_size=300))
def test_every_initial_response_can_be_sent(data: bytes) -> None:
    command = Auth("SCRAM-SHA-256", data)
    assert read(to_wire(command, EVERYTHING)) == command
