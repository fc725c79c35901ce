"""The path of every other stream: a task for each connection, and the five steps in it one by one.

It runs over any byte stream of anyio, on both backends. The session is watched while something is waited for: input
that comes while a hook runs is handed on, so a peer that leaves is noticed; a hook or a reply that the session no
longer waits for is cancelled.
"""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, assert_never

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from smtpcore_tls import LINGER_OCTETS, TlsError, Wire

from smtpcore.handler import Handler
from smtpcore.session import Ask, Close, Gate, Observer, Peer, Receive, Send, ServerConfig, StartTls, Step

from .hooks import abandon, is_asyncio, logger, settle
from .service import TURN, Service

READ_SIZE = 65536
"""Octets of one read. Larger blocks of memory the C library takes from the system one by one, with page faults."""

# How long a stream that cannot be asked without waiting may take to show what it already holds, in seconds.
_MOMENT = 0.001

_Job = Callable[[], Coroutine[Any, Any, None]]

_BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)


async def serve_stream(
    stream: ByteStream,
    config: ServerConfig,
    handler: Handler,
    *,
    peer: Peer,
    tls_context: ssl.SSLContext | None = None,
    gate: Gate | None = None,
    observer: Observer | None = None,
) -> None:
    """Serve one connection over a stream of any kind, and close it; returns when the session is over.

    Args:
        stream: A connection that is open already. What it raises when it breaks ends the session, not the caller.
        config: The settings; with ``implicit_tls`` the first octets are those of a TLS handshake.
        handler: The application.
        peer: Who is at the other end.
        tls_context: The certificate, where the configuration offers TLS.
        gate: Counts the connections of all who share it.
        observer: Watches this session.

    Raises:
        ValueError: The configuration offers TLS and there is no `tls_context`, or it is not for the local port.
    """
    config.check_port(peer.local_port)
    service = Service(config, handler, tls_context, gate, lambda: observer)
    await StreamConnection(stream, service, peer).run()


class StreamConnection:
    """One connection in a task of its own."""

    __slots__ = ("_eof", "_linger", "_news", "_raw", "_sent", "_sleep", "_stream", "_wire", "session")

    def __init__(self, stream: ByteStream, service: Service, peer: Peer) -> None:
        self._stream = stream
        self.session = service.session(peer, anyio.current_time)
        self._linger = service.config.timeouts.linger
        self._wire = Wire(self.session, service.tls_context)
        # trio's sockets hold nothing back, so the socket itself can be asked what goes without waiting.
        plain = isinstance(stream, SocketStream) and not is_asyncio()
        self._raw: socket.socket | None = stream.extra(SocketAttribute.raw_socket) if plain else None  # noqa: S610 (not Django's)
        self._sleep = anyio.CancelScope()
        self._sent = 0
        self._news = False
        self._eof = False

    def shutdown(self, grace: float) -> None:
        """Let the session end within so many seconds."""
        self.session.shutdown(grace)
        self._wake()

    async def run(self) -> None:
        """Take the steps until there is none; the stream is closed then, whatever happened."""
        try:
            while (step := self._next_step()) is not None:
                match step:
                    case Receive():
                        await self._flush(step)
                        await self._receive()
                    case Send():
                        await self._send(step)
                    case Ask():
                        await self._unless_settled(step, partial(settle, self.session, step), self._read_on)
                    case StartTls():
                        begun = self._wire.start_tls(step)
                        await self._flush(step)
                        if not begun:
                            await self._receive()
                    case Close():
                        await self._close(step.graceful)
                    case _:
                        assert_never(step)
        except Exception as error:
            # No peer can cause this, and it must not cost the other connections anything.
            logger.exception("internal error, the connection is closed")
            abandon(self.session, cause=error)
        except BaseException:
            abandon(self.session)
            raise
        finally:
            await self._shut()

    # Waiting.

    def _next_step(self) -> Step | None:
        self._news = False
        return self.session.next_step()

    def _wake(self) -> None:
        """Have the session asked again, for it was told something from outside the loop."""
        self._news = True
        self._sleep.cancel()

    def _until(self, deadline: float | None) -> anyio.CancelScope:
        """What to wait in: it ends at the deadline, or when there is news."""
        self._sleep = anyio.CancelScope(deadline=math.inf if deadline is None else deadline)
        if self._news:
            self._sleep.cancel()
        return self._sleep

    async def _unless_settled(self, step: Step, work: _Job, *beside: _Job) -> None:
        """Do the work, and other things beside it, but cancel it when the session wants another step than this."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, step, tasks.cancel_scope)
            for each in beside:
                tasks.start_soon(each)
            await work()
            tasks.cancel_scope.cancel()

    async def _watch(self, step: Step, work: anyio.CancelScope) -> None:
        while True:
            with self._until(self.session.deadline):
                await anyio.sleep_forever()
            self.session.timed_out()
            if self._next_step() is not step:
                work.cancel()
                return

    # Reading.

    async def _receive(self) -> None:
        """Read once, until the deadline at the longest."""
        deadline = self.session.deadline
        if deadline is not None and deadline <= (now := anyio.current_time()):
            # Due already, as the look for an early talker is. What has arrived is to be seen before.
            if self._read_raw():
                return
            deadline = now + _MOMENT if self._raw is None else now
        with self._until(deadline) as scope:
            await self._read()
        if scope.cancel_called:
            self.session.timed_out()

    async def _read(self) -> None:
        if self._eof:
            await anyio.sleep_forever()
        try:
            data = await self._stream.receive(READ_SIZE)
        except anyio.EndOfStream:
            data = b""
        except _BROKEN as error:
            self._broken(error)
            return
        self._tell(data)

    def _read_raw(self) -> bool:
        """Read what is there without waiting; whether there was anything."""
        if self._raw is None or self._eof:
            return False
        try:
            data = self._raw.recv(READ_SIZE)
        except BlockingIOError:
            return False
        except OSError as error:
            self._broken(error)
        else:
            self._tell(data)
        return True

    async def _read_on(self) -> None:
        """Read as long as there is room, while the session waits for something else."""
        while self.session.wants_data and not self._eof:
            await self._read()
            self._wake()

    def _tell(self, data: bytes) -> None:
        self._eof = not data
        self._wire.receive(data)

    def _broken(self, error: Exception) -> None:
        """The transport is gone. The session is told what the system said, not in which words anyio passed it on."""
        self._eof = True
        self.session.closed(error.__cause__ if isinstance(error.__cause__, OSError) else error)

    # Writing.

    async def _flush(self, step: Step) -> None:
        """Write what TLS has to say by itself."""
        if octets := self._wire.outgoing():
            await self._write(step, octets)

    async def _send(self, step: Send) -> None:
        try:
            octets = self._wire.send(step.data)
        except TlsError as error:
            self.session.closed(error)
        else:
            if await self._write(step, octets):
                self.session.sent()
                self._sent += 1
                if self._sent % TURN == 0:
                    await anyio.lowlevel.checkpoint()

    async def _write(self, step: Step, octets: bytes) -> bool:
        """Write all; whether it was done before the session wanted something else."""
        if self._raw is not None:
            # Nearly always the kernel has room, and then nobody needs to watch.
            try:
                octets = octets[self._raw.send(octets) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self._broken(error)
                return False
        done = not octets

        async def write_rest() -> None:
            nonlocal done
            try:
                await self._stream.send(octets)
            except _BROKEN as error:
                self._broken(error)
            else:
                done = True

        if not done:
            # A client may send all of a large group of commands before it reads the first reply. Under TLS it is read
            # later: TLS answers some of what it reads by itself (RFC 8446 4.6.3, key updates), and who reads nothing
            # could make us keep answers without end.
            await self._unless_settled(step, write_rest, *(() if self._wire.secure else (self._read_on,)))
        return done

    # The end.

    async def _close(self, graceful: bool) -> None:
        octets = self._wire.outgoing()
        if graceful:
            octets += self._wire.close()
        try:
            # A close that is not graceful may follow a TLS alert, which gets its chance.
            with anyio.move_on_after(self._linger if graceful else _MOMENT):
                if octets:
                    await self._stream.send(octets)
                if graceful:
                    await self._linger_on()
        except (anyio.EndOfStream, NotImplementedError, *_BROKEN):
            # NotImplementedError: the stream has no end of its write side. What follows is then left to it.
            pass
        await self._shut()
        self.session.closed()

    async def _linger_on(self) -> None:
        """End the write side, then read until the peer has seen it and ends its own."""
        await self._stream.send_eof()
        left = 0 if self._eof else LINGER_OCTETS
        while left > 0:
            left -= len(await self._stream.receive(READ_SIZE))

    async def _shut(self) -> None:
        self._eof = True
        try:
            await anyio.aclose_forcefully(self._stream)
        except _BROKEN:
            pass
