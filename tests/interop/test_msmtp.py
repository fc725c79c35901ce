"""msmtp delivers. It reads LF, sends CRLF, and puts the last RCPT and DATA in one segment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtpcore.params.dsn import Notify, Ret
from smtpcore.spec import Dialect
from tests.conftest import TlsFiles
from tests.interop.conftest import BODY, Mx, run
from tests.interop.recording import PASSWORD, TOKEN, USER, Recording

pytestmark = pytest.mark.interop("msmtp")
Start = Callable[..., Recording]
NO_PERMISSION = 77


def msmtp(
    mx: Mx, folder: Path, *words: str, tls: str = "off", auth: str = "off", password: str = PASSWORD, status: int = 0
) -> str:
    """Send the letter to the command's server.

    Args:
        mx: The server.
        folder: For the settings.
        words: Recipients, or options.
        tls: ``off``, ``starttls`` or ``implicit``.
        auth: A mechanism, or ``off``.
        password: Right or wrong.
        status: What msmtp has to end with.
    """
    port = mx.implicit if tls == "implicit" else mx.plain
    return send(port, mx.tls, folder, *words, tls=tls, auth=auth, password=password, status=status)


def send(
    port: int,
    files: TlsFiles,
    folder: Path,
    *words: str,
    tls: str = "off",
    auth: str = "off",
    password: str = PASSWORD,
    more: tuple[str, ...] = (),
    status: int = 0,
) -> str:
    """Send the letter by a settings file of the test's own, with more settings than the usual."""
    settings = folder / "msmtprc"
    settings.write_text(
        f"account mx\nhost 127.0.0.1\nport {port}\n"
        f"from a@client.test\ndomain client.test\ntimeout 20\n"
        f"tls {'off' if tls == 'off' else 'on'}\ntls_starttls {'on' if tls == 'starttls' else 'off'}\n"
        f"tls_trust_file {files.ca}\ntls_host_override mx.test\n"
        f"auth {auth}\nuser {USER}\npassword {password}\n" + "".join(f"{line}\n" for line in more)
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


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "CRAM-MD5"])
@pytest.mark.parametrize("tls", ["off", "starttls", "implicit"])
def test_mechanisms_that_show_no_password(
    recording: Start, tmp_path: Path, tls_files: TlsFiles, mechanism: str, tls: str
) -> None:
    server = recording(mechanisms=(mechanism,), require_auth=True, implicit_tls=tls == "implicit")
    send(server.port, tls_files, tmp_path, tls=tls, auth=mechanism.lower())
    delivery = server.take_one()
    assert delivery.identity is not None
    assert (delivery.identity.username, delivery.identity.mechanism) == (USER, mechanism)
    assert (delivery.tls is None) == (tls == "off")
    assert delivery.content == BODY


@pytest.mark.parametrize("words", [{"password": "wrong"}, {"more": ("user nobody@mx.test",)}], ids=["password", "user"])
def test_scram_with_what_is_wrong(recording: Start, tmp_path: Path, tls_files: TlsFiles, words: dict[str, Any]) -> None:
    server = recording(mechanisms=("SCRAM-SHA-256",))
    text = send(server.port, tls_files, tmp_path, auth="scram-sha-256", status=NO_PERMISSION, **words)
    assert "535 5.7.8" in text
    assert server.take(0) == []


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_tokens(recording: Start, tmp_path: Path, tls_files: TlsFiles, mechanism: str) -> None:
    server = recording(mechanisms=(mechanism,), require_auth=True)
    send(server.port, tls_files, tmp_path, tls="starttls", auth=mechanism.lower(), password=TOKEN)
    delivery = server.take_one()
    assert delivery.identity is not None
    assert (delivery.identity.username, delivery.identity.mechanism) == (USER, mechanism)
    assert delivery.content == BODY


def test_it_chooses_among_what_is_on_offer(recording: Start, tmp_path: Path, tls_files: TlsFiles) -> None:
    server = recording(mechanisms=("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"))
    send(server.port, tls_files, tmp_path, tls="starttls", auth="on")
    delivery = server.take_one()
    assert delivery.identity is not None
    assert delivery.identity.username == USER
    assert delivery.content == BODY


def test_dsn(recording: Start, tmp_path: Path, tls_files: TlsFiles) -> None:
    server = recording(dsn=True)
    send(
        server.port, tls_files, tmp_path, "b@mx.test", "c@mx.test",
        more=("dsn_notify failure,delay,success", "dsn_return headers"),
    )  # fmt: skip
    delivery = server.take_one()
    assert delivery.envelope.mail.ret is Ret.HDRS
    notify = Notify.SUCCESS | Notify.FAILURE | Notify.DELAY
    assert [rcpt.notify for rcpt in delivery.envelope.recipients] == [notify, notify]


def test_lmtp(recording: Start, tmp_path: Path, tls_files: TlsFiles) -> None:
    server = recording(dialect=Dialect.LMTP)
    send(server.port, tls_files, tmp_path, "b@mx.test", "c@mx.test", more=("protocol lmtp",))
    delivery = server.take_one()
    assert delivery.recipients == ["b@mx.test", "c@mx.test"]
    assert (delivery.protocol, delivery.content) == (b"LMTP", BODY)
