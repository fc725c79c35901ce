"""The loop over the five steps of a session of either role, with nothing that could block."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Generator
from typing import ClassVar, Generic, TypeVar, assert_never

from smtpcore_tls import TlsError, Wire

from smtpcore.session import Ask, Close, Receive, Send, ServerSession, StartTls, Step
from smtpcore.session.client import ClientSession

from .clock import Clock

AnySession = TypeVar("AnySession", ServerSession, ClientSession)


class StepLoop(Generic[AnySession]):
    """Runs one session between octets from the peer and octets for it, which are TLS records once TLS is on.

    A hook that returns an awaitable is run on the spot. If it really has to wait, it stays in `pending` until
    `answer` or `fail` is called, or the session gives it up: there is no event loop here that could wake it.

    Args:
        session: The session; it runs from the first call of another method on.
        clock: The session's clock.
        tls_context: What TLS needs; ``None`` will do where the settings know none.
        server_name: For a client: the name to check the certificate against.
        window: Octets that may lie unread on the way to the peer before the transport takes no more; ``None`` for any
            number.
    """

    session: AnySession
    clock: Clock
    closed: bool
    """The connection is over: closed by the session, or broken."""
    pending: Ask | None
    """The question whose answer the session waits for, if a hook did not answer it on the spot."""
    _reads_while_sending: ClassVar[bool] = False

    def __init__(
        self,
        session: AnySession,
        clock: Clock,
        tls_context: ssl.SSLContext | None,
        *,
        server_name: str | None = None,
        window: int | None = None,
    ) -> None:
        self.session = session
        self.clock = clock
        self.closed = False
        self.pending = None
        self._window = window
        self._incoming: deque[bytes] = deque()
        self._outgoing = bytearray()
        self._waiting: Generator[object, None, object] | None = None
        self._wire = Wire(session, tls_context, server_name=server_name)

    def feed(self, octets: bytes) -> None:
        """Take octets from the peer, ``b""`` for the end of them, and run the session until it waits."""
        if not self.closed:
            self._incoming.append(bytes(octets))
        self.run()

    def take(self) -> bytes:
        """Run the session until it waits, and hand over what it has sent, each octet once."""
        self.run()
        octets = bytes(self._outgoing)
        self._outgoing.clear()
        return octets

    def advance(self, seconds: float) -> None:
        """Move the clock, and tell the session of each deadline on the way at its exact time."""
        end = self.clock.now + seconds
        self.run()
        while (deadline := self.session.deadline) is not None and deadline <= end:
            self.clock.now = max(self.clock.now, deadline)
            self.session.timed_out()
            self.run()
        self.clock.advance(max(end - self.clock.now, 0.0))

    def answer(self, value: object) -> None:
        """Answer the `pending` question in the place of the hook, which is closed."""
        ask = self._settle()
        self.session.answer(ask, value)
        self.run()

    def fail(self, exception: Exception) -> None:
        """Have the hook behind the `pending` question raise this."""
        ask = self._settle()
        self.session.failed(ask, exception)
        self.run()

    def shutdown(self, grace: float) -> None:
        """Shut the session down in good order; after `grace` seconds it ends wherever it stands."""
        self.session.shutdown(grace)
        self.run()

    def broken(self, exception: Exception | None = None) -> None:
        """The transport is gone, in both directions at once."""
        if not self.closed:
            self._over()
            self.session.closed(exception)
        self.run()

    def run(self) -> None:
        """Do what the session wants until it waits for the peer, a hook or the clock."""
        while True:
            step = self.session.next_step()
            if self.pending is not None and step is not self.pending:
                self._settle()  # its deadline or a shutdown has settled it
            if step is None or not (self._do(step) or self._overdue()):
                return

    def _do(self, step: Step) -> bool:
        """Do a step, or a part of it; false if there is nothing to be done now."""
        match step:
            case Receive():
                return self._read(self.session.wants_data)
            case Send(data):
                if self._window is not None and len(self._outgoing) >= self._window:
                    return self._reads_while_sending and self._read(self.session.wants_data)
                self._write(data)
            case Ask():
                return self._ask(step) or self._read(self.session.wants_data)
            case StartTls():
                if not self._wire.start_tls(step):
                    return self._read(True)
                self._answer()
            case Close():
                # The close_notify goes out whatever the kind of the end is: there is no peer that could hold it up.
                self._outgoing += self._wire.close()
                self._over()
                self.session.closed()
            case _:
                assert_never(step)
        return True

    def _overdue(self) -> bool:
        """Tell the session of a deadline that is over: the look for early talk has one that is so at once."""
        deadline = self.session.deadline
        if deadline is None or deadline > self.clock.now:
            return False
        self.session.timed_out()
        return True

    def _read(self, wanted: bool) -> bool:
        if not self._incoming or not wanted:
            return False
        self._wire.receive(self._incoming.popleft())
        self._answer()
        return True

    def _answer(self) -> None:
        """Send what TLS says by itself: records, an alert if it has failed."""
        self._outgoing += self._wire.outgoing()
        if self._wire.failed:
            self._over()

    def _write(self, data: bytes) -> None:
        try:
            self._outgoing += self._wire.send(data)
        except TlsError as error:
            self._over()
            self.session.closed(error)
        else:
            self.session.sent()

    def _ask(self, ask: Ask) -> bool:
        if ask is self.pending:
            return False
        self.pending = ask
        self._waiting = ask.pending.__await__()
        try:
            next(self._waiting)
        except StopIteration as end:
            self.session.answer(self._settle(), end.value)
        except Exception as error:
            self.session.failed(self._settle(), error)
        else:
            return False
        return True

    def _settle(self) -> Ask:
        """The pending question, which is pending no more; the hook's coroutine is closed."""
        ask, waiting = self.pending, self._waiting
        if ask is None or waiting is None:
            raise ValueError("nothing is asked: look at pending first")
        self.pending = self._waiting = None
        try:
            waiting.close()
        except Exception:  # noqa: S110
            pass  # Its answer counts for nothing any more, and neither does what it raises instead of ending.
        return ask

    def _over(self) -> None:
        self.closed = True
        self._incoming.clear()
