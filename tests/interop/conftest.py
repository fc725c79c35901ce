"""A running `smtpcore serve` with all its doors, for the programs that knock."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from smtpcore_cli.hashes import Hash, Scrypt

from tests.cli.process import TRACE, Serve
from tests.conftest import TlsFiles
from tests.interop.delivering import WAYS, Deliver
from tests.interop.letters import BODY as BODY
from tests.interop.programs import surroundings
from tests.interop.recording import PASSWORD, USER, Recording, record


@dataclass(frozen=True)
class Mx:
    """The server under test."""

    server: Serve
    tls: TlsFiles

    @property
    def plain(self) -> int:
        """The port that begins in clear text."""
        return self.server.ports[0]

    @property
    def implicit(self) -> int:
        """The port that begins with TLS."""
        return self.server.ports[1]

    def take(self, count: int = 1) -> list[tuple[bytes, bytes]]:
        """The protocol and the content of each message that was delivered; their files are removed."""
        folder = self.server.maildir / "new"
        taken = []
        for path in sorted(folder.iterdir()):
            stored = path.read_bytes()
            trace = TRACE.match(stored)
            assert trace, stored[:300]
            assert trace["sender"] == b"a@client.test"
            assert trace["helo"] == b"client.test"
            taken.append((trace["with"], stored[trace.end() :]))
            path.unlink()
        assert len(taken) == count
        return taken


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[Mx]:
    """One server for all of these tests."""
    folder = tmp_path_factory.mktemp("mx")
    users = folder / "users"
    users.write_text(f"{USER}:{Hash.make(PASSWORD, os.urandom, Scrypt(ln=4))}\n")
    flags = ("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key), "--auth-file", str(users))
    binds = ("--bind", "127.0.0.1:0", "--bind", "smtps://127.0.0.1:0")
    with Serve(
        *binds, *flags, "--hostname", "mx.test", "--max-connections-per-address", "none", folder=folder
    ) as server:
        yield Mx(server, tls_files)
        assert server.stop() == 0


@pytest.fixture
def mx(running: Mx) -> Mx:
    """The server, its Maildir empty."""
    for path in (running.server.maildir / "new").iterdir():
        path.unlink()
    return running


@pytest.fixture
def recording(server_ssl_context: ssl.SSLContext) -> Iterator[Callable[..., Recording]]:
    """Start a server that records, with these settings; it stops when the test is over."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(record(server_ssl_context, **settings))


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder for programs that do not stay root: those that pytest makes are for one user only."""
    with _public_folder() as path:
        yield path


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """Such a folder for a program that serves all tests of a module."""
    with _public_folder() as path:
        yield path


@contextmanager
def _public_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="smtpcore-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def next_hop(server_ssl_context: ssl.SSLContext) -> Iterator[Recording]:
    """Where the server that a module tests relays all it takes to."""
    with record(server_ssl_context, dsn=True, smtputf8=True) as server:
        yield server


@pytest.fixture
def onward(next_hop: Recording) -> Recording:
    """The same, with nothing in it yet."""
    next_hop.recorder.deliveries.clear()
    return next_hop


@pytest.fixture(params=WAYS)
def deliver(request: pytest.FixtureRequest, client_ssl_context: ssl.SSLContext) -> Deliver:
    """Each of our clients."""
    return Deliver(WAYS[request.param], client_ssl_context)


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """The message as a file with CRLF."""
    path = tmp_path / "letter.eml"
    path.write_bytes(BODY)
    return path


def run(*words: str | Path, stdin: bytes = b"", cwd: Path | None = None, status: int = 0) -> str:
    """Run a program that must end with this status; what it said."""
    command: Sequence[str] = [str(word) for word in words]
    done = subprocess.run(
        command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50, cwd=cwd, env=surroundings()
    )
    text = done.stdout.decode(errors="replace")
    assert done.returncode == status, f"{' '.join(command)}: status {done.returncode}\n{text}"
    return text
