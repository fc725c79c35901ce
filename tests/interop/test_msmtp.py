"""msmtp delivers. It reads LF, sends CRLF, and puts the last RCPT and DATA in one segment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import BODY, Mx, run
from tests.interop.recording import PASSWORD, USER

pytestmark = pytest.mark.interop("msmtp")
NO_PERMISSION = 77


def msmtp(
    mx: Mx, folder: Path, *words: str, tls: str = "off", auth: str = "off", password: str = PASSWORD, status: int = 0
) -> str:
    """Send the letter by a settings file of the test's own.

    Args:
        mx: The server.
        folder: For the file.
        words: Recipients, or options.
        tls: ``off``, ``starttls`` or ``implicit``.
        auth: A mechanism, or ``off``.
        password: Right or wrong.
        status: What msmtp has to end with.
    """
    settings = folder / "msmtprc"
    settings.write_text(
        f"account mx\nhost 127.0.0.1\nport {mx.implicit if tls == 'implicit' else mx.plain}\n"
        f"from a@client.test\ndomain client.test\ntimeout 20\n"
        f"tls {'off' if tls == 'off' else 'on'}\ntls_starttls {'on' if tls == 'starttls' else 'off'}\n"
        f"tls_trust_file {mx.tls.ca}\ntls_host_override mx.test\n"
        f"auth {auth}\nuser {USER}\npassword {password}\n"
    )
    settings.chmod(0o600)
    letter = BODY.replace(b"\r\n", b"\n")
    return run("msmtp", "-C", settings, "-a", "mx", *(words or ("b@mx.test",)), stdin=letter, status=status)


def test_plain(mx: Mx, tmp_path: Path) -> None:
    msmtp(mx, tmp_path)
    assert mx.take() == [(b"ESMTP", BODY)]


def test_several_recipients(mx: Mx, tmp_path: Path) -> None:
    msmtp(mx, tmp_path, "b@mx.test", "c@mx.test", "d@mx.test")
    assert mx.take() == [(b"ESMTP", BODY)]


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_starttls_and_auth(mx: Mx, tmp_path: Path, mechanism: str) -> None:
    msmtp(mx, tmp_path, tls="starttls", auth=mechanism)
    assert mx.take() == [(b"ESMTPSA", BODY)]


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_implicit_tls_and_auth(mx: Mx, tmp_path: Path, mechanism: str) -> None:
    msmtp(mx, tmp_path, tls="implicit", auth=mechanism)
    assert mx.take() == [(b"ESMTPSA", BODY)]


def test_a_wrong_password(mx: Mx, tmp_path: Path) -> None:
    text = msmtp(mx, tmp_path, tls="starttls", auth="plain", password="wrong", status=NO_PERMISSION)
    assert "535 5.7.8" in text
    assert mx.take(0) == []


def test_it_reads_what_the_server_can(mx: Mx, tmp_path: Path) -> None:
    text = msmtp(mx, tmp_path, "--serverinfo")
    assert "SIZE 36700160" in text
    assert "PIPELINING" in text
    assert "STARTTLS" in text
