"""The transport of a connection in the reactor: what its connection hears, and in which order."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import anyio
import pytest
from smtpcore_anyio.protocol import Connection
from smtpcore_anyio.reactor import reactor_of_this_loop
from smtpcore_anyio.sockets import READ, WRITE
from smtpcore_anyio.transport import SocketTransport

from tests.adapters.anyio.dialogue import PATIENCE, TAKES_APART, WITH_REACTOR, until

pytestmark = [pytest.mark.anyio, WITH_REACTOR, TAKES_APART]

MUCH = b"x" * 1_000_000


class Listening:
    """A connection that remembers what it was told, and may do something about it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.error: Exception | None = None
        self.on_read: Callable[[bytes], None] = lambda octets: None

    def connection_made(self, transport: object) -> None:
        self.heard.append("made")

    def data_received(self, data: bytes) -> None:
        self.heard.append("read")
        self.on_read(data)

    def eof_received(self) -> None:
        self.heard.append("eof")

    def resume_writing(self) -> None:
        self.heard.append("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.heard.append("lost")
        self.error = error

    def abandon(self, error: Exception) -> None:
        self.heard.append(f"abandoned: {error}")


@asynccontextmanager
async def standing() -> AsyncIterator[tuple[SocketTransport, Listening, socket.socket]]:
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.setblocking(False)
    connection = Listening()
    with ours, theirs, anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            reactor = reactor_of_this_loop()
            assert reactor is not None
            transport = SocketTransport(reactor, ours, cast(Connection, connection))
            tasks.start_soon(reactor.run)
            transport.begin()
            yield transport, connection, theirs
            transport.abort()
            await until(lambda: connection.heard[-1] == "lost")
            assert ours.fileno() == -1
            reactor.stop()


def fill(sock: socket.socket) -> None:
    try:
        while sock.send(MUCH):
            pass
    except BlockingIOError:
        pass


async def all_of(sock: socket.socket) -> bytes:
    octets = b""
    while True:
        await anyio.wait_readable(sock)
        if not (some := sock.recv(65536)):
            return octets
        octets += some


async def test_the_end_of_our_direction_comes_behind_what_was_kept() -> None:
    async with standing() as (transport, connection, theirs):
        assert transport.write(b"a little")
        assert not transport.write(MUCH)
        assert not transport.write(b"and more")
        transport.write_eof()
        assert connection.heard == ["made"]
        assert await all_of(theirs) == b"a little" + MUCH + b"and more"
        assert connection.heard == ["made", "resume"]
        # The other direction is open.
        theirs.send(b"!")
        await until(lambda: connection.heard[-1] == "read")


async def test_a_close_comes_behind_what_was_kept() -> None:
    async with standing() as (transport, connection, theirs):
        transport.write(MUCH)
        transport.close()
        transport.close()
        assert transport.is_closing()
        assert await all_of(theirs) == MUCH
        assert connection.heard == ["made", "lost"]
        assert connection.error is None


async def test_what_is_written_when_the_end_has_begun_is_dropped() -> None:
    async with standing() as (transport, connection, theirs):
        transport.close()
        assert not transport.write(b"too late")
        assert await all_of(theirs) == b""
        assert connection.heard == ["made", "lost"]


async def test_while_reading_pauses_nothing_is_read() -> None:
    async with standing() as (transport, connection, theirs):
        transport.pause_reading()
        theirs.send(b"!")
        await anyio.wait_all_tasks_blocked()
        assert connection.heard == ["made"]
        transport.resume_reading()
        await until(lambda: connection.heard == ["made", "read"])


@pytest.mark.parametrize("kept", [b"", MUCH])
async def test_a_peer_that_is_gone_is_the_reason_of_the_end(kept: bytes) -> None:
    async with standing() as (transport, connection, theirs):
        transport.pause_reading()
        transport.write(kept)
        theirs.close()
        transport.write(b"anybody?")
        await until(lambda: connection.heard[-1] == "lost")
        assert isinstance(connection.error, ConnectionError)


async def test_a_reset_is_the_reason_of_the_end() -> None:
    async with standing() as (transport, connection, theirs):
        # Behind octets that the peer has not read its close is a reset.
        transport.write(b"unread")
        theirs.close()
        await until(lambda: connection.heard[-1] == "lost")
        assert isinstance(connection.error, ConnectionResetError)


async def test_a_socket_that_is_not_ready_after_all_is_left_alone() -> None:
    async with standing() as (transport, connection, _):
        # The kernel takes nothing, not even the beginning.
        fill(transport._socket)
        assert not transport.write(b"later")
        transport.ready(READ | WRITE)
        assert connection.heard == ["made"]


async def test_an_error_that_nobody_expects_ends_this_connection_only(complaints: list[str]) -> None:
    def fail(octets: bytes) -> None:
        raise ZeroDivisionError("no")

    async with standing() as (_, connection, theirs):
        connection.on_read = fail
        theirs.send(b"!")
        await until(lambda: connection.heard[-1] == "abandoned: no")
    complaints.append("internal error, the connection is closed")


async def test_a_socket_that_cannot_be_watched_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    connection = Listening()
    ours, theirs = socket.socketpair()
    reactor = reactor_of_this_loop()
    assert reactor is not None
    monkeypatch.setattr(reactor.sockets, "watch", refuse)
    with ours, theirs, pytest.raises(OSError, match="no room"):
        SocketTransport(reactor, ours, cast(Connection, connection)).begin()
    assert connection.heard == []
    monkeypatch.undo()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reactor.run)
        reactor.stop()


class Reset:
    """A socket whose peer is gone when its own direction is to end."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)

    def shutdown(self, how: int) -> None:
        raise OSError(errno.ENOTCONN, "not connected")


async def test_an_end_that_fails_behind_the_last_octet_is_the_end_all_the_same() -> None:
    async with standing() as (transport, connection, theirs):
        transport.write(MUCH)
        transport.write_eof()
        transport.close()
        transport._socket = cast(socket.socket, Reset(transport._socket))
        assert await all_of(theirs) == MUCH
        await until(lambda: connection.heard[-1] == "lost")
        assert isinstance(connection.error, OSError)
