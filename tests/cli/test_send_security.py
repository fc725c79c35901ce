"""``smtpcore send``: TLS, certificates and secrets."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from smtpcore_cli.client_login import VARIABLE
from smtpcore_testing import SmtpSink

from tests.cli.process import DEADLINE, PATHS, Serve
from tests.cli.sending import ENVELOPE, Outcome, run, start
from tests.conftest import TlsFiles

Capture = pytest.CaptureFixture[str]
Start = Callable[..., Serve]
SECRET = "s3cret pässword"


@pytest.fixture
def password(tmp_path: Path) -> str:
    """A file with a password."""
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\n")
    return str(path)


def hidden(done: Outcome) -> None:
    """No form of the password is in what was said."""
    said = done.output + done.errors
    for secret in (SECRET, "s3cret"):
        assert secret not in said
        assert b64encode(secret.encode()).decode()[:8] not in said
    assert b64encode(f"\0ann\0{SECRET}".encode()).decode() not in said


# Certificates.


@pytest.mark.parametrize(("scheme", "tls"), [("submission", "starttls"), ("smtps", "implicit"), ("smtp", "starttls")])
def test_a_certificate_that_does_not_verify_is_refused_unless_it_is_let(
    scheme: str, tls: str, message: str, capsys: Capture
) -> None:
    with SmtpSink(tls="implicit" if tls == "implicit" else "starttls") as sink:
        words = ("send", message, "--server", f"{scheme}://{sink.host}:{sink.port}", "--tls", tls, *ENVELOPE)
        done = run(capsys, *words)
        assert (done.status, done.states) == (75, ["temporary"])
        assert "certificate verify failed: self-signed certificate" in done.output
        assert sink.messages == []
        assert run(capsys, *words, "--insecure").status == 0
        assert run(capsys, *words, "--ca", str(sink.ca_file)).status == 0
        assert run(capsys, *words, "--ca", str(sink.ca_file), "--server-name", "localhost").status == 0
        done = run(capsys, *words, "--ca", str(sink.ca_file), "--server-name", "other.test")
        assert (done.status, done.states) == (75, ["temporary"])
        assert [found.tls is not None for found in sink.messages] == [True] * 3


@pytest.mark.parametrize("host", ["[127.0.0.1%eth0]", "localhost."])
def test_neither_the_zone_of_an_address_nor_the_dot_behind_a_name_is_in_the_certificate(
    host: str, message: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    with SmtpSink(tls="implicit") as sink:
        monkeypatch.setattr(socket, "getaddrinfo", lambda _, *args, **options: resolve(sink.host, *args, **options))
        words = ("send", message, "--server", f"smtps://{host}:{sink.port}", "--ca", str(sink.ca_file))
        assert run(capsys, *words, *ENVELOPE).states == ["accepted"]


def test_opportunistic_tls_takes_any_certificate_or_none(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    with SmtpSink(tls="starttls") as sink:
        words = ("send", message, "--server", f"smtp://{sink.host}:{sink.port}", *ENVELOPE)
        assert run(capsys, *words).status == 0
        assert run(capsys, *words, "--tls", "none").status == 0
        assert run(capsys, *words, "--ca", "/etc/hosts").status == 2
        assert [found.tls is not None for found in sink.messages] == [True, False]
    assert run(capsys, "send", message, "--server", f"smtp://{smtp_sink.host}:{smtp_sink.port}", *ENVELOPE).status == 0


def test_who_names_an_authority_has_it_asked_under_opportunistic_tls_too(
    message: str, tls_files: TlsFiles, capsys: Capture
) -> None:
    with SmtpSink(tls="starttls") as sink:
        words = ("send", message, "--server", f"smtp://{sink.host}:{sink.port}", *ENVELOPE)
        assert run(capsys, *words, "--ca", str(tls_files.ca)).states == ["temporary"]
        assert run(capsys, *words, "--ca", str(sink.ca_file)).states == ["accepted"]


def test_a_submission_server_without_starttls_gets_nothing(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    done = run(capsys, "send", message, "--server", f"submission://{smtp_sink.host}:{smtp_sink.port}", *ENVELOPE)
    assert (done.status, done.states) == (1, ["permanent"])
    assert "starttls: the server does not offer it" in done.output
    assert smtp_sink.messages == []


def test_a_client_certificate_is_shown_and_may_authenticate(
    serve: Start, message: str, tls_files: TlsFiles, tls_authority: trustme.CA, tmp_path: Path, capsys: Capture
) -> None:
    certificate = tls_authority.issue_cert("ann@client.test")
    chain, key = tmp_path / "client.pem", tmp_path / "client.key"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    flags = ("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key), "--client-ca", str(tls_files.ca))
    server = serve(*flags, "--require-auth")
    words = ("send", message, "--server", f"submission://127.0.0.1:{server.ports[0]}", "--ca", str(tls_files.ca))
    shown = ("--certfile", str(chain), "--keyfile", str(key))
    assert run(capsys, *words, *ENVELOPE, *shown, "--mechanism", "EXTERNAL").status == 0
    done = run(capsys, *words, *ENVELOPE, *shown)
    assert (done.status, done.states) == (1, ["permanent"])
    assert "530 5.7.0" in done.output


# Secrets.


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])
def test_a_password_is_shown_nowhere(mechanism: str, message: str, password: str, capsys: Capture) -> None:
    with SmtpSink(tls="starttls", users={"ann": SECRET}, require_auth=True) as sink:
        server = ("--server", f"submission://ann@localhost:{sink.port}", "--ca", str(sink.ca_file))
        words = ("send", message, *server, *ENVELOPE, "--show", "--password-file", password)
        done = run(capsys, *words, "--mechanism", mechanism)
        assert done.status == 0, done.output + done.errors
        [found] = sink.messages
        assert found.identity is not None
        assert (found.identity.username, found.identity.mechanism) == ("ann", mechanism)
    assert f"C: AUTH {mechanism}" in done.errors
    hidden(done)


def test_a_wrong_password_is_refused_for_good_and_not_shown(
    message: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "s3cret")
    with SmtpSink(tls="implicit", users={"ann": SECRET}) as sink:
        server = ("--server", f"smtps://ann@localhost:{sink.port}", "--ca", str(sink.ca_file))
        done = run(capsys, "send", message, *server, *ENVELOPE, "--show", "--mechanism", "PLAIN")
        assert sink.messages == []
    assert (done.status, done.states) == (1, ["permanent"])
    assert "535 5.7.8" in done.output
    hidden(done)


def test_a_password_goes_in_clear_text_only_when_it_is_let(message: str, password: str, capsys: Capture) -> None:
    with SmtpSink(users={"ann": SECRET}) as sink:
        server = ("--server", f"smtp://ann@{sink.host}:{sink.port}", "--password-file", password)
        words = ("send", message, *server, "--mechanism", "PLAIN", *ENVELOPE)
        done = run(capsys, *words)
        assert (done.status, done.states) == (1, ["permanent"])
        assert "auth: no SASL mechanism" in done.output
        assert "AUTH PLAIN" not in sink.transcript
        assert run(capsys, *words, "--auth-without-tls").status == 0


def test_a_token_is_read_from_a_file(
    serve: Start, message: str, tls_files: TlsFiles, tmp_path: Path, capsys: Capture
) -> None:
    known, token = tmp_path / "tokens", tmp_path / "token"
    known.write_text("ann@a.test:t0ken\n")
    token.write_text("t0ken\n")
    server = serve("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key), "--token-file", str(known))
    words = ("--server", f"submission://127.0.0.1:{server.ports[0]}", "--ca", str(tls_files.ca), "--user", "ann@a.test")
    done = run(capsys, "send", message, *words, *ENVELOPE, "--oauth-token-file", str(token), "--show")
    assert done.status == 0, done.output
    assert "C: AUTH OAUTHBEARER <hidden>" in done.errors
    assert "t0ken" not in done.output + done.errors
    assert b64encode(b"t0ken").decode()[:6] not in done.errors


def test_without_a_terminal_the_message_is_not_read_as_a_password() -> None:
    process = start("send", "--server", "smtp://ann@127.0.0.1:1", *ENVELOPE, session=True)
    output, errors = process.communicate(b"hello\n", DEADLINE)
    assert (process.returncode, output) == (2, b"")
    assert b"there is no terminal to ask for the password" in errors
    assert len(errors.splitlines()) == 1


def test_the_password_is_asked_for_at_the_terminal_and_not_echoed(message: str) -> None:
    with SmtpSink(users={"ann": "s3cret"}) as sink:
        words = ("send", message, "--server", f"smtp://ann@{sink.host}:{sink.port}", *ENVELOPE)
        outer, inner = pty.openpty()
        try:
            process = subprocess.Popen(
                # The new session gets the terminal by opening it.
                [sys.executable, "-c", _ON_TERMINAL, os.ttyname(inner), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
                start_new_session=True,
            )
            prompt = os.read(outer, 100)
            os.write(outer, b"s3cret\n")
            output, errors = process.communicate(timeout=DEADLINE)
            shown = prompt + os.read(outer, 100)
        finally:
            os.close(outer)
            os.close(inner)
        assert process.returncode == 0, errors
        assert output == b"accepted\tbob@b.test\t250 2.0.0 Message accepted\n"
        assert shown.startswith(b"Password: ")
        assert b"s3cret" not in shown + output + errors
        assert sink.messages[0].identity is not None


_ON_TERMINAL = """
import os, sys
terminal = os.open(sys.argv[1], os.O_RDWR)
import fcntl, termios
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
from smtpcore_cli import main
sys.exit(main(sys.argv[2:]))
"""
