"""Where a client connects to, as a word of the command line."""

from __future__ import annotations

import argparse

import pytest
from smtpcore_cli.places import Place, parse_place

from smtpcore.spec import Dialect


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("smtp://mx.test", Place("mx.test", 25)),
        ("smtp://mx.test/", Place("mx.test", 25)),
        ("smtp://mx.test:2525", Place("mx.test", 2525)),
        ("smtp://[2001:db8::1]", Place("2001:db8::1", 25)),
        ("smtp://[fe80::1%eth0]:26", Place("fe80::1%eth0", 26)),
        ("smtps://mx.test", Place("mx.test", 465, tls="implicit")),
        ("submission://mx.test", Place("mx.test", 587, tls="starttls")),
        ("submissions://mx.test", Place("mx.test", 465, tls="implicit")),
        ("submission://ann@mx.test", Place("mx.test", 587, user="ann", tls="starttls")),
        ("submission://ann@a.test@mx.test", Place("mx.test", 587, user="ann@a.test", tls="starttls")),
        ("submission://j%C3%BCrgen%3A@mx.test:1587", Place("mx.test", 1587, user="jürgen:", tls="starttls")),
        ("lmtp://mx.test:24", Place("mx.test", 24, dialect=Dialect.LMTP)),
        ("lmtps://[::1]:24", Place("::1", 24, tls="implicit", dialect=Dialect.LMTP)),
        ("lmtp:unix:/run/lmtp", Place(path="/run/lmtp", dialect=Dialect.LMTP)),
        ("smtp:unix:here: and there", Place(path="here: and there")),
        ("smtp:unix:/a@b", Place(path="/a@b")),
        ("submission:unix:/run/s", Place(path="/run/s", tls="starttls")),
    ],
)
def test_a_server_is_read(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text",
    ["", "mx.test", "mx.test:25", "smtp://", "smtp://mx.test:", "smtp://:25", "smtp://::1", "smtp://mx.test/path",
     "http://mx.test", "SMTP://mx.test", "unix:/run/smtp", "smtps:unix:/run/smtp", "lmtp:unix:", "smtp://mx.test:25\n",
     "smtp://mx.test:\u0665", "smtp://[mx.test]", "smtp://m\u00fcx.test",
     "smtp://.mx.test", "smtp://mx..test"],
)  # fmt: skip
def test_anything_else_is_none_and_is_told_what_there_is(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no server; there are smtp://host, "):
        parse_place(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("lmtp://mx.test", "LMTP has no usual port"),
        ("lmtp://mx.test:25", "RFC 2033 5"),
        ("smtp://mx.test:0", "1 to 65535"),
        ("smtp://mx.test:65536", "1 to 65535"),
        ("smtp://%FF@mx.test", "not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_port_or_a_name_is_said(text: str, complaint: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=complaint):
        parse_place(text)


@pytest.mark.parametrize(
    "text",
    ["submission://ann:s3cret@mx.test", "submission://ann:s3cret@a.test@mx.test:587", "what://ann:s3cret@mx.test/x",
     "submission://ann:@mx.test/s3cret@"],
)  # fmt: skip
def test_a_password_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="--password-file") as caught:
        parse_place(text)
    assert "s3cret" not in str(caught.value)
