"""The flags of `smtpcore serve` with the programs they are for: LMTP, XCLIENT, PROXY, SCRAM, CRAM-MD5, stdio."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import PATHS, TRACE, Serve, without_trace
from tests.conftest import TlsFiles
from tests.interop.conftest import BODY, run
from tests.interop.recording import PASSWORD, USER

SWAKS = pytest.mark.interop("swaks")
COMMAND = (sys.executable, "-W", "error", "-m", "smtpcore_cli")


def swaks(letter: Path, *words: str, status: int = 0) -> str:
    """Send the letter; swaks puts a CRLF of its own behind the last line."""
    letter.write_bytes(BODY.removesuffix(b"\r\n"))
    return run(
        "swaks", "-n", "--helo", "client.test", "--from", "a@client.test", "--to", "b@mx.test", "--timeout", "20",
        "--data", f"@{letter}", *words, status=status,
    )  # fmt: skip


def to(server: Serve) -> tuple[str, str]:
    """Where swaks finds it."""
    return "-s", f"127.0.0.1:{server.ports[0]}"


def delivered(server: Serve) -> tuple[bytes, bytes]:
    """The protocol and the peer of the one message; it has to be what was sent."""
    [stored] = server.delivered
    trace = TRACE.match(stored)
    assert trace
    assert without_trace(stored) == BODY
    return trace["with"], trace["peer"]


@SWAKS
def test_lmtp(tmp_path: Path, letter: Path) -> None:
    with Serve("--lmtp", folder=tmp_path) as server:
        text = swaks(letter, *to(server), "--protocol", "LMTP", "--to", "b@mx.test,c@mx.test")
        assert text.count("<-  250 2.0.0 queued as ") == 2
        assert delivered(server) == (b"LMTP", b"[127.0.0.1]")


@SWAKS
def test_xclient(tmp_path: Path, letter: Path) -> None:
    with Serve("--xclient", "127.0.0.1", folder=tmp_path) as server:
        swaks(letter, *to(server), "--xclient-addr", "192.0.2.7", "--xclient-login", "bob")
        assert delivered(server) == (b"ESMTPA", b"[192.0.2.7]")


@SWAKS
@pytest.mark.parametrize(("version", "family"), [("1", "TCP6"), ("2", "AF_INET6")])
def test_proxy(tmp_path: Path, letter: Path, version: str, family: str) -> None:
    with Serve("--proxy", "127.0.0.1", folder=tmp_path) as server:
        swaks(
            letter, *to(server), "--proxy-version", version, "--proxy-family", family,
            "--proxy-source", "2001:db8::9", "--proxy-source-port", "4444",
            "--proxy-dest", "2001:db8::1", "--proxy-dest-port", "25",
        )  # fmt: skip
        assert delivered(server) == (b"ESMTP", b"[IPv6:2001:db8::9]")


@SWAKS
def test_cram_md5(tmp_path: Path, letter: Path) -> None:
    users = hashed(tmp_path, "plain")
    with Serve("--auth-file", str(users), "--mechanism", "CRAM-MD5", folder=tmp_path) as server:
        swaks(letter, *to(server), "-a", "CRAM-MD5", "-au", USER, "-ap", PASSWORD)
        assert delivered(server)[0] == b"ESMTPA"


@SWAKS
def test_stdio(tmp_path: Path, letter: Path) -> None:
    maildir = tmp_path / "Maildir"
    path = os.pathsep.join(PATHS)
    server = shlex.join(["env", f"PYTHONPATH={path}", *COMMAND, "serve", "--stdio", "--maildir", str(maildir)])
    swaks(letter, "--pipe", server)
    [stored] = [path.read_bytes() for path in (maildir / "new").iterdir()]
    assert without_trace(stored) == BODY


@pytest.mark.interop("msmtp")
@pytest.mark.parametrize("password", [PASSWORD, "wrong"], ids=["right", "wrong"])
def test_scram_by_keys_that_passwd_made(tmp_path: Path, tls_files: TlsFiles, password: str) -> None:
    users = hashed(tmp_path, "scram-sha-256")
    flags = ("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key), "--require-tls", "--require-auth")
    with Serve("--auth-file", str(users), "--mechanism", "SCRAM-SHA-256", *flags, folder=tmp_path) as server:
        settings = tmp_path / "msmtprc"
        settings.write_text(
            f"account mx\nhost 127.0.0.1\nport {server.ports[0]}\nfrom a@client.test\ndomain client.test\n"
            f"timeout 20\ntls on\ntls_trust_file {tls_files.ca}\ntls_host_override mx.test\n"
            f"auth scram-sha-256\nuser {USER}\npassword {password}\n"
        )
        settings.chmod(0o600)
        status = 0 if password == PASSWORD else 77
        run("msmtp", "-C", settings, "-a", "mx", "b@mx.test", stdin=BODY.replace(b"\r\n", b"\n"), status=status)
        if password == PASSWORD:
            assert delivered(server)[0] == b"ESMTPSA"
        else:
            assert server.delivered == []


def hashed(folder: Path, scheme: str) -> Path:
    """A file for --auth-file with the one user, as `smtpcore passwd` makes it."""
    made = subprocess.run(
        [*COMMAND, "passwd", "--scheme", scheme, USER],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
        input=f"{PASSWORD}\n".encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=50,
    )
    users = folder / "users"
    users.write_bytes(made.stdout)
    return users
