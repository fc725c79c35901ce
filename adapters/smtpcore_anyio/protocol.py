"""The path of asyncio: a protocol that runs a whole session inside the callbacks of its transport.

asyncio calls when something has happened (octets, room to write, the timer), the session is told and asked for its
steps until it wants to wait. Only a hook that has to be awaited becomes a task, so an idle connection is this object,
its session and its transport, and costs neither a task nor a timer for each read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, assert_never, cast

from anyio import CancelScope
from anyio.abc import TaskGroup
from smtpcore_tls import TlsError

from smtpcore.session import Ask, Close, Peer, Receive, Send, StartTls, Step

from .service import Service, abandon, drop
from .wire import Wire

LINGER_OCTETS = 1024 * 1024
"""How much is read and discarded behind the last reply, at most."""

_logger = logging.getLogger("smtpcore_anyio")


class _Waiting:
    """A hook that a task waits for."""

    __slots__ = ("ask", "begun", "scope")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.begun = False
        self.scope = CancelScope()


class Connection(asyncio.BufferedProtocol):
    """One connection.

    Args:
        service: What all connections share.
        peer: The other end.
        buffer: Where input is read to. All connections of a loop may share it, for what is read is consumed before
            the next read begins.
        tasks: Where hooks are awaited.
        over: Called once, with this object, when the session has ended and the transport is gone.
    """

    __slots__ = (
        "_again",
        "_buffer",
        "_closing",
        "_discard",
        "_driving",
        "_linger_until",
        "_loop",
        "_lost",
        "_over",
        "_paused",
        "_reading",
        "_sending",
        "_tasks",
        "_timer",
        "_timer_at",
        "_transport",
        "_waiting",
        "_wire",
        "linger",
        "session",
    )

    _transport: asyncio.Transport

    def __init__(
        self,
        service: Service,
        peer: Peer,
        buffer: memoryview,
        tasks: TaskGroup,
        over: Callable[[Connection], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.session = service.session(peer, self._loop.time)
        self.linger = service.config.timeouts.linger
        self._wire = Wire(self.session, service.tls_context)
        self._buffer = buffer
        self._tasks = tasks
        self._over: Callable[[Connection], None] | None = over
        self._waiting: _Waiting | None = None
        self._sending: Send | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0
        self._linger_until: float | None = None
        self._discard = LINGER_OCTETS
        self._driving = self._again = False
        self._paused = False
        self._reading = True
        self._closing = False
        self._lost = False

    # What the server says.

    def shutdown(self, grace: float) -> None:
        """Let the session end within so many seconds."""
        self.session.shutdown(grace)
        self._drive()

    def abandon(self, cause: Exception | None = None) -> None:
        """End the connection now; a hook that is awaited is cancelled."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.scope.cancel()
        self._transport.abort()
        self._closing = True
        # From here on nothing is driven, whatever the transport still calls.
        self._driving = True
        try:
            abandon(self.session, waiting.ask if waiting is not None else None, cause)
        except Exception:
            _logger.exception("error in the end of a connection")
        self._finish()

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands: begin."""
        self._transport = cast(asyncio.Transport, transport)
        # No buffer of the transport's own: Send is done when the kernel has it all, so that the time a peer takes
        # is seen by the session, and a reply that was handed over survives whatever comes after it.
        self._transport.set_write_buffer_limits(high=0)
        self._drive()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Octets came."""
        if self._closing:
            self._discard -= nbytes
            if self._discard < 0:
                self._transport.abort()
            return
        self._wire.receive(self._buffer[:nbytes])
        self._drive()

    def eof_received(self) -> bool:
        """The peer will send nothing more. It may still read, so the transport stays open."""
        if self._closing:
            self._transport.close()
        else:
            self._wire.receive(b"")
            self._drive()
        return True

    def pause_writing(self) -> None:
        """The kernel takes no more for now."""
        self._paused = True

    def resume_writing(self) -> None:
        """All was taken."""
        self._paused = False
        # Not at once: asyncio's transport is in the middle of its own work and must not be closed from within. It
        # comes before anything that is read from now on, so nothing of a TLS handshake can be taken for clear text.
        self._loop.call_soon(self._resumed)

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._lost = self._closing = True
        self._linger_until = None
        if self._over is not None:
            self.session.closed(exc)
            self._drive()
        self._finish()

    # The loop over the steps.

    def _drive(self) -> None:
        """Ask the session what it wants until it wants to wait."""
        if self._driving:
            # Told something from within a hook: the loop below asks once more.
            self._again = True
            return
        self._driving = True
        try:
            while True:
                self._again = False
                if not self._take(self.session.next_step()) and not self._again:
                    break
            self._driving = False
        except Exception as error:
            # Not the peer's doing: no peer input raises. It must not cost the other connections anything.
            _logger.exception("internal error; the connection is closed")
            self.abandon(error)
            return
        if self._over is not None:
            self._watch()

    def _take(self, step: Step | None) -> bool:
        """Do what is wanted; whether to ask again at once."""
        if self._waiting is not None and step is not self._waiting.ask:
            self._waiting.scope.cancel()
            self._waiting = None
        match step:
            case Receive():
                return self._flush()
            case Send():
                return self._send(step)
            case Ask():
                if self._waiting is None:
                    self._waiting = _Waiting(step)
                    self._tasks.start_soon(self._answer, self._waiting)
                return self._flush()
            case StartTls():
                before = self.session.next_step
                self._wire.start_tls(step)
                return self._flush() or before is None
            case Close():
                return self._close(step.graceful)
            case None:
                if not self._closing:
                    self._transport.abort()
                self._closing = True
                self._ended()
                return False
            case _:
                assert_never(step)
