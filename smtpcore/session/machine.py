"""The step machine under a session: what was told, what is wanted now, hooks, deadlines, output. No SMTP in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Self, TypeAlias, TypeVar

from smtpcore.errors import LocalProtocolError
from smtpcore.lines import Buffer
from smtpcore.replies import Reply
from smtpcore.session.steps import Ask, Close, Receive, Send, StartTls, Step
from smtpcore.session.timers import StepTimeouts, Timers
from smtpcore.tls import TlsInfo

Answered: TypeAlias = Callable[[object], None]
"""What goes on with a hook's answer."""
Phase: TypeAlias = Callable[[], Step | None]
"""A part of the session's life: gives the next step, or None when it has set another phase, or asked a hook."""
_S = TypeVar("_S")
_FINAL_HOOKS = ("message", "finish", "recipient")


class StepMachine:
    """Everything may be told at any time, and only ``next_step()`` acts; the other methods record.

    A step stands until it is settled: Send by ``sent()``, Ask by its answer or its deadline, StartTls by the
    end of the handshake, Close by ``closed()``. Receive is made anew each time.
    """

    __slots__ = (
        "_accept", "_answered", "_ask", "_broken", "_busy", "_closed", "_ending", "_flush_now", "_graceful",
        "_input_open", "_left", "_most_held", "_out", "_out_since", "_phase", "_result", "_step", "_timed_out",
        "_timeouts", "_tls_octets", "_tls_result", "_told", "cause", "monotonic", "peer_gone", "timers",
    )  # fmt: skip

    peer_gone: bool
    """The peer has ended its side or the connection broke; a hook that runs is not cancelled for it."""

    def __init__(self, timeouts: StepTimeouts, monotonic: Callable[[], float], first: Phase, most_held: int) -> None:
        self.timers = Timers()
        self.monotonic = monotonic
        self.peer_gone = False
        self.cause: BaseException | None = None
        self._timeouts = timeouts
        self._phase: Phase | None = first
        self._left = False  # another phase was set while one was running
        self._step: Step | None = None
        self._busy = False
        # What was told and not yet acted upon.
        self._told = False
        self._timed_out = self._closed = False
        self._result: tuple[object, BaseException | None] | None = None
        self._tls_result: TlsInfo | BaseException | None = None
        # The hook that is waited for.
        self._ask: Ask | None = None
        self._answered: Answered | None = None
        self._accept: tuple[type, ...] = ()
        # Output that waits for more.
        self._out: bytes | bytearray = b""
        self._out_since: float | None = None
        self._most_held = most_held
        self._flush_now = False
        # Octets for the TLS layer while a handshake is due, or for the reader of a PROXY header; None while octets are
        # the dialogue's. No octet of SMTP may pass unless it is None.
        self._tls_octets: list[bytes] | None = None
        self._input_open = True
        self._ending = self._broken = False
        self._graceful = True

    # What an adapter tells and asks.

    @property
    def deadline(self) -> float | None:
        """When ``timed_out()`` is due, in the monotonic clock's time; None: nothing is running.

        It belongs to the step that stands: look at it when a wait begins.
        """
        if type(self._step) is Send:
            self._wait_for_transport(self._step)
        return min(self.timers.values()) if self.timers else None

    def timed_out(self) -> None:
        """The deadline has come."""
        self._timed_out = self._told = True

    def sent(self) -> None:
        """The octets of Send were handed over, and the transport takes more."""
        step = self._step
        if type(step) is Send:
            self._step = None
            self.timers.pop("write", None)
            if step.then is not None:
                self._wait_for_input()

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
        if type(self._step) is StartTls:
            self._tls_result = info
            self._told = True
            # What came before was not read by the TLS layer; what comes now is clear text that it protected.
            self._tls_octets = []

    def tls_failed(self, exception: BaseException) -> None:
        """The TLS handshake failed; the connection is closed without a word (RFC 3207 4)."""
        self._tls_result = exception
        self._told = True

    def closed(self, exception: BaseException | None = None) -> None:
        """Close was done, or the transport broke."""
        if not self._closed:
            self._closed = self._told = self.peer_gone = True
            self._input_open = False
            # What made the session end stays its cause, whatever befalls the connection on the way out.
            if exception is not None and not self._ending:
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
                self._told = False
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
                if self._told and isinstance(step, Receive):
                    # A hook has told something, and nothing is to be done before the wait.
                    self._told = False
                    self._settle()
                elif step is not None:
                    return step
        finally:
            self._busy = False

    def _settle(self) -> None:
        """Act upon what was told since the last step."""
        if type(self._step) is Send:
            self._step.then = None
        if self._result is not None and self._ask is not None:
            value, exception = self._result
            stage = self._ask.stage
            self._resolve(stage, value if exception is None else self.fault(stage, exception))
        if self._closed and not self._broken:
            self._break()
        result, self._tls_result = self._tls_result, None
        if result is not None and type(self._step) is StartTls:
            self._step = None
            self.timers.stop("handshake")
            if isinstance(result, BaseException):
                self.cause = result
                self.cut()
            else:
                octets = b"".join(self._tls_octets or ())
                self._tls_octets = None
                self._secured(result)
                if octets:
                    self._read(octets)
                if not self._input_open:
                    self._read(b"")
        if self._timed_out:
            self._timed_out = False
            if type(self._step) is Send:
                self._wait_for_transport(self._step)
            now = self.monotonic()
            for name in self.timers.expired(now):
                self._expire(name, now)

    def _expire(self, name: str, now: float) -> None:
        """A timer has run out; the role knows the timers of its own."""
        if name in ("write", "handshake"):
            self.cause = TimeoutError(f"timeout: {name}")
            self.cut()
        elif name == "hook" and self._ask is not None:
            stage = self._ask.stage
            self._resolve(stage, self.fault(stage, TimeoutError(f"the hook {stage} did not answer in time")))

    def _break(self) -> None:
        """The transport is gone: nothing can be sent, a hook that runs may still answer."""
        self._broken = self._ending = True
        self._out = b""
        self._step = None
        self.timers.stop("write", "handshake")
        self._phase = self._disconnect

    # What the role supplies.

    def fault(self, stage: str, exception: BaseException) -> Reply:
        """A fault of the application: report it, and say what the peer gets to hear."""
        raise NotImplementedError

    def _secured(self, info: TlsInfo) -> None:
        raise NotImplementedError

    def _read(self, data: Buffer) -> None:
        """Take octets that were received, in clear text or through TLS."""
        raise NotImplementedError

    def _wait_for_input(self) -> None:
        """Behind a Send nothing but input is waited for: start the timers of that."""
        raise NotImplementedError

    def _disconnect(self) -> Step | None:
        raise NotImplementedError

    # Hooks.

    def call(
        self,
        stage: str,
        hook: Callable[..., object],
        *args: object,
        then: Answered,
        accept: tuple[type, ...] = (),
    ) -> None:
        """Call a hook and go on with its answer, now or when it has come.

        Args:
            stage: The hook's name.
            hook: The hook.
            args: What it is given.
            then: Gets None, a Reply, or what ``accept`` names; a Reply too for whatever went wrong. It is
                called from the loop in ``next_step()``, so a thousand answers need no more stack than one.
            accept: What this hook may answer besides.
        """
        try:
            value = hook(*args)
        except Exception as exception:
            value = self.fault(stage, exception)
        if value is None or isinstance(value, Reply):
            then(value)
        else:
            self._wait_for(stage, value, then, accept)

    def consult(
        self, stage: str, hook: Callable[[Self, _S], object], subject: _S, answered: Callable[[Self, _S, object], None]
    ) -> None:
        """``call()`` for what is called most; ``answered`` is given what the hook was, and None or a Reply."""
        self.go_on(stage, subject, self.asked(stage, hook, subject), answered)

    def asked(self, stage: str, hook: Callable[[Self, _S], object], subject: _S) -> object:
        """What the hook of a stage gives, or the reply for a hook that raises."""
        try:
            return hook(self, subject)
        except Exception as exception:
            return self.fault(stage, exception)

    def go_on(
        self,
        stage: str,
        subject: _S,
        value: object,
        answered: Callable[[Self, _S, object], None],
        accept: tuple[type, ...] = (),
    ) -> None:
        """Go on with what the hook of a stage has given, now or when it has come, as ``consult()`` does."""
        if value is None or isinstance(value, Reply):
            answered(self, subject, value)
        else:
            self._wait_for(stage, value, partial(answered, self, subject), accept)

    def _wait_for(self, stage: str, value: object, then: Answered, accept: tuple[type, ...]) -> None:
        """A hook has given something that is not simply None or a Reply."""
        self._answered = then
        self._accept = accept
        # Asked first: a future of asyncio or Twisted is an iterable too, and no list of answers for that.
        if hasattr(value, "__await__"):
            self._ask = Ask(stage, value)
            self._wait_for_hook(stage)
        else:
            self._resolve(stage, value)

    def _wait_for_hook(self, stage: str) -> None:
        now = self.monotonic()
        timeouts = self._timeouts
        self.timers.start("hook", now, timeouts.message_hook if stage in _FINAL_HOOKS else timeouts.hook)
        self.timers.stop("idle", "block")
        # A client times each command: what is ready does not wait for one slow hook after another.
        if self._out:
            if self._out_since is None:
                self._out_since = now
            if now - self._out_since >= timeouts.reply_wait:
                self._flush_now = True

    def _resolve(self, stage: str, value: object) -> None:
        then = self._answered
        self._forget_hook()
        if value is not None and not isinstance(value, (Reply, *self._accept)):
            value = self.fault(stage, TypeError(f"the hook {stage} answered {type(value).__name__}"))
        assert then is not None  # it is set and forgotten together with the Ask
        then(value)

    def _forget_hook(self) -> None:
        self._ask = self._answered = self._result = None
        self.timers.stop("hook")

    # Output, TLS and the end.

    def enter(self, phase: Phase) -> None:
        """Go on with another part of the session's life, unless it is ending already."""
        if not self._ending:
            self._phase = phase
            self._left = True

    def write(self, data: bytes) -> bool:
        """Hold octets until they are flushed; whether more may come before. A peer that is gone gets none."""
        out = self._out
        if isinstance(out, bytearray):
            out += data
        elif out:
            self._out = out = bytearray(out) + data
        elif not self._broken:
            # A block of content is not copied, nor is a reply that goes out alone.
            self._out = out = data
        if len(out) >= self._most_held:
            self._flush_now = True
        return not self._flush_now

    def flush_now(self) -> None:
        """Let what is held be the next step."""
        self._flush_now = True

    def interrupted(self) -> bool:
        """Whether a step, a hook or another phase comes before anything else is worked on."""
        return self._flush_now or self._ask is not None or self._left

    def _flush(self, then: Receive | None = None) -> Send:
        out, self._out = self._out, b""
        self._out_since = None
        self._flush_now = False
        self.timers.pop("idle", None)
        self._step = step = Send(out if type(out) is bytes else bytes(out), None if self._told else then)
        return step

    def _wait_for_transport(self, send: Send) -> None:
        # Somebody looks at the deadline, so the transport has not taken it at once. Nearly every one does, and then
        # there is no need for a clock and a timer with each reply.
        send.then = None
        if "write" not in self.timers:
            self.timers.start("write", self.monotonic(), self._timeouts.write)

    def expect_tls(self) -> None:
        """The go-ahead was made: whatever comes now is for the TLS layer to read."""
        self._tls_octets = []
        self.enter(self.hand_over)

    def hand_over(self) -> Step:
        """Everything was sent; the next octets belong to the TLS layer."""
        self.timers.start("handshake", self.monotonic(), self._timeouts.tls_handshake)
        self._step = StartTls(self.take_held())
        return self._step

    def take_held(self) -> bytes:
        """The octets that came and are not for the dialogue."""
        octets = b"".join(self._tls_octets or ())
        self._tls_octets = []
        return octets

    def cut(self) -> None:
        """End the session at once and without a word."""
        self._ending = True
        self._input_open = self._graceful = False
        self._out = b""
        self._step = None
        self._forget_hook()
        self.timers.stop("write", "handshake")
        self._phase = self._close
        self._left = True

    def _close(self) -> Step | None:
        if self._out:
            return self._flush()
        self._step = Close(self._graceful)
        return self._step
