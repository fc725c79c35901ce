"""A client on a plain socket, servers that run meanwhile, and handlers that remember."""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FunctionType
from typing import Any

import anyio
import pytest
import smtpcore_anyio.reactor
import smtpcore_anyio.server
from smtpcore_anyio import Listener, Server, listen_socket, listen_tcp
from smtpcore_anyio.sockets import can_be_waited_for
from smtpcore_anyio.transport import SocketTransport
from smtpcore_tls import TlsEngine

from smtpcore.handler import Handler
from smtpcore.replies import Reply
from smtpcore.session import Limits, ServerConfig, ServerSession

LOOPBACK = "127.0.0.1"
PATIENCE = 30.0
"""Seconds after which what should have happened is held to have failed."""
UNLIMITED = Limits(max_errors=None, max_unknown_commands=None, max_noops=None)


class Client:
    """The other end: a plain socket, and TLS by the engine."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.unread = b""
        self.tls: TlsEngine | None = None

    async def send(self, data: bytes) -> None:
        if self.tls is not None:
            self.tls.send(data)
            data = self.tls.outgoing()
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self.sock)

    async def read(self) -> bytes:
        """Some octets, ``b""`` at the end."""
        while True:
            await anyio.wait_readable(self.sock)
            data = self.sock.recv(65536)
            if self.tls is None:
                return data
            if not data:
                self.tls.eof()
            elif not (data := self.tls.receive(data)) and not self.tls.ended:
                continue
            return data

    async def reply(self) -> bytes:
        """One whole reply."""
        while (found := re.match(rb"(?:\d{3}-[^\r]*\r\n)*\d{3} [^\r]*\r\n", self.unread)) is None:
            data = await self.read()
            assert data, f"closed after {self.unread!r}"
            self.unread += data
        self.unread = self.unread[found.end() :]
        return found[0]

    async def say(self, line: bytes) -> bytes:
        await self.send(line + b"\r\n")
        return await self.reply()

    async def rest(self) -> bytes:
        """Everything up to the end."""
        while data := await self.read():
            self.unread += data
        return self.unread

    async def start_tls(self, context: ssl.SSLContext) -> None:
        tls = TlsEngine(context, server_side=False, server_hostname="localhost")
        while True:
            await self.send(tls.outgoing())
            if tls.handshaken:
                break
            tls.receive(await self.read())
        self.tls = tls

    async def begin_mail(self) -> None:
        """Up to the 354."""
        assert await self.say(b"EHLO client.example") >= b"250"
        assert await self.say(b"MAIL FROM:<a@client.example>") >= b"250"
        assert await self.say(b"RCPT TO:<b@mx.example>") >= b"250"
        assert (await self.say(b"DATA")).startswith(b"354")

    def reset(self) -> None:
        """Leave without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@asynccontextmanager
async def connect(to: Server | tuple[str, int] | str, **options: int) -> AsyncIterator[Client]:
    address = to.addresses[0] if isinstance(to, Server) else to
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as sock:
        for name, value in options.items():
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        sock.connect(address)
        yield Client(sock)


@asynccontextmanager
async def greeted(to: Server | tuple[str, int] | str, **options: int) -> AsyncIterator[Client]:
    async with connect(to, **options) as client:
        assert (await client.reply()).startswith(b"220")
        yield client


@asynccontextmanager
async def serving(
    handler: Handler | None = None, *listeners: Listener, config: ServerConfig | None = None, **options: Any
) -> AsyncIterator[Server]:
    """A server that runs meanwhile; on loopback if there is no listener."""
    server = Server(config or ServerConfig(), handler or Handler(), **options)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.serve, *(listeners or [await listen_tcp(LOOPBACK, 0)]))
            yield server
            server.stop(0)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 (what is waited for has no event)
        await anyio.sleep(0.001)


def narrow() -> Listener:
    """The kernel takes little for a peer that does not read."""
    sock = socket.create_server((LOOPBACK, 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return listen_socket(sock)


class Recorder(Handler):
    """Remembers its sessions and how they ended."""

    def __init__(self) -> None:
        self.sessions: list[ServerSession] = []
        self.causes: list[BaseException | None] = []

    def connect(self, session: ServerSession) -> None:
        self.sessions.append(session)

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        self.causes.append(cause)


class Slow(Recorder):
    """Its ``message`` waits for ever, or until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = False
        self.cancelled = False
        self.go_on = False

    async def message(self, session: ServerSession, envelope: object) -> Reply | None:
        self.begun = True
        try:
            await until(lambda: self.go_on)
        except anyio.get_cancelled_exc_class():
            self.cancelled = True
            raise
        return Reply(250, "Kept")


async def flood(client: Client, command: bytes = b"NOOP\r\n") -> None:
    """Commands until the connection is reset; nothing is read."""
    try:
        while True:
            await client.send(command * 1000)
    except OSError:
        pass


WITH_REACTOR = pytest.mark.parametrize("anyio_backend", ["asyncio", "uvloop", "trio"], indirect=True)
"""For tests of what only a server with a reactor has."""

TAKES_APART = pytest.mark.skipif(
    not isinstance(SocketTransport.write, FunctionType), reason="compiled parts of the adapter cannot be replaced"
)
"""For tests that put something of their own in the place of such a part."""


def has_reactor() -> bool:
    """Whether the connections of a server are in its reactor, and have no task each."""
    choice = vars(smtpcore_anyio.server)["reactor_of_this_loop"]
    return choice is smtpcore_anyio.reactor.reactor_of_this_loop and can_be_waited_for()
