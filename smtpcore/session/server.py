"""The server's session: policy without I/O, as an object that says what it wants next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Final, TypeAlias

from smtpcore.commands.hello import Ehlo, Helo, Lhlo
from smtpcore.errors import LocalProtocolError
from smtpcore.events import Pause
from smtpcore.handler import HOOKS, BodySink, Handler
from smtpcore.lines import Buffer
from smtpcore.replies import Reply
from smtpcore.sasl import Identity
from smtpcore.server import Barrier, ServerConnection
from smtpcore.session import opening, stages
from smtpcore.session import replies as texts
from smtpcore.session.budget import Budget
from smtpcore.session.config import ServerConfig
from smtpcore.session.content import Content
from smtpcore.session.envelope import Envelope
from smtpcore.session.gate import Gate
from smtpcore.session.observer import Observer
from smtpcore.session.pace import Pace
from smtpcore.session.peer import Peer
from smtpcore.session.stages.auth import Exchange
from smtpcore.session.steps import RECEIVE, Ask, Close, Send, StartTls, Step
from smtpcore.session.timers import Timers
from smtpcore.spec import State
from smtpcore.tls import TlsInfo

Answered: TypeAlias = Callable[[object], None]
"""What goes on with a hook's answer."""
Phase: TypeAlias = Callable[[], Step | None]
"""A part of the session's life: gives the next step, or None when it has set another phase or step."""

_BODY: Final = (State.DATA, State.BDAT)
_OUTSIDE: Final = (State.CONNECTED, State.GREETED, State.REFUSED, State.READY, State.AUTH)
"""The states that a shutdown ends at once; a mail transaction goes on to its final reply."""
_TIMEOUTS: Final = ("idle", "block", "data", "session")
_FINAL_HOOKS: Final = ("message", "finish")


class ServerSession:
    """One connection from before the greeting to after the close.

    Everything may be told at any time, and only ``next_step()`` acts. An adapter is a loop over its steps::

        while (step := session.next_step()) is not None: ...

    with one timer for ``deadline``, at which it tells ``timed_out()``.

    Args:
        config: The settings.
        peer: The endpoints as the transport knows them.
        handler: The application.
        gate: Counts the connections; shared by sessions.
        observer: Is told what happens.
        monotonic: The adapter's own clock in seconds; ``deadline`` is in its time.
        utcnow: An aware moment, for Received lines only.
        token_bytes: So many random octets, for the session's id.
    """

    peer_gone: bool
    """The peer has ended its side or the connection broke; a hook that runs is not cancelled for it."""
    context: object
    """For the application: whatever belongs to this connection."""

    def __init__(
        self,
        config: ServerConfig,
        peer: Peer,
        handler: Handler,
        *,
        gate: Gate | None = None,
        observer: Observer | None = None,
        monotonic: Callable[[], float],
        utcnow: Callable[[], datetime],
        token_bytes: Callable[[int], bytes],
    ) -> None:
        self.config = config
        self.peer = peer
        self.handler = handler
        self.gate = gate
        self.observer = observer
        self.monotonic = monotonic
        self.utcnow = utcnow
        self.id = token_bytes(6).hex()
        self.context = None
        self.tls: TlsInfo | None = None
        self.identity: Identity | None = None
        self.helo: Helo | Ehlo | Lhlo | None = None
        self.envelope: Envelope | None = None
        self.early_talk = False
        self.pipelined_early = False
        self.peer_gone = False
        self.overridden = _overridden(type(handler)) | (HOOKS & vars(handler).keys())
        limits = config.limits
        self.connection = ServerConnection(
            table=config.table,
            leniencies=config.leniencies,
            tls=config.implicit_tls,
            enhanced_codes=config.enhanced_codes,
            max_command_line=limits.max_command_line,
            max_auth_line=limits.max_auth_line,
            max_line_drain=limits.max_line_drain,
            max_params=limits.max_params,
        )
        self.budget = Budget(limits)
        self.timers = Timers()
        self.pace = Pace(config.timeouts, self.timers)
        self.content = Content()
        self.transactions = 0
        self.insecure: Barrier | None = None
        self.exchange: Exchange | None = None
        self.auth_seen = False
        self._phase: Phase | None = lambda: opening.admit(self)
        self._busy = False
        self._told = False
        self._step: Step | None = None
        self._ask: Ask | None = None
        self._answered: Answered | None = None
        self._result: tuple[object, BaseException | None] | None = None
        self._out: list[bytes] = []
        self._out_size = 0
        self._out_since = 0.0
        self._flush_now = False
        self._fresh = False
        self._input_open = True
        self._tls_octets: list[bytes] | None = [] if config.implicit_tls else None
        self._tls_result: TlsInfo | BaseException | None = None
        self._timed_out = False
        self._grace: float | None = None
        self._shutting = False
        self._ending = False
        self._broken = False
        self._closed_told = False
        self._graceful = True
        self.cause: BaseException | None = None
        self.admitted = False
        self.timers.start("session", monotonic(), config.timeouts.session)
        self.raise_barrier()

    # What an adapter tells and asks.

    @property
    def state(self) -> State:
        """Where the dialogue stands."""
        return self.connection.dialogue.state

    @property
    def deadline(self) -> float | None:
        """When ``timed_out()`` is due, in the monotonic clock's time; None: nothing is running."""
        return self.timers.earliest

    @property
    def wants_data(self) -> bool:
        """Whether input is of use: False while the buffer is full, TLS is about to begin, or all is over."""
        return (
            self._input_open
            and self._tls_octets is None
            and self.connection.buffered < self.config.limits.max_input_buffer
        )

    def receive_data(self, data: Buffer) -> None:
        """Octets came; ``b""`` is the end of the input, after which the peer may still read."""
        if not self._input_open:
            return
        if len(data) == 0:
            self._input_open = False
            self.peer_gone = True
        if self._tls_octets is not None:
            self._tls_octets.append(bytes(data))
            return
        self.connection.receive_data(data)
        self._fresh = True

    def timed_out(self) -> None:
        """The deadline has come."""
        self._timed_out = self._told = True

    def shutdown(self, grace: float) -> None:
        """End soon: at once outside a transaction, in one after its final reply, after ``grace`` seconds anyway."""
        self._grace = grace if self._grace is None else min(grace, self._grace)
        self._told = True

    def sent(self) -> None:
        """The octets of Send were handed over, and the transport takes more."""
        if type(self._step) is Send:
            self._step = None
            self.timers.stop("write")

    def answer(self, ask: Ask, value: object) -> None:
        """A hook has answered; ignored when the Ask was settled meanwhile."""
        if ask is self._ask and self._result is None:
            self._result = (value, None)
            self._told = True

    def failed(self, ask: Ask, exception: BaseException) -> None:
        """A hook has raised; ignored when the Ask was settled meanwhile."""
        if ask is self._ask and self._result is None:
            self._result = (None, exception)
            self._told = True

    def tls_started(self, info: TlsInfo) -> None:
        """The TLS handshake is done; what is received from now on came through it."""
        self._tls_result = info
        self._told = True

    def tls_failed(self, exception: BaseException) -> None:
        """The TLS handshake failed; the connection is closed without a word (RFC 3207 4)."""
        self._tls_result = exception
        self._told = True

    def closed(self, exception: BaseException | None = None) -> None:
        """Close was done, or the transport broke."""
        if not self._closed_told:
            self._closed_told = self._told = True
            self.peer_gone = True
            self._input_open = False
            if exception is not None:
                self.cause = exception

    def next_step(self) -> Step | None:
        """What is wanted now; None when all is over.

        Raises:
            LocalProtocolError: It was called from inside a hook.
        """
        if self._busy:
            raise LocalProtocolError("next_step() was called from inside a hook; return from it first")
        self._busy = True
        try:
            if self._told:
                self._settle()
            while True:
                if self._step is not None:
                    return self._step
                if self._flush_now and self._out:
                    return self._flush()
                if self._ask is not None:
                    return self._ask
                if self._phase is None:
                    return None
                step = self._phase()
                if step is not None:
                    return step
        finally:
            self._busy = False

    # What was told since the last step.

    def _settle(self) -> None:
        self._told = False
        if self._result is not None and self._ask is not None:
            value, exception = self._result
            ask = self._ask
            if exception is not None:
                value = self.fault(ask.stage, exception)
            self._resolve(ask.stage, value)
        if self._closed_told and not self._broken:
            self._break()
        if self._tls_result is not None and type(self._step) is StartTls:
            self._end_handshake(self._tls_result)
        if self._grace is not None:
            self.timers.start("grace", self.monotonic(), self._grace)
            self._grace = None
            self._shutting = True
        if self._shutting and not self._ending and type(self._step) is not StartTls and self.state in _OUTSIDE:
            if self._ask is None or self._ask.stage != "disconnect":
                self.end(self.config.replies.shutdown)
        if self._timed_out:
            self._timed_out = False
            now = self.monotonic()
            for name in self.timers.expired(now):
                self._expire(name, now)

    def _expire(self, name: str, now: float) -> None:
        if name == "hook":
            if self._ask is not None:
                stage = self._ask.stage
                self._resolve(stage, self.fault(stage, TimeoutError(f"the hook {stage} did not answer in time")))
        elif name in ("write", "handshake"):
            self.cause = TimeoutError(f"timeout: {name}")
            self.cut()
        elif name == "grace":
            self.end(self.config.replies.shutdown)
        elif name in _TIMEOUTS or (name == "rate" and self.pace.too_slow(now)):
            self.cause = TimeoutError(f"timeout: {name}")
            self.end(self.config.replies.timeout)

    def _break(self) -> None:
        """The transport is gone: nothing can be sent, a hook that runs may still answer."""
        self._broken = self._ending = True
        self._out.clear()
        self._step = None
        self.timers.stop(*_TIMEOUTS, "rate", "write", "handshake", "greeting")
        self._phase = self._disconnect

    def _end_handshake(self, result: TlsInfo | BaseException) -> None:
        self._step = self._tls_result = None
        self.timers.stop("handshake")
        if isinstance(result, BaseException):
            self.cause = result
            self.cut()
            return
        self._tls_octets = None
        opening.secured(self, result)

    # What phases and stages do.

    def enter(self, phase: Phase) -> None:
        """Go on with another part of the session's life."""
        self._phase = phase

    def reply(self, reply: object) -> Reply:
        """Answer what the connection owes.

        Returns:
            What went out: the reply, or 451 in its place where the command cannot have it.
        """
        rule = self.connection.owed
        try:
            if not isinstance(reply, Reply):
                raise TypeError(f"a hook answers None or a Reply, not {type(reply).__name__}")
            data = self.connection.send(reply)
        except (LocalProtocolError, TypeError) as error:
            reply = self.fault("(reply)", error)
            if self.state is State.CONNECTED:
                reply = self.config.replies.fault
            data = self.connection.send(reply)
        if not self._out:
            self._out_since = self.monotonic()
        self._out.append(data)
        self._out_size += len(data)
        if rule is None or not rule.holds or self._out_size >= self.config.limits.max_held_output:
            self._flush_now = True
        if self.observer is not None:
            self.observer.replied(self, rule.verb.decode("ascii") if rule is not None else "(unasked)", reply)
        return reply

    def call(self, stage: str, hook: Callable[..., object], *args: object, then: Answered) -> None:
        """Call a hook and go on with its answer, now or when it has come."""
        try:
            value = hook(*args)
        except Exception as exception:
            value = self.fault(stage, exception)
        if value is None or isinstance(value, Reply):
            then(value)
            return
        self._answered = then
        if not isinstance(value, (BodySink, bool)) and hasattr(value, "__await__"):
            self._ask = Ask(stage, value)
            self._wait_for_hook(stage)
        else:
            self._resolve(stage, value)

    def _wait_for_hook(self, stage: str) -> None:
        now = self.monotonic()
        timeouts = self.config.timeouts
        self.timers.start("hook", now, timeouts.message_hook if stage in _FINAL_HOOKS else timeouts.hook)
        self.timers.stop("idle", "block")
        # A client times each command: what is ready does not wait for one slow hook after another.
        if self._out and now - self._out_since >= timeouts.reply_wait:
            self._flush_now = True

    def _resolve(self, stage: str, value: object) -> None:
        then = self._answered
        self._ask = self._answered = self._result = None
        self.timers.stop("hook")
        if value is not None and not isinstance(value, (Reply, BodySink, bool)):
            value = self.fault(stage, TypeError(f"the hook {stage} answered {type(value).__name__}"))
        if then is not None:
            then(value)

    def fault(self, stage: str, exception: BaseException) -> Reply:
        """Report a fault of the application; its text never leaves the process.

        Returns:
            What the peer gets to hear.
        """
        self.cause = exception
        if self.observer is not None:
            self.observer.fault(self, stage, exception)
        if stage == "connect":
            return self.config.replies.fault
        return texts.AUTH_FAULT if stage in ("credentials", "authenticate") else texts.FAULT

    def raise_barrier(self) -> None:
        """Let the wire layer refuse what the lack of TLS or authentication forbids."""
        config = self.config
        dialogue = self.connection.dialogue
        if self.insecure is not None:
            self.connection.barrier = self.insecure
        elif config.require_tls and not dialogue.tls:
            self.connection.barrier = config.tls_barrier
        elif config.require_auth and not dialogue.authenticated:
            self.connection.barrier = config.auth_barrier
        else:
            self.connection.barrier = None

    def end(self, reply: Reply | None = None) -> None:
        """End the session, with a last reply if the peer can still get one."""
        if self._ending:
            return
        self._ending = True
        self._input_open = False
        self._ask = self._answered = self._result = None
        self.timers.stop("hook", "idle", "greeting", "rate", "block", "data")
        if type(self._step) is StartTls or self.state is State.TLS_HANDSHAKE:
            # No octet of SMTP may pass now.
            self._step = None
            self._graceful = False
        elif reply is not None and self.state is not State.CLOSED:
            self.reply(reply)
        self._phase = self._close

    def cut(self) -> None:
        """End the session at once and without a word."""
        self._ending = True
        self._input_open = False
        self._graceful = False
        self._out.clear()
        self._step = None
        self._ask = self._answered = self._result = None
        self.timers.stop(*_TIMEOUTS, "hook", "rate", "greeting", "write", "handshake")
        self._phase = self._close

    def hand_over(self) -> StartTls:
        """The next octets belong to the TLS layer."""
        octets = b"".join(self._tls_octets or ())
        self._tls_octets = []
        self.timers.start("handshake", self.monotonic(), self.config.timeouts.tls_handshake)
        self._step = StartTls(octets)
        return self._step

    def expect_tls(self) -> None:
        """The 220 to STARTTLS was made: whatever comes now is for the TLS layer to read."""
        self._tls_octets = []
        self._phase = self._before_handshake

    # The phases.

    def _before_handshake(self) -> Step:
        return self._flush() if self._out else self.hand_over()

    def dialogue(self) -> Step | None:
        """Work on events until a step is wanted."""
        connection = self.connection
        next_event = connection.next_event
        received = stages.RECEIVED
        if self._fresh and self.state in _BODY:
            self.pace.resume(self.monotonic())
        while True:
            if self._shutting and connection.dialogue.state in _OUTSIDE:
                self.end(self.config.replies.shutdown)
                return None
            event = next_event()
            if isinstance(event, Pause):
                return self._flush() if self._out else self._receive()
            if self.observer is not None:
                stages.observe(self, event)
            received[type(event)](self, event)
            if self._ask is not None or self._flush_now or self._phase != self.dialogue:
                return None

    def _receive(self) -> Step:
        timers = self.timers
        if self.connection.dialogue.state in _BODY:
            self.pace.wait(self.monotonic(), fresh=self._fresh)
        elif not timers.runs("idle"):
            timeouts = self.config.timeouts
            late = timeouts.idle_after_error is not None and self.budget.errors > 0
            timers.start("idle", self.monotonic(), timeouts.idle_after_error if late else timeouts.idle)
        self._fresh = False
        return RECEIVE

    def _flush(self) -> Send:
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        self._flush_now = False
        self.timers.stop("idle")
        self.timers.start("write", self.monotonic(), self.config.timeouts.write)
        self._step = Send(data)
        return self._step

    def _close(self) -> Step | None:
        if self._out:
            return self._flush()
        if self.content.sink is not None:
            self.content.abort(self)
            return None
        self.pace.end()
        self.timers.stop("session", "grace", "idle")
        self._step = Close(self._graceful)
        return self._step

    def _disconnect(self) -> Step | None:
        if self.content.sink is not None:
            self.content.abort(self)
            return None
        self.pace.end()
        self.timers.stop("session", "grace")
        self._phase = None
        if self.admitted and self.gate is not None:
            self.gate.release(self.peer)
        if self.observer is not None:
            self.observer.closed(self, self.cause)
        if "disconnect" in self.overridden:
            self.call("disconnect", self.handler.disconnect, self, self.cause, then=_nothing)
        return None


def _nothing(value: object) -> None:
    """Whatever the hook says, there is nobody left to hear it."""


@cache
def _overridden(kind: type[Handler]) -> frozenset[str]:
    """The hooks that a class of handlers has of its own; the others cost nothing."""
    return frozenset(name for name in HOOKS if getattr(kind, name) is not getattr(Handler, name))
