"""A running ``smtpcore serve``, and a client that says exactly what it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import smtpcore_cli

import smtpcore

DEADLINE = 30.0
"""Seconds for anything that should happen at once."""

PATHS = [str(Path(str(package.__file__)).parent.parent) for package in (smtpcore, smtpcore_cli)]
TRACE = re.compile(
    rb"Return-Path: <(?P<sender>[^>\r\n]*)>\r\n"
    rb"Received: from (?P<helo>\S+) \((?P<peer>[^)]+)\)\r\n"
    rb"\tby (?P<by>\S+) with (?P<with>\S+) id (?P<id>\S+)(?P<rest>(?:\r\n\t[^\r\n;]+)*);\r\n"
    rb"\t(?P<date>[^\r\n]+)\r\n"
)


class Serve:
    """The server as a process of its own, on ports that the system chose; warnings are errors in it too.

    Args:
        arguments: Those of ``smtpcore serve``; without --bind it is a port of 127.0.0.1.
        folder: Where it runs, and has its Maildir.
        stdout: The descriptor that is its standard output; None: nobody reads it.
        deaf: Close its standard error as soon as it listens.
        modules: A folder with a ``sitecustomize`` for it.
    """

    def __init__(
        self,
        *arguments: str,
        folder: Path,
        stdout: int | None = None,
        deaf: bool = False,
        modules: Path | None = None,
    ) -> None:
        if "--bind" not in arguments:
            arguments = ("--bind", "127.0.0.1:0", *arguments)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*([str(modules)] if modules else []), *PATHS])}
        self.maildir = folder / "Maildir"
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._deaf = deaf
        self._binds = arguments.count("--bind")
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "smtpcore_cli", "serve", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if stdout is None else stdout,
            stderr=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        try:
            self.wait_for(lambda: len(self.addresses) == self._binds, "listening")
        except BaseException:
            self.kill()
            self._reader.join()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status: int | None = 0
        if self.process.poll() is None:
            status = self._end() if kind is None else None
            self.kill()
        self._reader.join()
        if kind is None:
            assert status == 0, f"status {status} at the end:\n{self.text}"
            assert not [line for line in self.lines if "Traceback" in line or "Warning" in line], self.text

    @property
    def text(self) -> str:
        """All of its standard error so far."""
        return "\n".join(self.lines)

    @property
    def addresses(self) -> list[str]:
        """Where it listens, in the form of --bind."""
        return [line.removeprefix("listening on ") for line in self.lines if line.startswith("listening on ")]

    @property
    def ports(self) -> list[int]:
        """The ports it listens on."""
        return [int(address.rpartition(":")[2]) for address in self.addresses if "://" in address]

    @property
    def delivered(self) -> list[bytes]:
        """The messages in ``new``, in no order."""
        return [path.read_bytes() for path in (self.maildir / "new").iterdir()]

    def summary(self, count: int = 1) -> list[str]:
        """The lines of so many sessions, when they have come."""
        found: list[str] = []

        def enough() -> bool:
            found[:] = [line for line in self.lines if line.startswith("disconnect from ")]
            return len(found) >= count

        self.wait_for(enough, "the lines of sessions")
        return found

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until what the server writes makes something true."""
        with self._changed:
            fulfilled = self._changed.wait_for(lambda: condition() or self._ended, DEADLINE)
            assert fulfilled, f"{what}: not within {DEADLINE} seconds:\n{self.text}"
            assert condition(), f"{what}: the server has ended:\n{self.text}"

    def wait_for_line(self, start: str, count: int = 1) -> None:
        """Wait for lines that begin so."""
        self.wait_for(lambda: sum(line.startswith(start) for line in self.lines) >= count, start)

    def client(self, port: int | None = None) -> Client:
        """Connect and read the greeting."""
        with ExitStack() as stack:
            sock = socket.create_connection(("127.0.0.1", port or self.ports[0]), DEADLINE)
            client = stack.enter_context(Client(sock))
            assert client.reply().startswith(b"220 ")
            stack.pop_all()
        return client

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end.

        Returns:
            The exit status.
        """
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end."""
        status = self.process.wait(DEADLINE)
        self._reader.join()
        return status

    def kill(self) -> None:
        """End it at once and for good."""
        self.process.kill()
        self.process.wait()

    def _end(self) -> int | None:
        """A signal ends every server in good order; None if it does not."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            return None

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line.decode().rstrip("\n"))
                    self._changed.notify_all()
                if self._deaf and len(self.addresses) == self._binds:
                    return
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Client:
    """Octets out, replies in."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._sock.close()

    def send(self, data: bytes) -> None:
        """Write octets as they are."""
        self._sock.sendall(data)

    def reply(self) -> bytes:
        """Read one reply, all of its lines; empty at the end of the connection."""
        lines = []
        while line := self._file.readline():
            lines.append(line)
            if line[3:4] != b"-":
                break
        return b"".join(lines)

    def command(self, line: bytes) -> bytes:
        """Send a line and read its reply."""
        self.send(line + b"\r\n")
        return self.reply()

    def envelope(self, *recipients: bytes, sender: bytes = b"a@client.test") -> None:
        """Say who and for whom, up to the 354."""
        assert self.command(b"EHLO client.test").startswith(b"250")
        assert self.command(b"MAIL FROM:<%b>" % sender).startswith(b"250 2.1.0")
        for recipient in recipients or (b"b@mx.test",):
            assert self.command(b"RCPT TO:<%b>" % recipient).startswith(b"250 2.1.5")
        assert self.command(b"DATA").startswith(b"354")

    def deliver(self, content: bytes, *recipients: bytes, sender: bytes = b"a@client.test") -> bytes:
        """Send a message, stuffed.

        Returns:
            The reply to it.
        """
        self.envelope(*recipients, sender=sender)
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        return self.command(stuffed + b".")

    def start_tls(self, context: ssl.SSLContext, *, command: bool = True) -> None:
        """STARTTLS, or TLS from the first octet."""
        if command:
            assert self.command(b"STARTTLS").startswith(b"220")
        self._file.close()
        self._sock = context.wrap_socket(self._sock, server_hostname="mx.test")
        self._file = self._sock.makefile("rb")

    def fingerprint(self) -> str:
        """The SHA-256 of the certificate that the server shows."""
        assert isinstance(self._sock, ssl.SSLSocket)
        certificate = self._sock.getpeercert(binary_form=True)
        assert certificate is not None
        return sha256(certificate).hexdigest()

    def at_end(self) -> bool:
        """Whether the server has closed its side, with nothing more to read."""
        return self._file.read() == b""


def without_trace(stored: bytes) -> bytes:
    """The content of a stored message; what is before it must be the two trace lines."""
    match = TRACE.match(stored)
    assert match, stored[:300]
    return stored[match.end() :]
