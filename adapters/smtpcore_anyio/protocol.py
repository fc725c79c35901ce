"""A protocol in the manner of asyncio that runs a whole session inside the callbacks of its transport.

The reactor calls when something has happened (octets, room to write, the timer), the session is told and asked for its
steps until it wants to wait. Only a hook that has to be awaited becomes a task. An idle connection is this object, its
session and its transport: no task, and no timer that is set anew for each command.
"""

from __future__ import annotations

import asyncio
import math
from contextvars import Context
from typing import TYPE_CHECKING, Protocol, assert_never

from anyio import CancelScope
from anyio.abc import TaskGroup
from smtpcore_tls import LINGER_OCTETS, TlsError, Wire

from smtpcore.session import RECEIVE, Ask, Close, Peer, Receive, Send, StartTls, Step

from .hooks import abandon, drop, logger, settle
from .reactor import Handle, Reactor, Timer
from .service import TURN, Service

if TYPE_CHECKING:
    from .transport import SocketTransport


class Home(Protocol):
    """What a connection needs of its server."""

    service: Service
    tasks: TaskGroup
    """Where hooks are awaited."""

    def opened(self, connection: Connection) -> None:
        """The transport stands."""

    def over(self, connection: Connection) -> None:
        """The session has ended and the transport is gone."""


class Waiting:
    """A hook that a task waits for."""

    __slots__ = ("ask", "scope")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.scope = CancelScope()


class Connection:
    """One connection of a server, from ``connection_made`` to ``connection_lost`` and the session's end."""

    __slots__ = (
        "_again",
        "_closing",
        "_discard",
        "_driving",
        "_ended",
        "_eof",
        "_flushing",
        "_home",
        "_linger_until",
        "_lost",
        "_paused",
        "_reactor",
        "_reading",
        "_sending",
        "_timer",
        "_timer_at",
        "_transport",
        "_waiting",
        "_wire",
        "context",
        "session",
    )

    context: Context
    _transport: SocketTransport

    def __init__(self, home: Home, service: Service, peer: Peer, reactor: Reactor) -> None:
        self._home = home
        self._reactor = reactor
        self.session = service.session(peer, reactor.time)
        # Between the transport and the session there is nothing until TLS begins.
        self._wire: Wire | None = None
        self._waiting: Waiting | None = None
        self._sending: Send | None = None
        self._timer: Handle | Timer | None = None
        self._timer_at = math.inf
        self._linger_until: float | None = None
        self._discard = LINGER_OCTETS
        self._driving = self._again = False
        self._reading = True
        self._paused = self._eof = self._flushing = False
        self._closing = self._lost = self._ended = False

    # What the server says.

    def shutdown(self, grace: float) -> None:
        """Let the session end within so many seconds."""
        self.session.shutdown(grace)
        # A grace of 0 is over already.
        self.session.timed_out()
        self._drive()

    def abandon(self, cause: BaseException | None = None) -> None:
        """End the connection now; a hook that is awaited is cancelled."""
        if self._ended:
            return
        self._ended = self._closing = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.scope.cancel()
        self._transport.abort()
        abandon(self.session, waiting.ask if waiting is not None else None, cause)
        self._finish()

    # What the transport says.

    def connection_made(self, transport: SocketTransport) -> None:
        """The connection stands: begin."""
        self._transport = transport
        self.context = transport.context
        self._home.opened(self)
        self._drive()

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        if self._closing:
            self._discard -= len(data)
            if self._discard < 0:
                self._transport.abort()
            return
        self._receive(data)
        self._drive()

    def eof_received(self) -> None:
        """The peer will send nothing more. It may still read."""
        self._eof = True
        if self._closing:
            self._transport.close()
        else:
            self._receive(b"")
            self._drive()

    def flush(self) -> None:
        """Write what was put off."""
        self._flushing = False
        step, self._sending = self._sending, None
        # It stands, unless somebody has said something meanwhile.
        self._drive(None if self._again else step)

    def resume_writing(self) -> None:
        """The kernel has taken all that was written."""
        self._paused = False
        if self._sending is not None and not self._flushing:
            self._sending = None
            self.session.sent()
            self._drive()
        elif not self._ended:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._lost = self._closing = True
        self._linger_until = None
        if self._ended:
            self._finish()
        else:
            self.session.closed(exc)
            self._drive()

    def _receive(self, data: bytes) -> None:
        if self._wire is None:
            self.session.receive_data(data)
        else:
            self._wire.receive(data)

    # The loop over the steps.

    def _drive(self, step: Step | None = None) -> None:
        """Ask the session what it wants until it wants to wait; ``step`` is what it is known to want first."""
        if self._ended:
            return
        if self._driving or self._flushing:
            # A hook or the transport called back from within the loop below, or a write is put off: ask once more then.
            self._again = True
            return
        self._driving = True
        next_step = self.session.next_step
        try:
            for _ in range(TURN):
                self._again = False
                if step is None:
                    step = next_step()
                if not self._take(step):
                    if not self._again:
                        break
                elif type(step) is Send and step.then is not None and not self._again:
                    # Nearly always: a reply, and nothing but more input is waited for.
                    step = step.then
                    break
                step = None
            else:
                self._reactor.call_soon(self._drive, self.context)
        except (Exception, asyncio.CancelledError) as error:
            # No peer can cause this, and it must not cost the other connections anything. The cancellation is of
            # something that a hook has asked: this is no task that could be cancelled.
            logger.exception("internal error, the connection is closed")
            self.abandon(error)
        finally:
            self._driving = False
        if type(step) is Send and not self._paused:
            # It is put off, and all else until it is written.
            return
        if step is RECEIVE and self._reading and not (self._closing or self._paused):
            # Behind nearly every command: what the session wants is what is being done.
            deadline = self.session.deadline
            if deadline is not None and deadline < self._timer_at:
                self._set_timer(deadline)
        elif not self._ended:
            self._watch()

    def _take(self, step: Step | None) -> bool:
        """Do what is wanted; whether to ask again at once."""
        if self._waiting is not None and step is not self._waiting.ask:
            self._waiting.scope.cancel()
            self._waiting = None
        match step:
            case Send():
                return self._send(step)
            case Receive():
                return self._flush()
            case Ask():
                if self._waiting is None:
                    self._waiting = Waiting(step)
                    self._home.tasks.start_soon(self._answer, self._waiting)
                return self._flush()
            case StartTls():
                begun = self._start_tls(step)
                self._flush()
                return begun
            case Close():
                return self._close(step.graceful)
            case None:
                self._flush()
                self._transport.abort()
                self._closing = self._ended = True
                self._finish()
                return False
            case _:
                assert_never(step)

    def _flush(self) -> bool:
        """Write what TLS has to say by itself."""
        if self._wire is not None and (octets := self._wire.outgoing()):
            self._write(octets)
        return False

    def _start_tls(self, step: StartTls) -> bool:
        if self._wire is None:
            self._wire = Wire(self.session, self._home.service.tls_context)
            if self._eof:
                self._wire.receive(b"")
        return self._wire.start_tls(step)

    def _write(self, octets: bytes) -> bool:
        self._paused = not self._transport.write(octets)
        return not self._paused

    def _send(self, step: Send) -> bool:
        if step is self._sending:
            return False
        if self._reactor.sockets.holding:
            self._sending = step
            self._flushing = True
            self._reactor.sockets.write_later(self)
            return False
        try:
            octets = step.data if self._wire is None else self._wire.send(step.data)
        except TlsError as error:
            self.session.closed(error)
            self._again = True
            return True
        if self._write(octets):
            self.session.sent()
            return True
        self._sending = step
        return False

    async def _answer(self, waiting: Waiting) -> None:
        """The task of a hook."""
        with waiting.scope:
            if waiting.scope.cancel_called:
                drop(waiting.ask.pending)
            else:
                await settle(self.session, waiting.ask)
        if self._waiting is waiting:
            self._waiting = None
            self.context.run(self._drive)

    def _close(self, graceful: bool) -> bool:
        if self._lost:
            self.session.closed()
            return True
        if self._closing:
            return False
        self._closing = True
        self._flush()
        if not graceful or self._transport.is_closing():
            self._transport.abort()
            return False
        self._linger_until = self._reactor.time() + self._home.service.config.timeouts.linger
        if self._wire is not None:
            self._transport.write(self._wire.close())
        if self._eof:
            self._transport.close()
            return False
        try:
            self._transport.write_eof()
        except OSError:
            # The peer has reset the connection a moment ago.
            self._transport.abort()
        return False

    # Reading and the timer.

    def _watch(self) -> None:
        """Read if somebody wants it, and be called when the next deadline is due."""
        if not self._eof and not self._transport.is_closing():
            handshaking = self._wire is not None and self._wire.handshaking
            wanted = self._closing or handshaking or self.session.wants_data
            if self._paused and self._wire is not None and not self._closing:
                # TLS answers some of what it reads by itself (RFC 8446 4.6.3, key updates): who reads nothing could
                # make us keep answers without end.
                wanted = False
            if wanted is not self._reading:
                self._reading = wanted
                if wanted:
                    self._transport.resume_reading()
                else:
                    self._transport.pause_reading()
        deadline = self.session.deadline if self._linger_until is None else self._linger_until
        # A timer that runs out in vain costs less than setting it anew for each command.
        if deadline is not None and deadline < self._timer_at:
            self._set_timer(deadline)

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        if deadline > self._reactor.time():
            self._timer = self._reactor.wake_at(deadline, self)
        else:
            # Due already, as the look for an early talker is. What the kernel holds is to be seen before.
            self._timer = self._reactor.call_soon(self._look, self.context)

    def _look(self) -> None:
        timer = self._timer
        self._transport.look()
        if self._timer is timer:
            self.wake()

    def wake(self) -> None:
        """The timer has run out."""
        self._timer = None
        self._timer_at = math.inf
        if self._linger_until is None:
            self.session.timed_out()
            self._drive()
        elif self._reactor.time() >= self._linger_until:
            self._transport.abort()
        else:
            self._watch()

    def _finish(self) -> None:
        if self._ended and self._lost:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._home.over(self)
