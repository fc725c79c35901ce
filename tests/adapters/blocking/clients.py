"""What the tests of the blocking client have in common: settings, and a server that says what it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from smtpcore_blocking import Server
from smtpcore_testing.adapter_kit.application import Recorder
from smtpcore_testing.adapter_kit.clients import PATIENCE

from smtpcore.handler import Handler
from smtpcore.session import ServerConfig, Timeouts
from smtpcore.session.client import ClientConfig, Content, Delivery, Message, Status, TlsMode

CONTENT = b"Subject: hello\r\n\r\n.dotted\r\nlast line\r\n"


def config(**settings: object) -> ClientConfig:
    return ClientConfig(**{"hostname": "c.test", "tls": TlsMode.NONE, **settings})  # type: ignore[arg-type]


def message(*recipients: str, content: Content = CONTENT) -> Message:
    return Message.to("ann@a.test", recipients or ["bob@b.test"], content)


def statuses(delivery: Delivery) -> list[tuple[Status, str]]:
    assert delivery.done
    return [(result.status, result.stage) for result in delivery.results]


@contextmanager
def serving(handler: Handler | None = None, **settings: object) -> Iterator[tuple[str, int]]:
    """Our own server; where it listens."""
    tls_context = settings.pop("tls_context", None)
    implicit_tls = bool(settings.pop("implicit_tls", False))
    settings = {"hostname": "mx.test", "timeouts": Timeouts(linger=0.2), **settings}
    server = Server(
        ServerConfig(**settings),  # type: ignore[arg-type]
        handler or Recorder(),
        tls_context=tls_context,  # type: ignore[arg-type]
    )
    with server.bind("127.0.0.1", 0, implicit_tls=implicit_tls):
        address = server.addresses[0]
        assert isinstance(address, tuple)
        yield address
        server.stop(0.0)


class Peer:
    """A server by hand, on a connection of its own."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")

    def says(self, text: bytes) -> None:
        self.sock.sendall(text)

    def hears(self, line: bytes) -> None:
        """Read a line, which has to begin like this."""
        read = self.line()
        assert read.startswith(line), read

    def line(self) -> bytes:
        """Read a line."""
        return self._file.readline()

    def rest(self) -> bytes:
        """Read to the end."""
        return self._file.read()

    def greets(self, *extensions: bytes) -> None:
        self.says(b"220 mx.test ready\r\n")
        self.hears(b"EHLO c.test\r\n")
        self.says(b"".join(b"250-%b\r\n" % line for line in (b"mx.test", *extensions)) + b"250 HELP\r\n")

    def takes(self, *lines: bytes) -> None:
        """Say 250 to each of these lines."""
        for line in lines:
            self.hears(line)
            self.says(b"250 fine\r\n")

    def close(self) -> None:
        self._file.close()
        self.sock.close()


@contextmanager
def scripted(
    script: Callable[[Peer], object], *, receive_buffer: int | None = None, connections: int = 1
) -> Iterator[tuple[str, int]]:
    """A server that follows a script, in a thread, and hangs up behind it; what fails in it fails the test."""
    faults: list[BaseException] = []

    def serve(listener: socket.socket) -> None:
        try:
            for _ in range(connections):
                sock, _ = listener.accept()
                sock.settimeout(PATIENCE)
                # A reset takes along what was kept back for the acknowledgement of an earlier reply.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer = Peer(sock)
                try:
                    script(peer)
                finally:
                    peer.close()
        except BaseException as error:
            faults.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        if receive_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the script did not come to its end"
    if faults:
        raise faults[0]
