"""The client's session: from the connection to QUIT, as an object that says what it wants next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from smtpcore.client import ClientConnection, Sent
from smtpcore.commands import Command, Mail, SaslResponse
from smtpcore.commands.attributes import Attribute
from smtpcore.errors import LocalProtocolError, RemoteProtocolError
from smtpcore.events import BodyChunk, ConnectionClosed, EndOfBody, Pause
from smtpcore.lines import Buffer
from smtpcore.replies import Reply
from smtpcore.session.client.config import ClientConfig, TlsMode
from smtpcore.session.client.jobs import Jobs
from smtpcore.session.client.message import Message
from smtpcore.session.client.observer import ClientObserver
from smtpcore.session.client.opening import Opening
from smtpcore.session.client.results import Delivery, Exchange, Result, SessionError
from smtpcore.session.client.stages import SINGLE, Leave, Single, Stage
from smtpcore.session.client.transaction import Transaction
from smtpcore.session.machine import StepMachine
from smtpcore.session.redaction import HIDDEN, redact
from smtpcore.session.steps import IDLE, RECEIVE, Send, Step
from smtpcore.spec import State
from smtpcore.tls import TlsInfo

_MAX_INPUT: Final = 1024 * 1024
"""Octets that are received before replies are read; the session sends no more commands than that has room for."""
_MOST_HELD: Final = 1 << 48
"""Octets that wait to be sent: without a limit, since each stage says itself when to send."""
_TIMERS: Final = ("reply", "transaction", "grace", "look")
_LOOK_AFTER: Final = 1.0
"""Seconds of idling behind which the session looks whether the server is still there before it sends anything."""


class ClientSession(StepMachine):
    """One connection to a server. The same adapter that drives a `ServerSession` drives it, step by step.

    What it is to do may be told at any time and is done in order. While it has nothing to do its step is ``Idle``.

    Args:
        config: The settings.
        observer: Is told what happens.
        monotonic: The adapter's own clock in seconds; ``deadline`` is in its time.
        token_bytes: So many random octets, for the nonces of SASL.
    """

    tls: TlsInfo | None
    greeting: Reply | None
    """The server's first reply, once it has come."""
    mechanism: str | None
    """The SASL mechanism by which the session has authenticated."""
    failure: SessionError | None
    """Why the session could not go on; None as long as it can, and behind an end that was asked for."""
    transactions: int
    """Mail transactions that were begun."""

    def __init__(
        self,
        config: ClientConfig,
        *,
        observer: ClientObserver | None = None,
        monotonic: Callable[[], float],
        token_bytes: Callable[[int], bytes],
    ) -> None:
        super().__init__(config.timeouts, monotonic, self._open, _MOST_HELD)
        self.config = config
        self.observer = observer
        self.token_bytes = token_bytes
        implicit = config.tls is TlsMode.IMPLICIT
        self.connection = ClientConnection(
            dialect=config.dialect,
            custom=config.custom,
            tls=implicit,
            limits=config.reply_limits,
            # The session has an eye on content itself, and sees to NUL by the configuration.
            allow_nul=True,
        )
        self.tls = None
        self.greeting = None
        self.mechanism = None
        self.failure = None
        self.transactions = 0
        self._stage: Stage | None = Opening(self)
        self._jobs = Jobs()
        self._quitting = False
        self._farewell: SessionError | None = None
        self._idle_since: float | None = None
        if implicit:
            self._tls_octets = []

    # What the application tells and asks.

    def submit(self, message: Message, *, told: Callable[[Result], None] | None = None) -> Delivery:
        """Send a message when everything before it is done.

        Args:
            message: The message.
            told: Is called with each result as soon as it is known.

        Returns:
            What becomes of it; ``done`` when the session is idle again.
        """
        delivery = Delivery.of(message, told)
        self._jobs.put(delivery)
        return delivery

    def open(
        self, mail: Mail, *, size: int | None = None, forwarded: Mapping[str, Attribute] | None = None
    ) -> Delivery:
        """Begin a message whose recipients and content follow; the session is idle while it waits for more of it.

        Args:
            mail: The reverse path and its parameters; content that needs more is not known yet.
            size: Octets of the content, if that is known.
            forwarded: What to tell by XFORWARD, as in `Message`.
        """
        delivery = Delivery(Message(mail, (), b"", size, forwarded or {}), [], open=True)
        self._jobs.put(delivery)
        return delivery

    def ask(self, command: Command) -> Exchange:
        """Send a single command when everything before it is done.

        Args:
            command: NOOP, RSET, VRFY, EXPN, HELP, ETRN, or a verb of the application's own.

        Raises:
            LocalProtocolError: The command is the session's own to send.
        """
        if not isinstance(command, SINGLE):
            raise LocalProtocolError(f"{type(command).__name__} is sent by the session itself: use submit() or quit()")
        exchange = Exchange(command)
        self._jobs.put(exchange)
        return exchange

    def quit(self) -> None:
        """Take leave when everything is done."""
        self._quitting = True
        self._jobs.refuse(self.failure or SessionError("quit", "the session is over", temporary=True))

    @property
    def idle(self) -> bool:
        """Whether the session can be told more and has nothing to do."""
        return self._stage is None and not self._jobs and not self._quitting and not self._ending

    # What an adapter tells and asks, beside what the machine has.

    @property
    def state(self) -> State:
        """Where the dialogue stands, by the replies that have come."""
        return self.connection.state

    @property
    def wants_data(self) -> bool:
        """Whether input is of use: False while far too much of it is unread, TLS is about to begin, or all is over."""
        return self._input_open and self._tls_octets is None and self.connection.buffered < _MAX_INPUT

    def receive_data(self, data: Buffer) -> None:
        """Octets came; ``b""`` is the end of the input."""
        if len(data) == 0:
            self.peer_gone = True
        if not self._input_open:
            return
        if len(data) == 0:
            self._input_open = False
        if self._tls_octets is not None:
            self._tls_octets.append(bytes(data))
            return
        self._read(data)
        # A reply may be the end of what is being sent or waited for.
        self._told = True

    def shutdown(self, grace: float) -> None:
        """End soon: behind what is being done now, after ``grace`` seconds anyway."""
        self.timers.bring("grace", self.monotonic() + grace)
        self._quitting = True
        self._jobs.drop(SessionError("quit", "the client is shutting down", temporary=True))

    # What was told since the last step.

    def _settle(self) -> None:
        if self._closed or self._ask is not None or type(self._step) is Send:
            # What has come is heard first: it may end what is being sent or waited for, and is no less true for what
            # befell the connection behind it.
            self._take_replies()
        if self._closed:
            # Nothing can be sent any more, so nothing is waited for that would be.
            self._forget_hook()
        super()._settle()

    def _expire(self, name: str, now: float) -> None:
        if name == "hook":
            super()._expire(name, now)
        elif name != "look":
            cause = TimeoutError(f"timeout: {name}")
            self.lost(SessionError(self._where(), f"it took too long ({name})", temporary=True), cause)

    def _secured(self, info: TlsInfo) -> None:
        self.tls = info
        if self.observer is not None:
            self.observer.secured(self, info)
        if self.state is State.TLS_HANDSHAKE:
            self.connection.start_tls()
        self.enter(self._work)
        assert self._stage is not None  # it is the one that has asked for TLS
        self._stage.secured(info)

    def _read(self, data: Buffer) -> None:
        self.connection.receive_data(data)

    # What stages do.

    def send(self, event: Command | BodyChunk | Sent) -> None:
        """Have something sent.

        Raises:
            LocalProtocolError: It cannot be sent; nothing was changed.
        """
        data = self.connection.send(event)
        self.write(data)
        if self.observer is not None:
            if isinstance(event, BodyChunk):
                self.observer.content(self, len(data))
            elif isinstance(event, SaslResponse):
                self.observer.sent(self, HIDDEN)
            elif not isinstance(event, EndOfBody):
                _, line = redact(data[:-2], self.connection.dialogue.table, secret=False)
                self.observer.sent(self, line)

    def go_to(self, stage: Stage | None) -> None:
        """Begin another stage; None when what was to be done is done."""
        self._stage = stage

    def give_up(self, error: SessionError) -> None:
        """The session cannot do what it is for; take leave."""
        self._fail(error)
        self._quitting = True

    def lost(self, error: SessionError, cause: BaseException | None = None) -> None:
        """The connection is of no more use: not even for a QUIT."""
        if not self._ending:
            self.cause = cause or error
            self._fail(error)
            self.timers.stop(*_TIMERS)
            self.cut()

    def end(self) -> None:
        """The dialogue has come to its end."""
        self._ending = True
        self._input_open = False
        self._stage = None
        self.timers.stop(*_TIMERS)
        self._phase = self._close
        self._left = True

    def holds_less_than(self, size: int) -> bool:
        """Whether more may be sent before anything is written: fewer octets are held, and nothing is waited for."""
        return len(self._out) < size and self._ask is None and not self._ending

    def forget_content(self) -> None:
        """The content is not wanted any more; who waits for a piece of it waits in vain."""
        self._forget_hook()

    def fault(self, stage: str, exception: BaseException) -> Reply:
        """What the application gives could not be had: keep why, and let the stage go on without."""
        self.cause = exception
        return Reply(451)

    def take_fault(self) -> BaseException | None:
        """What the application has just failed with, if it has; it is not why the session ends one day."""
        fault, self.cause = self.cause, None
        return fault

    def settled(self, result: Result) -> None:
        """What becomes of a message for one recipient is known."""
        if self.observer is not None:
            self.observer.settled(self, result)

    def _fail(self, error: SessionError) -> None:
        self.failure = self.failure or error
        stage, self._stage = self._stage, None
        if stage is not None:
            stage.lost(error)
        others = self.failure
        if isinstance(stage, Transaction) and not others.temporary:
            # What is wrong with one message is no fault of those behind it.
            others = SessionError(others.stage, "the connection was lost over another message", temporary=True)
        self._jobs.drop(others)

    # The phases.

    def _open(self) -> Step | None:
        self.enter(self.hand_over if self._tls_octets is not None else self._work)
        return None

    def _work(self) -> Step | None:
        """Take the replies that are there, then send what they allow."""
        self._left = False
        self._take_replies()
        if self.connection.buffered and self.connection.due is None and not self._ending:
            # The beginning of what nobody asked for; a 421, if all is well. Nothing is sent before it is there.
            return self._receive()
        while not (self._left or self._out or self._ask is not None):
            stage = self._stage
            if stage is not None:
                if stage.waits:
                    return self._rest()
                if not stage.advance():
                    return self._receive()
            elif not self._jobs and not self._quitting:
                return self._rest()
            elif self._has_rested():
                self.timers["look"] = self.monotonic()
                return RECEIVE
            else:
                self._begin_job()
        return None if self._left or self._ask is not None else self._flush()

    def _take_replies(self) -> None:
        """Hand each reply that has come to the stage that has sent what it answers."""
        next_event = self.connection.next_event
        while not self._ending:
            try:
                event = next_event()
            except RemoteProtocolError as error:
                self.lost(SessionError(self._where(), str(error), temporary=True), error)
                return
            if isinstance(event, Pause):
                return
            if isinstance(event, ConnectionClosed):
                self._closed_by_server()
                return
            self._idle_since = None
            self.timers.stop("reply", "look")
            sent, reply = event
            if self.observer is not None:
                self.observer.replied(self, reply)
            if reply.close or (sent is None and self.greeting is not None):
                self._farewell = SessionError.of(self._where(sent), reply)
            if sent is not None or self.greeting is None:
                assert self._stage is not None  # a stage ends when everything that it sent was answered
                self._stage.answered(sent, reply)

    def _where(self, answered: Sent | None = None) -> str:
        """Where the session stands, or stood when this was answered, as it is called in errors."""
        if self._stage is None:
            return "idle"
        outstanding = self.connection.outstanding
        return self._stage.where(answered or (outstanding[0] if outstanding else None))

    def _closed_by_server(self) -> None:
        if self._quitting and self._where() in ("quit", "idle") and self.failure is None:
            # A server may close without a reply to QUIT; nothing is lost by it.
            self.end()
        elif self._farewell is not None:
            self.lost(self._farewell)
        else:
            self.lost(SessionError(self._where(), "the server closed the connection", temporary=True))

    def _begin_job(self) -> None:
        if not self._jobs:
            self.go_to(Leave(self))
            return
        job = self._jobs.next()
        self.go_to(Transaction(self, job) if isinstance(job, Delivery) else Single(self, job))

    def _rest(self) -> Step:
        if self._idle_since is None:
            self._idle_since = self.monotonic()
        return IDLE

    def _has_rested(self) -> bool:
        """Whether it was idle for so long that the server may have left; it is looked for once."""
        since, self._idle_since = self._idle_since, None
        return since is not None and self.monotonic() - since >= _LOOK_AFTER

    def _receive(self) -> Step:
        if "reply" not in self.timers:
            self.timers.start("reply", self.monotonic(), self.config.timeouts.reply(self.connection.due))
        return RECEIVE

    def _disconnect(self) -> Step | None:
        """The connection is gone: settle what is left, and tell who watches."""
        cause = self.cause
        if self._stage is not None or self._jobs or not (self._quitting or self.failure):
            text = str(cause) if cause is not None else "the connection was lost"
            error = SessionError(self._where(), text, temporary=True)
            error.__cause__ = cause
            self._fail(error)
        self.timers.stop(*_TIMERS)
        if self.observer is not None:
            self.observer.closed(self, self.failure or cause)
        self._phase = None
        return None
