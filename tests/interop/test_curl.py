"""curl delivers, opportunistic and verified TLS, and with the status that says why it could not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import BODY, Mx, run
from tests.interop.recording import PASSWORD, USER

pytestmark = pytest.mark.interop("curl")
LOGIN_DENIED = 67


def curl(mx: Mx, letter: Path, scheme: str, *words: str, status: int = 0) -> str:
    """Send the letter as it is; curl stuffs dots and keeps CRLF. The path of the URL is the EHLO name."""
    port = mx.implicit if scheme == "smtps" else mx.plain
    return run(
        "curl", "-q", "-sS", "--max-time", "20", "--cacert", mx.tls.ca, "--resolve", f"mx.test:{port}:127.0.0.1",
        "--mail-from", "a@client.test", "--mail-rcpt", "b@mx.test", "-T", letter,
        f"{scheme}://mx.test:{port}/client.test", *words, status=status,
    )  # fmt: skip


def test_plain(mx: Mx, letter: Path) -> None:
    curl(mx, letter, "smtp")
    assert mx.take() == [(b"ESMTP", BODY)]


def test_several_recipients(mx: Mx, letter: Path) -> None:
    curl(mx, letter, "smtp", "--mail-rcpt", "c@mx.test", "--mail-rcpt", "d@mx.test")
    assert mx.take() == [(b"ESMTP", BODY)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_starttls_and_auth(mx: Mx, letter: Path, mechanism: str) -> None:
    curl(mx, letter, "smtp", "--ssl-reqd", "-u", f"{USER}:{PASSWORD}", "--login-options", f"AUTH={mechanism}")
    assert mx.take() == [(b"ESMTPSA", BODY)]


@pytest.mark.parametrize("words", [(), ("--sasl-ir",)])
def test_implicit_tls_and_auth(mx: Mx, letter: Path, words: tuple[str, ...]) -> None:
    curl(mx, letter, "smtps", "-u", f"{USER}:{PASSWORD}", *words)
    assert mx.take() == [(b"ESMTPSA", BODY)]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_wrong_password_is_status_67(mx: Mx, letter: Path, scheme: str) -> None:
    curl(mx, letter, scheme, "--ssl-reqd", "-u", f"{USER}:wrong", status=LOGIN_DENIED)
    assert mx.take(0) == []


@pytest.mark.parametrize("command", ["NOOP", "HELP", "RSET"])
def test_other_commands(mx: Mx, command: str) -> None:
    said = run("curl", "-q", "-sS", "--max-time", "20", f"smtp://127.0.0.1:{mx.plain}/client.test", "-X", command)
    assert said.startswith("214" if command == "HELP" else "250")


def test_vrfy(mx: Mx) -> None:
    words = ("-X", "VRFY", "--mail-rcpt", "bob")
    said = run("curl", "-q", "-sS", "--max-time", "20", f"smtp://127.0.0.1:{mx.plain}/client.test", *words)
    assert said.startswith("252 2.5.0")
