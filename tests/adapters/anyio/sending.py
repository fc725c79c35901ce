"""What tests of the client share: messages, servers that keep them, and servers that follow a script."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import SocketStream
from smtpcore_anyio import Client, Server, connect

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
async def connected(server: Server, **settings: Any) -> AsyncIterator[Client]:
    """A client of a server at its first address, in clear text unless the settings say more."""
    address = server.addresses[0]
    assert isinstance(address, tuple)
    async with connect(*address, config(**settings)) as client:
        yield client


class Peer:
    """A server by hand, on one connection."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
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

    async def takes_message(self) -> None:
        await self.takes(b"MAIL", b"RCPT", b"DATA")
        while not self._unread.endswith(b"\r\n.\r\n"):
            self._unread += await self.stream.receive()
        self._unread = b""
        await self.says(b"250 fine\r\n")

    async def takes_leave(self) -> None:
        await self.hears(b"QUIT")
        await self.says(b"221 bye\r\n")

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
async def scripted(*scripts: Script, receive_buffer: int | None = None) -> AsyncIterator[Scripted]:
    """Such a server; all scripts have to come to their end."""
    with socket.create_server((LOOPBACK, 0)) as listening, anyio.fail_after(PATIENCE):
        if receive_buffer is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        server = Scripted(listening.getsockname(), len(scripts))

        async def serve() -> None:
            for script, closed in zip(scripts, server.closed, strict=True):
                await anyio.wait_readable(listening)
                async with await SocketStream.from_socket(listening.accept()[0]) as stream:
                    await script(Peer(stream))
                closed.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            yield server


@asynccontextmanager
async def connected_to(server: Scripted, **settings: Any) -> AsyncIterator[Client]:
    async with connect(*server.address, config(**settings)) as client:
        yield client
