"""The loop over the five steps of a session of either role, in one thread that waits in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import assert_never

from smtpcore_tls import TlsError, Wire, abandon

from smtpcore.session import Ask, Close, Receive, Send, ServerSession, StartTls, Step
from smtpcore.session.client import ClientSession

from .bell import Bell
from .channel import READ, WRITE, Channel

Alarm = tuple[Bell, Callable[[], float]]
"""A bell that tells of a shutdown, and the grace it gives, in seconds."""


class StepLoop:
    """Does what a session wants, in the one thread that calls `run`.

    Args:
        channel: The connection. It is closed when the session or the transport has come to its end.
        session: Whose steps are taken.
        wire: What lies between the two.
        next_step: Gives the session's next step, or None when the loop is to return.
        linger: Seconds that the peer has to see the end of a graceful close.
        alarms: Are listened to, one after the other.
    """

    def __init__(
        self,
        channel: Channel,
        session: ServerSession | ClientSession,
        wire: Wire,
        *,
        next_step: Callable[[], Step | None],
        linger: float,
        alarms: Sequence[Alarm] = (),
    ) -> None:
        self._channel = channel
        self._session = session
        self._wire = wire
        self._next_step = next_step
        self._linger = linger
        self._alarms = list(alarms)
        self._sending: Send | None = None

    def run(self) -> None:
        """Take steps until there is none; if that fails, the session is over when it is raised."""
        try:
            self._channel.watch(self._alarms[0][0] if self._alarms else None)
            while (step := self._next_step()) is not None:
                try:
                    self._do(step)
                except (OSError, TlsError) as error:
                    self._broken(error)
                if self._wire.failed:
                    # Not when the session is over: the hooks that are still to come may keep this thread for long.
                    self._channel.close()
        except BaseException as error:
            self.abandon(error)
            raise

    def _broken(self, error: OSError | TlsError) -> None:
        """The transport, or what TLS makes of it, is gone."""
        self._channel.close()
        self._session.closed(error)

    def _do(self, step: Step) -> None:
        """Do a step, or as much of it as can be done without waiting, or wait."""
        match step:
            case Send():
                self._send(step)
            case Receive():
                self._receive()
            case Ask():
                self._refuse(step)
            case StartTls():
                self._start_tls(step)
            case Close():
                self._close(step)
            case _:
                assert_never(step)

    def _receive(self) -> None:
        # The TLS layer may have something left to say before it can read: its last flight, tickets, a key update.
        if self._channel.unsent and not self._flush():
            return
        left = self._left()
        wanted = self._wire.handshaking or self._session.wants_data
        octets = self._channel.read_soon(left) if wanted else None
        in_time = True
        if octets is None:
            left = self._left()
            # What is here by now came in time, however late this thread is.
            in_time = self._channel.wait(READ if wanted else 0, left)
            octets = self._channel.read() if wanted and in_time else None
        if octets is not None:
            self._wire.receive(octets)
            if self._wire.secure:
                self._answer()
        # A peer that always has something to read meets its deadline all the same.
        if not in_time or left == 0.0:
            self._session.timed_out()
        self._listen()

    def _start_tls(self, step: StartTls) -> None:
        if self._wire.start_tls(step):
            self._answer()
        else:
            self._receive()

    def _answer(self) -> None:
        """Send what TLS says by itself, as far as the transport takes it now."""
        # Not with the next flush: of a TLS that has failed it is the alert, and there will be no other.
        self._channel.put(self._wire.outgoing())
        self._channel.flush()

    def _send(self, step: Send) -> None:
        fresh = step is not self._sending
        if fresh:
            self._sending = step
            self._channel.put(self._wire.send(step.data))
        if self._flush():
            self._sending = None
            self._session.sent()
            if fresh and step.then is not None:
                self._do(step.then)

    def _refuse(self, step: Ask) -> None:
        # A future or a promise is left alone: the event loop it belongs to is another thread's.
        if isinstance(step.pending, Coroutine):
            step.pending.close()
        self._session.failed(
            step, TypeError(f"the hook {step.stage} returned an awaitable, and threads do not await: make it plain")
        )

    def _close(self, step: Close) -> None:
        if step.graceful:
            self._channel.put(self._wire.close())
            try:
                self._channel.finish(self._linger)
            except OSError:
                pass  # The peer has reset the connection, and nothing more can be sent.
        self._channel.close()
        self._session.closed()

    def _flush(self) -> bool:
        """Write what there is to write. If the transport does not take all of it, wait, and return false."""
        if self._channel.flush():
            return True
        if self._overdue():
            self._session.timed_out()
        else:
            self._make_room()
        return False

    def _make_room(self) -> None:
        """Wait until the transport takes more; a server reads nothing meanwhile, and its peer has to read first."""
        self._wait(WRITE)

    def _overdue(self) -> bool:
        return self._left() == 0.0

    def _wait(self, events: int) -> None:
        """Wait for the socket, an alarm or the session's deadline; tell the session of the last two."""
        if not self._channel.wait(events, self._left()):
            self._session.timed_out()
        self._listen()

    def _left(self) -> float | None:
        """Seconds until the session's deadline, if it has one."""
        deadline = self._session.deadline
        return None if deadline is None else max(deadline - time.monotonic(), 0.0)

    def _listen(self) -> None:
        """Tell the session of a shutdown, if there is one that it was not told of."""
        while self._alarms and self._alarms[0][0].rung:
            _, grace = self._alarms.pop(0)
            self._channel.watch(self._alarms[0][0] if self._alarms else None)
            self._session.shutdown(grace())

    def abandon(self, cause: BaseException | None) -> None:
        """Let the session end in order (its gate, its handler) where it cannot go on, and wait for nothing."""
        try:
            abandon(self._session, cause if isinstance(cause, Exception) else None, self._refuse)
        except Exception:  # noqa: S110
            pass  # What has failed before is what matters.
