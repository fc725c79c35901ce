"""AUTH and SUBMITTER: mailboxes in xtext (RFC 4954 5, RFC 4405 4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smtpcore.errors import ParseError
from smtpcore.params import auth, mailbox, submitter
from smtpcore.paths import Path


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (b"e+3Dmc2@example.com", Path("e=mc2", "example.com")),
        (b"a+2Bb@c.d", Path("a+b", "c.d")),
        (b"+22a+20b+22@c.d", Path("a b", "c.d")),
        (b"a@[192.0.2.1]", Path("a", "[192.0.2.1]")),
    ],
)
def test_a_mailbox_is_decoded_and_read(value: bytes, path: Path) -> None:
    assert auth.parse(value) == path
    assert submitter.parse(value) == path


@pytest.mark.conformance("C247")
@pytest.mark.parametrize(
    "value",
    [
        b"a+0D+0Ab@c.d", b"a+00@c.d", b"a+3E+20SIZE+3D1@c.d", b"a+3E@c.d", b"a@b.c+3E+3Cd@e.f", b"a", b"postmaster",
        b"@c.d", b"a@", b"@x.org:a@b.c", b"+C3+A9@x.org", b"\xc3\xa9@x.org", b"a+zz@b.c", b"a=b@c.d", b"+3Ca@b.c+3E",
    ],
)  # fmt: skip
def test_what_is_no_mailbox_when_decoded_is_refused(value: bytes) -> None:
    for parse in (auth.parse, submitter.parse):
        with pytest.raises(ParseError):
            parse(value)


@pytest.mark.conformance("C246")
@pytest.mark.parametrize("value", [b"<>", b"+3C+3E"])
def test_only_auth_may_say_that_nobody_is_known(value: bytes) -> None:
    assert auth.parse(value).is_null
    with pytest.raises(ParseError):
        submitter.parse(value)


@pytest.mark.parametrize("value", [b"\xc3\xa9@x.org", b"+C3+A9@x.org"])
def test_under_smtputf8_a_mailbox_may_have_utf8_in_it(value: bytes) -> None:
    assert mailbox.parse(value, utf8=True) == Path("\xe9", "x.org")
    with pytest.raises(ParseError):
        mailbox.parse(value)
    assert auth.parse(value, utf8=True) == submitter.parse(value, utf8=True) == Path("\xe9", "x.org")


@pytest.mark.parametrize("octets", [b"\xff", b"\xc0\xae", b"\xed\xa0\x80", b"+ED+A0+80", b"\xc2\x85", b"+E2+80+A8"])
def test_bad_utf8_in_a_mailbox_is_refused(octets: bytes) -> None:
    with pytest.raises(ParseError):
        auth.parse(octets + b"@x.org", utf8=True)


@pytest.mark.parametrize("write", [auth.write, mailbox.write])
def test_a_mailbox_beyond_ascii_is_written_where_smtputf8_was_asked_for(write: Callable[..., bytes]) -> None:
    path = Path("\xe9", "x.org")
    assert write(path, utf8=True) == b"+C3+A9@x.org"
    with pytest.raises(ParseError, match="without SMTPUTF8"):
        write(path)
