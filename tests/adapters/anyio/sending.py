"""What tests of the client share: messages, servers that keep them, and servers that follow a script."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream
from smtpcore_anyio import Client, Server, connect, connect_stream

from smtpcore import Envelope, Path, Rcpt, Reply, ServerSession
from smtpcore.session.client import ClientConfig, Content, Delivery, Message, Status, TlsMode
from tests.adapters.anyio.dialogue import LOOPBACK, PATIENCE, Recorder

TEXT = b"Subject: hello\r\n\r\n.first\r\n"


def config(**settings: Any) -> ClientConfig:
    return ClientConfig(**{"hostname": "client.example", "tls": TlsMode.NONE, **settings})


def message(content: Content = TEXT, *recipients: str) -> Message:
    return Message.to("ann@client.example", recipients or ["bob@mx.example"], content)


def path(address: str) -> Path:
    return Path.parse(address)


def statuses(delivery: Delivery) -> list[Status]:
    assert delivery.done
    return [result.status for result in delivery.results]


class Inbox(Recorder):
    """Keeps what it gets, and knows nobody called eve."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return Reply(550, "No such user", "5.1.1") if rcpt.path.local.startswith("eve") else None

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        self.envelopes.append(envelope)

    @property
    def contents(self) -> list[bytes]:
        return [envelope.content for envelope in self.envelopes]


@asynccontextmanager
async def connected(
    server: Server, *, tls_context: ssl.SSLContext | None = None, server_name: str | None = None, **settings: Any
) -> AsyncIterator[Client]:
    """A client of a server at its first address, in clear text unless the settings say more."""
    address = server.addresses[0]
    assert isinstance(address, tuple)
    async with connect(*address, config(**settings), tls_context=tls_context, server_name=server_name) as client:
        yield client


class Peer:
    """A server by hand, on one connection."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream: ByteStream = stream
        self._unread = b""

    async def says(self, octets: bytes) -> None:
        await self.stream.send(octets)

    async def hears(self, beginning: bytes) -> None:
        """Read a line, which has to begin like this."""
        while b"\r\n" not in self._unread:
            self._unread += await self.stream.receive()
        line, _, self._unread = self._unread.partition(b"\r\n")
        assert line.startswith(beginning), line

    async def greets(self, *extensions: bytes) -> None:
        await self.says(b"220 srv\r\n")
        await self.hears(b"EHLO")
        await self.says(b"".join(b"250-%b\r\n" % line for line in (b"srv", *extensions)) + b"250 HELP\r\n")

    async def takes(self, *lines: bytes) -> None:
        """Say yes to each of these lines."""
        for line in lines:
            await self.hears(line)
            await self.says(b"354 go on\r\n" if line == b"DATA" else b"250 fine\r\n")

    async def starts_tls(self, context: ssl.SSLContext) -> None:
        self.stream = await TLSStream.wrap(
            self.stream, server_side=True, ssl_context=context, standard_compatible=False
        )

    async def takes_message(self) -> None:
        await self.takes(b"MAIL", b"RCPT")
        await self.takes_content()

    async def takes_content(self) -> None:
        await self.takes(b"DATA")
        while not self._unread.endswith(b"\r\n.\r\n"):
            self._unread += await self.stream.receive()
        self._unread = b""
        await self.says(b"250 fine\r\n")

    async def takes_leave(self) -> None:
        await self.hears(b"QUIT")
        await self.says(b"221 bye\r\n")

    async def resets(self) -> None:
        """Let closing be a reset, and close."""
        sock = self.stream.extra(SocketAttribute.raw_socket)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await anyio.aclose_forcefully(self.stream)

    async def rest(self) -> int:
        """Read to the end; how many octets there were."""
        size = len(self._unread)
        try:
            async for octets in self.stream:
                size += len(octets)
        except anyio.BrokenResourceError:
            pass
        return size


Script = Callable[[Peer], Awaitable[object]]


class Scripted:
    """A server that follows a script on each connection, in their order, and closes it behind that."""

    def __init__(self, address: tuple[str, int], scripts: int) -> None:
        self.address = address
        self.closed = [anyio.Event() for _ in range(scripts)]


@asynccontextmanager
async def scripted(*scripts: Script, buffers: int | None = None) -> AsyncIterator[Scripted]:
    """Such a server; all scripts have to come to their end.

    Args:
        scripts: One for each connection.
        buffers: How much the kernel keeps in each direction, about.
    """
    with socket.create_server((LOOPBACK, 0)) as listening, anyio.fail_after(PATIENCE):
        narrow(listening, buffers)
        server = Scripted(listening.getsockname(), len(scripts))

        async def serve() -> None:
            for script, closed in zip(scripts, server.closed, strict=True):
                await anyio.wait_readable(listening)
                sock, _ = listening.accept()
                # A reset takes along what was kept back for the acknowledgement of an earlier reply.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with await SocketStream.from_socket(sock) as stream:
                    await script(Peer(stream))
                closed.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            yield server


@asynccontextmanager
async def connected_to(
    server: Scripted,
    *,
    tls_context: ssl.SSLContext | None = None,
    name: str | None = LOOPBACK,
    buffers: int | None = None,
    **settings: Any,
) -> AsyncIterator[Client]:
    """A client of such a server."""
    sock = socket.socket()
    narrow(sock, buffers)
    sock.connect(server.address)
    stream = await SocketStream.from_socket(sock)
    async with connect_stream(stream, config(**settings), tls_context=tls_context, server_name=name) as client:
        yield client


def narrow(sock: socket.socket, buffers: int | None) -> None:
    """Let the kernel keep so much for the socket, in each direction, and for those that it accepts."""
    if buffers is not None:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, buffers)
