"""swaks delivers: plain, pipelined, with STARTTLS and AUTH, and with TLS from the first octet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.process import Serve
from tests.conftest import TlsFiles
from tests.interop.conftest import BODY, Mx, run
from tests.interop.recording import PASSWORD, USER

pytestmark = pytest.mark.interop("swaks")


def swaks(mx: Mx, letter: Path, port: int, *words: str, status: int = 0) -> str:
    """Send the letter; swaks stuffs dots, makes each line end a CRLF and puts one of its own behind the last line."""
    letter.write_bytes(BODY.removesuffix(b"\r\n"))
    return run(
        "swaks", "-n", "--helo", "client.test", "--from", "a@client.test", "--to", "b@mx.test",
        "-s", f"127.0.0.1:{port}", "--timeout", "20", "--data", f"@{letter}", *words, status=status,
    )  # fmt: skip


def verified(mx: Mx) -> tuple[str, ...]:
    return ("--tls-verify", "--tls-ca-path", str(mx.tls.ca), "--tls-sni", "mx.test")


def test_plain(mx: Mx, letter: Path) -> None:
    text = swaks(mx, letter, mx.plain)
    assert re.search(r"<-  250 2\.0\.0 queued as ", text)
    assert mx.take() == [(b"ESMTP", BODY)]


def test_helo(mx: Mx, letter: Path) -> None:
    swaks(mx, letter, mx.plain, "--protocol", "SMTP")
    assert mx.take() == [(b"SMTP", BODY)]


def test_a_pipelined_group(mx: Mx, letter: Path) -> None:
    swaks(mx, letter, mx.plain, "--pipeline", "--to", "b@mx.test,c@mx.test,d@mx.test")
    assert mx.take() == [(b"ESMTP", BODY)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_starttls_and_auth(mx: Mx, letter: Path, mechanism: str) -> None:
    text = swaks(mx, letter, mx.plain, "-tls", *verified(mx), "-a", mechanism, "-au", USER, "-ap", PASSWORD)
    assert "~>" in text
    assert mx.take() == [(b"ESMTPSA", BODY)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_implicit_tls_and_auth(mx: Mx, letter: Path, mechanism: str) -> None:
    swaks(mx, letter, mx.implicit, "-tlsc", *verified(mx), "-a", mechanism, "-au", USER, "-ap", PASSWORD)
    assert mx.take() == [(b"ESMTPSA", BODY)]


def test_pipelined_behind_starttls(mx: Mx, letter: Path) -> None:
    swaks(mx, letter, mx.plain, "-tls", *verified(mx), "--pipeline")
    assert mx.take() == [(b"ESMTPS", BODY)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_wrong_password_is_status_28(mx: Mx, letter: Path, mechanism: str) -> None:
    text = swaks(mx, letter, mx.plain, "-tls", "-a", mechanism, "-au", USER, "-ap", "wrong", status=28)
    assert "<~* 535 5.7.8 " in text
    assert mx.take(0) == []


def test_auth_is_not_to_be_had_in_clear_text(mx: Mx, letter: Path) -> None:
    text = swaks(mx, letter, mx.plain, "-a", "PLAIN", "-au", USER, "-ap", PASSWORD, status=28)
    assert PASSWORD not in text.replace("swaks", "")
    assert mx.take(0) == []


def test_who_goes_before_the_354_leaves_nothing(tmp_path: Path, letter: Path, tls_files: TlsFiles) -> None:
    with Serve(folder=tmp_path) as server:
        mx = Mx(server, tls_files)
        swaks(mx, letter, mx.plain, "--drop-after-send", "DATA")
        # Whether the DATA was read before the connection broke is a matter of luck.
        assert re.search(r" mail=1 rcpt=1( data=1)? bytes=0\b", server.summary()[0])
        assert mx.take(0) == []
        assert list((server.maildir / "tmp").iterdir()) == []
