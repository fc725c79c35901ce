"""The loop over the five steps of a session of either role, over any byte stream of anyio, on both backends.

The session is watched while something is waited for: input that comes while a hook runs is handed on, so a peer that
leaves is noticed; a hook or a write that the session no longer waits for is cancelled.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar, assert_never

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from smtpcore_tls import LINGER_OCTETS, TlsError, Wire

from smtpcore.session import RECEIVE, Ask, Close, Receive, Send, ServerSession, StartTls, Step
from smtpcore.session.client import ClientSession

from .hooks import is_asyncio, settle
from .service import TURN
from .sockets import READ_SIZE

MOMENT = 0.001
"""Seconds that a stream which cannot be asked without waiting may take to show what it already holds."""

_Job = Callable[[], Coroutine[Any, Any, None]]

_BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)

AnySession = TypeVar("AnySession", ServerSession, ClientSession)


class StepLoop(Generic[AnySession]):
    """Does what a session wants, in the task of the caller.

    Args:
        stream: The connection.
        session: Whose steps are taken.
        wire: What lies between the two.
        linger: Seconds that the peer has to see the end of a graceful close.
    """

    __slots__ = ("_eof", "_linger", "_news", "_raw", "_sent", "_sleep", "_stream", "_wire", "session")

    session: AnySession
    _most_records: ClassVar[float] = 0
    """Octets of TLS that are read during one write. TLS answers some of what it reads by itself (RFC 8446 4.6.3, key
    updates), and a peer that reads nothing could make us keep answers without end."""

    def __init__(self, stream: ByteStream, session: AnySession, wire: Wire, linger: float) -> None:
        self._stream = stream
        self.session = session
        self._linger = linger
        self._wire = wire
        # trio's sockets hold nothing back, so the socket itself can be asked what goes without waiting.
        plain = isinstance(stream, SocketStream) and not is_asyncio()
        self._raw: socket.socket | None = stream.extra(SocketAttribute.raw_socket) if plain else None  # noqa: S610 (not Django's)
        self._sleep = anyio.CancelScope()
        self._sent = 0
        self._news = False
        self._eof = False

    async def take_steps(self) -> None:
        """Take the steps until there is none."""
        following: Step | None = None
        while (step := following or self._next_step()) is not None:
            following = None
            match step:
                case Receive():
                    await self._flush(step)
                    following = await self._receive()
                case Send():
                    await self._send(step)
                case Ask():
                    await self._unless_settled(step, partial(settle, self.session, step), self._read_on)
                case StartTls():
                    begun = self._wire.start_tls(step)
                    await self._flush(step)
                    if not begun:
                        following = await self._receive()
                case Close():
                    await self._close(step.graceful)
                case _:
                    assert_never(step)

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

    async def _receive(self) -> Step | None:
        """Read once, until the deadline at the longest, and go on while that is easy; gives the next step if known."""
        deadline = self.session.deadline
        if deadline is not None and deadline <= (now := anyio.current_time()):
            # Due already, as the look for an early talker is. What has arrived is to be seen before.
            if self._read_raw():
                return None
            deadline = now + MOMENT if self._raw is None else now
        following = None
        with self._until(deadline) as scope:
            await self._read()
            following = await self._converse(scope, deadline)
        if scope.cancel_called:
            self.session.timed_out()
            self._news = True
        return following

    async def _converse(self, scope: anyio.CancelScope, until: float | None) -> Step | None:
        """Go on reading as long as each reply goes without waiting and no deadline is earlier than the scope's.

        One scope for each command would cost as much as the command. So the scope of the first serves the others,
        whose deadlines are later: where it ends too early no deadline has come, and the next one is made.

        Returns:
            The step that has to be done outside the scope. It must be: a hook that was called is in it.
        """
        # Else TLS may have to say something before the next read, or the write has waited in another scope.
        while self._raw is not None and scope is self._sleep and not (self._wire.secure or scope.cancel_called):
            step = self._next_step()
            if isinstance(step, Send):
                await self._send(step)
                continue
            deadline = self.session.deadline
            if step is not RECEIVE or (deadline is not None and (until is None or deadline < until)):
                return step
            await self._read()
        return None

    async def _read(self) -> int:
        """Read once; how many octets came."""
        if self._eof:
            await anyio.sleep_forever()
        try:
            data = await self._stream.receive(READ_SIZE)
        except anyio.EndOfStream:
            data = b""
        except _BROKEN as error:
            self._broken(error)
            return 0
        self._tell(data)
        return len(data)

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

    async def _read_on(self, most: float = math.inf) -> None:
        """Read as long as there is room, while the session waits for something else; so many octets at the most."""
        while self.session.wants_data and not self._eof and most > 0:
            most -= await self._read()
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
                self._write_failed(error)
                return False
        done = not octets

        async def write_rest() -> None:
            nonlocal done
            try:
                await self._stream.send(octets)
            except _BROKEN as error:
                self._write_failed(error)
            else:
                done = True

        if not done:
            # Whatever scope this is in, it is one for reading, and its deadline is none for the write.
            self._sleep.deadline = math.inf
            # A client may send all of a large group of commands before it reads the first reply.
            most = self._most_records if self._wire.secure else math.inf
            await self._unless_settled(step, write_rest, *((partial(self._read_on, most),) if most else ()))
        return done

    def _write_failed(self, error: Exception) -> None:
        self._broken(error)

    # The end.

    async def _close(self, graceful: bool) -> None:
        octets = self._wire.outgoing()
        if graceful:
            octets += self._wire.close()
        try:
            # A close that is not graceful may follow a TLS alert, which gets its chance.
            with anyio.move_on_after(self._linger if graceful else MOMENT):
                if octets:
                    await self._stream.send(octets)
                if graceful:
                    await self._linger_on()
        except (anyio.EndOfStream, NotImplementedError, *_BROKEN):
            # NotImplementedError: the stream has no end of its write side. What follows is then left to it.
            pass
        await self.shut()
        self.session.closed()

    async def _linger_on(self) -> None:
        """End the write side, then read until the peer has seen it and ends its own."""
        await self._stream.send_eof()
        left = 0 if self._eof else LINGER_OCTETS
        while left > 0:
            left -= len(await self._stream.receive(READ_SIZE))

    async def shut(self) -> None:
        """Close the stream at once; closed, it stays so."""
        self._eof = True
        try:
            await anyio.aclose_forcefully(self._stream)
        except _BROKEN:
            pass
