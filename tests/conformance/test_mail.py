"""C082 to C107, C184 to C191 and the leniencies: MAIL and its parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smtpcore.commands import Mail
from smtpcore.leniencies import Leniencies
from smtpcore.params.body import BodyType
from smtpcore.paths import Path
from tests.wire import EHLO, HELO, STRICT, converse, last

OK = "250 2.1.0"


def mail(path: bytes, **how: object) -> str:
    """What MAIL with this behind the colon is answered with."""
    return last(EHLO, b"MAIL FROM:" + path, **how)


def parsed(path: bytes) -> Mail:
    """The event of a MAIL with this behind the colon."""
    event = converse(EHLO + b"\r\nMAIL FROM:" + path + b"\r\n").events[-1]
    assert isinstance(event, Mail)
    return event


@pytest.mark.conformance("C082")
def test_the_null_path_is_a_reverse_path() -> None:
    assert parsed(b"<>").path.is_null
    assert mail(b"<>", leniencies=STRICT) == OK


@pytest.mark.conformance("C086", "C087", "C088", "C089", "C090", "C091")
@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"<@x.org,@y.org:a@b.c>", Path("a", "b.c")),
        (b'<"a b"@c.d>', Path("a b", "c.d")),
        (b'<"a\\"b"@c.d>', Path('a"b', "c.d")),
        (b'<"a>b"@c.d> SIZE=1', Path("a>b", "c.d")),
        (b'<"a@b"@c.d>', Path("a@b", "c.d")),
        (b'<"abc"@d.e>', Path("abc", "d.e")),
        (b"<a@[192.0.2.1]>", Path("a", "[192.0.2.1]")),
    ],
)
def test_a_path_is_read_to_its_true_end(text: bytes, path: Path) -> None:
    assert parsed(text).path == path
    assert mail(text, leniencies=STRICT) == OK


# (what stands behind FROM:, lenient, strict)
FORMS = [
    (b" <a@b.c>", OK, "501 5.5.2"),
    (b" a@b.c", OK, "501 5.5.2"),
    (b"  <a@b.c>", "501 5.5.2", "501 5.5.2"),
    (b"a@b.c", OK, "501 5.5.2"),
    (b"a@b.c SIZE=1", OK, "501 5.5.2"),
    (b"", "501 5.5.2", "501 5.5.2"),
    (b"@x.org:a@b.c", "501 5.5.2", "501 5.5.2"),
    (b'"a b"@c.d', "501 5.5.2", "501 5.5.2"),
    (b"<a@b.c", "501 5.5.2", "501 5.5.2"),
    (b"<a@x_y.z>", OK, "501 5.1.7"),
    (b"<a@-x.z>", "501 5.1.7", "501 5.1.7"),
    (b"<a@x-.z>", "501 5.1.7", "501 5.1.7"),
    (b"<a..b@c.d>", OK, "501 5.1.7"),
    (b"<.a@c.d>", OK, "501 5.1.7"),
    (b"<a.@c.d>", OK, "501 5.1.7"),
    (b"<a@b.c.>", "501 5.1.7", "501 5.1.7"),
    (b"<a@b..c>", "501 5.1.7", "501 5.1.7"),
    (b"<a@.b>", "501 5.1.7", "501 5.1.7"),
    (b'<""@c.d>', "501 5.1.7", "501 5.1.7"),
    (b"<a@[256.1.1.1]>", "501 5.1.7", "501 5.1.7"),
    (b"<a@[01.2.3.4]>", "501 5.1.7", "501 5.1.7"),
    (b"<a@[IPv6:::1]>", OK, OK),
    (b"<a@[IPv6:1::2::3]>", "501 5.1.7", "501 5.1.7"),
    (b"<a@[IPv6:::1%eth0]>", "501 5.1.7", "501 5.1.7"),
    (b"<a@[::1]>", "501 5.1.7", "501 5.1.7"),
    (b"<a@[foo:bar]>", "501 5.1.7", "501 5.1.7"),
    (b"<a@#12345>", "501 5.1.7", "501 5.1.7"),
    (b"<postmaster>", "501 5.1.7", "501 5.1.7"),
    (b"<a>", "501 5.1.7", "501 5.1.7"),
    (b"<@b.c>", "501 5.1.7", "501 5.1.7"),
    (b"<a" + 63 * b"a" + b"@b.c>", OK, OK),
    (b"<a" + 64 * b"a" + b"@b.c>", OK, "501 5.1.7"),
    (b"<a@" + 64 * b"b" + b".c>", "501 5.1.7", "501 5.1.7"),
    (b"<a@" + b".".join([60 * b"b"] * 4) + b".cc.ddd>", OK, OK),
    (b"<aaaaa@" + b".".join([60 * b"b"] * 4) + b".cc.ddd>", OK, "501 5.1.7"),
]


@pytest.mark.conformance(
    "C083", "C085", "C092", "C093", "C094", "C095", "C096", "C097", "C098", "C099", "C100", "C101", "C326"
)
@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize(("path", "lenient", "strict"), FORMS)
def test_a_form_is_taken_by_the_grammar_or_by_a_leniency(path: bytes, lenient: str, strict: str) -> None:
    assert mail(path) == lenient
    assert mail(path, leniencies=STRICT) == strict


@pytest.mark.conformance("C084")
@pytest.mark.parametrize(
    "line",
    [b"MAIL FROM :<a@b.c>", b"MAIL <a@b.c>", b"MAIL TO:<a@b.c>", b"MAIL FROM=<a@b.c>", b"MAIL FROM", b"MAIL a@b"],
)
def test_from_and_its_colon_stand_together_in_both_profiles(line: bytes) -> None:
    assert last(EHLO, line) == last(EHLO, line, leniencies=STRICT) == "501 5.5.2"


@pytest.mark.conformance("C325")
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("space_after_colon", b" <a@b.c>"),
        ("bare_address", b"a@b.c"),
        ("underscore_domain", b"<a@x_y.z>"),
        ("loose_dots", b"<a..b@c.d>"),
        ("long_paths", b"<" + 65 * b"a" + b"@b.c>"),
    ],
)
def test_each_leniency_can_be_turned_off_alone_and_on_alone(name: str, path: bytes) -> None:
    assert mail(path) == OK
    assert mail(path, leniencies=replace(Leniencies(), **{name: False})).startswith("501")
    assert mail(path, leniencies=replace(STRICT, **{name: True})) == OK


# (what stands behind the path, the reply)
PARAMETERS = [
    (b" SIZE=1", OK),
    (b" size=1 body=8bitmime", OK),
    (b" BODY=7BIT SIZE=0", OK),
    (b" SIZE=00000000000000000001", OK),
    (b" SIZE=99999999999999999999", OK),
    (b" SIZE=100000000000000000000", "501 5.5.4"),
    (b" SIZE=" + 400 * b"9", "501 5.5.4"),
    (b" SIZE=+5", "501 5.5.4"),
    (b" SIZE=-1", "501 5.5.4"),
    (b" SIZE=1_0", "501 5.5.4"),
    (b" SIZE=0x10", "501 5.5.4"),
    (b" SIZE=1e3", "501 5.5.4"),
    (b" SIZE=5x", "501 5.5.4"),
    (b" SIZE= ", "501 5.5.4"),
    (b" SIZE= 5", "501 5.5.4"),
    (b" SIZE=", "501 5.5.4"),
    (b" SIZE", "501 5.5.4"),
    (b" SIZE=1=2", "501 5.5.4"),
    (b" SIZE=\xd9\xa1", "501 5.5.2"),
    (b" SIZE=1 SIZE=2", "501 5.5.4"),
    (b" SIZE=1 size=1", "501 5.5.4"),
    (b" BODY=FOO", "501 5.5.4"),
    (b" BODY", "501 5.5.4"),
    (b" BODY=BINARYMIME", "555 5.5.4"),
    (b" BODY=binarymime", "555 5.5.4"),
    (b" FOO=1", "555 5.5.4"),
    (b" FOO", "555 5.5.4"),
    (b" RET=FULL", "555 5.5.4"),
    (b" ENVID=x", "555 5.5.4"),
    (b" SMTPUTF8", "555 5.5.4"),
    (b" FOO=", "555 5.5.4"),
    (b" FOO=a=b", "555 5.5.4"),
    (b" SIZE=1 FOO", "555 5.5.4"),
    (b"SIZE=1", "501 5.5.4"),
    (b"<c@d.e>", "501 5.5.4"),
    (b",<c@d.e>", "501 5.5.4"),
    (b" <c@d.e>", "501 5.5.4"),
    (b"  SIZE=1", "501 5.5.4"),
    (b" SIZE=1  BODY=7BIT", "501 5.5.4"),
    (b" =x", "501 5.5.4"),
    (b" ;", "501 5.5.4"),
    (b" -SIZE=1", "501 5.5.4"),
    (b" AUTH=<>", OK),
    (b" AUTH=a@b.c", OK),
    (b" AUTH=e+3Dmc2@d.e", OK),
    (b" AUTH=e+3dmc2@d.e", OK),
    (b" AUTH", "501 5.5.4"),
    (b" AUTH=", "501 5.5.4"),
    (b" AUTH=a", "501 5.5.4"),
    (b" AUTH=postmaster", "501 5.5.4"),
    (b" AUTH=<a@b.c>", "501 5.5.4"),
    (b" AUTH=@x.org:a@b.c", "501 5.5.4"),
    (b" AUTH=a@b.c+", "501 5.5.4"),
    (b" AUTH=a@b.c+4", "501 5.5.4"),
    (b" AUTH=a+zz@b.c", "501 5.5.4"),
    (b" AUTH=a+0D+0Ab@c.d", "501 5.5.4"),
    (b" AUTH=a+00@c.d", "501 5.5.4"),
    (b" AUTH=a+C3+A9@c.d", "501 5.5.4"),
    (b" AUTH=a@b.c+3E+20x", "501 5.5.4"),
]


@pytest.mark.conformance("C102", "C103", "C105", "C106", "C107", "C184", "C185", "C190", "C191", "C246", "C247", "C334")
@pytest.mark.threat("T-PARAM", "T-PY")
@pytest.mark.parametrize(("text", "reply"), PARAMETERS)
def test_a_parameter_is_read_to_the_letter(text: bytes, reply: str) -> None:
    assert mail(b"<a@b.c>" + text) == reply


def test_the_parameters_have_values() -> None:
    event = parsed(b"<a@b.c> size=0012 BODY=8bitmime AUTH=e+3Dmc2@d.e")
    assert (event.size, event.body, event.auth) == (12, BodyType.EIGHT_BIT_MIME, Path("e=mc2", "d.e"))
    assert parsed(b"<a@b.c> AUTH=<>").auth == Path("", "")
    event = parsed(b"<a@b.c>")
    assert (event.size, event.body, event.auth) == (None, None, None)


@pytest.mark.conformance("C104")
@pytest.mark.parametrize("text", [b" SIZE=1", b" BODY=7BIT", b" AUTH=<>", b" FOO", b" SIZE=", b" SIZE", b" X=a=b"])
def test_after_helo_there_are_no_parameters(text: bytes) -> None:
    assert last(HELO, b"MAIL FROM:<a@b.c>" + text) == "555 5.5.4"


@pytest.mark.conformance("C104")
def test_helo_params_lets_size_and_body_in() -> None:
    some = replace(Leniencies(), helo_params=True)
    assert last(HELO, b"MAIL FROM:<a@b.c> SIZE=1 BODY=7BIT", leniencies=some) == OK
    assert last(HELO, b"MAIL FROM:<a@b.c> SIZE=x", leniencies=some) == "501 5.5.4"
    assert last(HELO, b"MAIL FROM:<a@b.c> AUTH=<>", leniencies=some) == "555 5.5.4"
    assert last(HELO, b"MAIL FROM:<a@b.c>", b"RCPT TO:<a@b.c> SIZE=1", leniencies=some) == "555 5.5.4"


def test_twenty_parameters_are_read_and_no_more() -> None:
    assert mail(b"<a@b.c>" + 20 * b" F=1") == "555 5.5.4"
    assert mail(b"<a@b.c>" + 21 * b" F=1") == "501 5.5.4"
    assert mail(b"<a@b.c> SIZE=1", max_params=0) == "501 5.5.4"


@pytest.mark.conformance("C109")
def test_a_refused_mail_begins_nothing() -> None:
    assert last(EHLO, b"MAIL FROM:<a@b.c> FOO", b"RCPT TO:<a@b.c>") == "503 5.5.1"
