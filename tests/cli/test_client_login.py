"""Where a client's secrets come from: files, the environment, the terminal, and never the arguments."""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path

import pytest
from smtpcore_cli import client_login
from smtpcore_cli.errors import UsageError
from smtpcore_cli.places import parse_place

from smtpcore.sasl import Credentials


def credentials(*words: str, server: str = "submission://mx.test", certfile: str | None = None) -> Credentials | None:
    parser = argparse.ArgumentParser()
    client_login.add_flags(parser)
    arguments = parser.parse_args(words)
    arguments.certfile = certfile
    return client_login.credentials(arguments, parse_place(server))


@pytest.fixture(autouse=True)
def no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is neither a terminal nor a password in the environment."""
    monkeypatch.delenv(client_login.VARIABLE, raising=False)
    monkeypatch.setattr(client_login, "_has_terminal", lambda: False)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a password."""
    path = tmp_path / "pässword"
    path.write_bytes(" s3crét \r\nmore".encode())
    return path


def test_nobody_who_is_named_is_nobody_who_authenticates() -> None:
    assert credentials() is None


def test_the_first_line_of_a_file_is_the_password(secret: Path) -> None:
    found = credentials("--user", "ann", "--password-file", str(secret))
    assert found == Credentials(username="ann", password=" s3crét ", host="mx.test", port=587)


def test_the_user_may_be_named_with_the_server(secret: Path) -> None:
    server = "smtps://ann%40a.test@mx.test"
    found = credentials("--password-file", str(secret), "--user", "ann@a.test", server=server)
    assert found == Credentials(username="ann@a.test", password=" s3crét ", host="mx.test", port=465)
    with pytest.raises(UsageError, match="not the same"):
        credentials("--password-file", str(secret), "--user", "bob", server=server)


def test_the_environment_may_have_the_password_and_a_file_comes_first(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(client_login.VARIABLE, "other")
    assert credentials("--user", "ann") == Credentials(username="ann", password="other", host="mx.test", port=587)
    found = credentials("--user", "ann", "--password-file", str(secret))
    assert found is not None
    assert found.password == " s3crét "


def test_the_terminal_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_login, "_has_terminal", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "typed")
    found = credentials("--user", "ann", server="lmtp:unix:/run/lmtp")
    assert found == Credentials(username="ann", password="typed")


def test_a_terminal_that_ends_gives_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(client_login, "_has_terminal", lambda: True)
    monkeypatch.setattr(getpass, "getpass", ended)
    with pytest.raises(UsageError, match="no password was given"):
        credentials("--user", "ann")


def test_without_a_terminal_the_message_is_not_taken_for_the_password() -> None:
    with pytest.raises(UsageError, match="no terminal to ask for the password: give --password-file, or set SMTPCORE"):
        credentials("--user", "ann")


def test_a_token_makes_a_password_needless(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("t0ken\n")
    words = ("--user", "ann", "--oauth-token-file", str(path))
    found = credentials(*words)
    assert found == Credentials(username="ann", token="t0ken", host="mx.test", port=587)
    with pytest.raises(UsageError, match="no terminal"):
        credentials(*words, "--mechanism", "PLAIN")
    assert credentials(*words, "--mechanism", "xoauth2") == found


def test_a_certificate_is_for_external() -> None:
    words = ("--mechanism", "EXTERNAL")
    found = credentials(*words, certfile="cert.pem")
    assert found == Credentials(certificate=True, host="mx.test", port=587)
    with pytest.raises(UsageError, match="needs --certfile"):
        credentials(*words)


def test_anonymous_needs_nobody_and_may_have_a_trace() -> None:
    found = credentials("--mechanism", "ANONYMOUS")
    assert found == Credentials(anonymous="", host="mx.test", port=587)
    found = credentials("--mechanism", "ANONYMOUS", "--user", "guest")
    assert found == Credentials(username="guest", anonymous="guest", host="mx.test", port=587)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--password-file", "x"), "--password-file needs --user"),
        (("--oauth-token-file", "x"), "--oauth-token-file needs --user"),
        (("--auth-without-tls",), "--auth-without-tls needs --user"),
        (("--mechanism", "PLAIN"), "--mechanism needs --user"),
        (("--user", "ann", "--password-file", "/there/is/none"), "cannot read the password: /there/is/none: No such"),
        (("--user", "ann", "--oauth-token-file", "/there/is/none"), "cannot read the token: "),
        (("--user", "a\0b", "--password-file", "/dev/null"), "username has NUL"),
    ],
)
def test_what_is_missing_is_said(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        credentials(*words)
    assert complaint in str(caught.value)


def test_a_password_that_is_not_utf_8_is_refused_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"s3cret\xff\n")
    with pytest.raises(UsageError) as caught:
        credentials("--user", "ann", "--password-file", str(path))
    assert str(caught.value) == f"{path}: the password is not UTF-8"
