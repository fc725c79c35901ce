"""The server's session: policy without I/O, as an object that says what it wants next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from smtpcore.commands.attributes import NO_ATTRIBUTES, Attribute
from smtpcore.commands.hello import Ehlo, Helo, Lhlo
from smtpcore.errors import LocalProtocolError
from smtpcore.events import Pause
from smtpcore.handler import Handler, overridden
from smtpcore.lines import Buffer
from smtpcore.proxy import ProxyHeader
from smtpcore.refusals import Barrier
from smtpcore.replies import Reply
from smtpcore.sasl import Identity
from smtpcore.server import ServerConnection
from smtpcore.session import express, opening, stages
from smtpcore.session import replies as texts
from smtpcore.session.barriers import raise_barrier
from smtpcore.session.budget import Budget
from smtpcore.session.config import ServerConfig
from smtpcore.session.content import Content, nothing
from smtpcore.session.envelope import Envelope
from smtpcore.session.gate import Gate
from smtpcore.session.machine import StepMachine
from smtpcore.session.observer import Observer
from smtpcore.session.pace import Pace
from smtpcore.session.peer import Peer
from smtpcore.session.stages.auth import Exchange
from smtpcore.session.steps import RECEIVE, StartTls, Step
from smtpcore.spec import State
from smtpcore.tls import TlsInfo

_OUTSIDE: Final = (State.CONNECTED, State.GREETED, State.REFUSED, State.READY, State.AUTH)
"""The states that a shutdown ends at once; a mail transaction goes on to its final reply."""
_TIMEOUTS: Final = ("proxy_header", "idle", "block", "data", "session")
_WAITS: Final = ("proxy_header", "idle", "block", "rate", "data", "greeting")
"""The timers that make sense only while the dialogue goes on."""


class ServerSession(StepMachine):
    """One connection from before the greeting to after the close.

    An adapter is a loop over its steps, with one timer for ``deadline``::

        while (step := session.next_step()) is not None:
            match step: ...

    Args:
        config: The settings.
        peer: The endpoints as the transport knows them.
        handler: The application.
        gate: Counts the connections; shared by sessions.
        observer: Is told what happens.
        faults: Is told of faults of the application where there is no observer, as ``Observer.fault`` is.
        monotonic: The adapter's own clock in seconds; ``deadline`` is in its time.
        utcnow: An aware moment, for Received lines only.
        token_bytes: So many random octets, for the session's id and the nonces of SASL.
    """

    __slots__ = (
        "__weakref__", "_faults", "_for_content", "_fresh", "_grace", "_proxy_due", "_read_up", "_shutting",
        "admitted", "auth_seen", "budget", "claimed", "config", "connection", "content", "context", "early_talk",
        "envelope", "exchange", "express", "forwarded", "front", "gate", "handler", "helo", "id", "identity",
        "insecure", "observer", "overridden", "pace", "peer", "pipelined_early", "proxy", "tls", "token_bytes",
        "transactions", "transport_peer", "trusted", "unauthenticated", "utcnow",
    )  # fmt: skip

    peer: Peer
    """Who is served: whom a trusted proxy names, by PROXY or XCLIENT, or the transport's own peer."""
    front: Peer
    """Who speaks on the connection: the one a PROXY header names, else ``transport_peer``. XCLIENT changes ``peer``
    and not this, and the trust in whoever uses it goes by this."""
    transport_peer: Peer
    """The endpoints as the transport knows them, whatever anybody claims."""
    proxy: ProxyHeader | None
    """The PROXY header of the connection. The TLS it tells of ended at the proxy; ``tls`` is about our own link."""
    context: object
    """For the application: whatever belongs to this connection."""
    id: str
    """Names the connection in logs and trace lines; random."""
    tls: TlsInfo | None
    """Our own TLS layer; None in clear text."""
    unauthenticated: bool
    """Authentication is required and has not been had yet."""
    identity: Identity | None
    """Who has authenticated."""
    helo: Helo | Ehlo | Lhlo | None
    """How the client introduced itself; forgotten at STARTTLS."""
    envelope: Envelope | None
    """The open mail transaction."""
    claimed: Mapping[str, Attribute]
    """What a trusted front told by XCLIENT; it has gone into ``peer`` and ``identity`` as far as it belongs there."""
    forwarded: Mapping[str, Attribute]
    """What a content filter told by XFORWARD of the next message, for the logs."""
    trusted: bool | None
    """Whether the client's word counts when it says who submitted a message and how urgent that is (RFC 4954 5,
    RFC 6710 4.1). For the application to set; None: if it has authenticated."""
    early_talk: bool
    """The peer spoke before the greeting."""
    pipelined_early: bool
    """The peer sent commands before it could know that it may (RFC 2920 3.1)."""

    def __init__(
        self,
        config: ServerConfig,
        peer: Peer,
        handler: Handler,
        *,
        gate: Gate | None = None,
        observer: Observer | None = None,
        faults: Callable[[ServerSession, str, BaseException], None] | None = None,
        monotonic: Callable[[], float],
        utcnow: Callable[[], datetime],
        token_bytes: Callable[[int], bytes],
    ) -> None:
        super().__init__(config.timeouts, monotonic, partial(opening.begin, self), config.limits.max_held_output)
        self.config = config
        self.peer = self.front = self.transport_peer = peer
        self.handler = handler
        self.gate = gate
        self.observer = observer
        self._faults = faults if observer is None else observer.fault
        self.utcnow, self.token_bytes = utcnow, token_bytes
        self.id = token_bytes(6).hex()
        self.context = self.proxy = self.tls = self.identity = self.helo = self.envelope = self.trusted = None
        self.claimed = self.forwarded = NO_ATTRIBUTES
        self.early_talk = self.pipelined_early = False
        self.overridden = overridden(handler)
        limits = config.limits
        self.connection = ServerConnection(
            table=config.table,
            dialect=config.dialect,
            readers=config.readers,
            leniencies=config.leniencies,
            tls=config.implicit_tls,
            enhanced_codes=config.enhanced_codes,
            max_command_line=limits.max_command_line,
            max_auth_line=limits.max_auth_line,
            max_line_drain=limits.max_line_drain,
            max_params=limits.max_params,
            max_chunk=limits.max_drain,
        )
        self.connection.grammar.withheld = config.withheld
        self.budget = Budget(limits)
        self.pace = Pace(config.timeouts, self.timers)
        self.content = Content()
        self.transactions = 0
        self.insecure: Barrier | None = None
        self.exchange: Exchange | None = None
        self.auth_seen = False
        self.admitted: Peer | None = None
        # Octets came since the last Receive; no event is left in them; the last Receive waited for content.
        self._fresh = self._read_up = self._for_content = self._shutting = False
        self._grace: float | None = None
        self._proxy_due = bool(config.proxy_networks)
        if self._proxy_due or config.implicit_tls:
            self._tls_octets = []
        self.timers.start("session", monotonic(), config.timeouts.session)
        raise_barrier(self)
        self.express = express.is_open(self)

    # What an adapter tells and asks, beside what the machine has.

    @property
    def state(self) -> State:
        """Where the dialogue stands."""
        return self.connection.dialogue.state

    @property
    def wants_data(self) -> bool:
        """Whether input is of use: False while the buffer is full, TLS is about to begin, or all is over."""
        return (
            self._input_open
            and (self._tls_octets is None or self._proxy_due)
            # What is left when all was worked on is the beginning of a line, which has to be read to its end.
            and (not self._fresh or self.connection.buffered < self.config.limits.max_input_buffer)
        )

    def receive_data(self, data: Buffer) -> None:
        """Octets came; ``b""`` is the end of the input, after which the peer may still read."""
        if not len(data):
            self.peer_gone = True
        if self._input_open:
            self._input_open = len(data) > 0
            if self._tls_octets is None:
                self._read(data)
            else:
                self._tls_octets.append(bytes(data))

    def shutdown(self, grace: float) -> None:
        """End soon: at once outside a transaction, in one after its final reply, after ``grace`` seconds anyway."""
        self._grace = grace if self._grace is None else min(grace, self._grace)
        self._told = True

    # What was told since the last step.

    def _settle(self) -> None:
        if self._grace is not None:
            self.timers.bring("grace", self.monotonic() + self._grace)
            self._grace = None
            self._shutting = True
        super()._settle()
        # During a handshake no octet of SMTP may pass; the dialogue looks again behind it.
        if self._shutting and not self._ending and type(self._step) is not StartTls and self.state in _OUTSIDE:
            self.end(self.config.replies.shutdown)

    def _expire(self, name: str, now: float) -> None:
        if name == "grace":
            # A hook is waited for no longer, not even one that runs behind the end.
            self._forget_hook()
            self.end(self.config.replies.shutdown)
        elif name in _TIMEOUTS or name == "rate":
            # Of several that are over at once the earliest is the cause.
            if not self._ending and (name != "rate" or self.pace.too_slow(now)):
                self.cause = TimeoutError(f"timeout: {name}")
                self.end(self.config.replies.timeout)
        else:
            super()._expire(name, now)

    def _secured(self, info: TlsInfo) -> None:
        opening.secured(self, info)

    def _read(self, data: Buffer) -> None:
        self.connection.feed(data)
        self._fresh = True
        self._read_up = False

    # What phases and stages do.

    def proxied(self, header: ProxyHeader, peer: Peer, rest: bytes) -> None:
        """The PROXY header was read; what came behind it belongs to TLS or to the dialogue."""
        self.proxy = header
        self.peer = self.front = peer
        self._proxy_due = False
        if self.config.implicit_tls:
            self._tls_octets = [rest]
            return
        self._tls_octets = None
        if rest:
            self._read(rest)
        if not self._input_open:
            self._read(b"")

    def reply(self, reply: object, *, utf8: bool = False) -> Reply:
        """Answer what the connection owes.

        Args:
            reply: The answer, which may be anything that a hook has given.
            utf8: The client can take UTF-8 in this reply (RFC 6531 3.7.4).

        Returns:
            What went out: the reply, or 451 in its place where the command cannot have it.
        """
        rule = self.connection.owed
        assert isinstance(reply, Reply)  # call() has made a fault of anything else
        if reply.code == 421:
            # RFC 5321 4.2.3: the server's own name comes first, whoever wrote the reply.
            reply = self.config.replies.named(reply)
        try:
            data = self.connection.send(reply, utf8=True) if utf8 else self.connection.send(reply)
        except LocalProtocolError as error:
            reply = self.fault("(reply)", error)
            data = self.connection.send(reply)
        self.write(data)
        if rule is None or not rule.holds:
            self._flush_now = True
        if self.observer is not None:
            self.observer.replied(self, stages.answered_verb(rule), reply)
        return reply

    def room_for(self, data: bytes) -> int:
        """How often these octets may be written before what is held is flushed, but for what else is written."""
        return max((self._most_held - len(self._out) - 1) // len(data), 0) + 1

    def fault(self, stage: str, exception: BaseException) -> Reply:
        """Report a fault of the application; its text never leaves the process.

        Returns:
            What the peer gets to hear.
        """
        self.cause = exception
        if self._faults is not None:
            self._faults(self, stage, exception)
        if stage == "connect":
            return self.config.replies.fault
        return texts.AUTH_FAULT if stage in ("mechanism", "credentials", "authenticate") else texts.FAULT

    def end(self, reply: Reply | None = None) -> None:
        """End the session, with a last reply if the peer can still get one."""
        if self._ending:
            return
        self._ending = True
        self._input_open = False
        self._forget_hook()
        self.timers.stop(*_WAITS)
        if self._tls_octets is not None:
            # No octet of SMTP may pass now.
            self.cut()
        elif reply is not None and self.state is not State.CLOSED:
            self.reply(reply)
        self._phase = self._close
        self._left = True

    # The phases.

    def dialogue(self) -> Step | None:
        """Work on events until a step is wanted."""
        if self._read_up:
            # Behind a Send, nearly always: nothing came meanwhile.
            return self._receive()
        connection = self.connection
        next_event = connection.next_uncommon if self.express else connection.next_event
        received = stages.RECEIVED
        self._left = False
        if self._for_content and self._fresh:
            self._for_content = False
            self.pace.resume(self.monotonic())
        while True:
            if self._shutting and self.state in _OUTSIDE:
                self.end(self.config.replies.shutdown)
                return None
            if self.express and not self._shutting:
                read_up = express.take(self)
                if self.interrupted():
                    return None
                if read_up and self._input_open:
                    return self._pause()
            event = next_event()
            if isinstance(event, Pause):
                return self._pause()
            if self.observer is not None:
                stages.observe(self, event)
            if self.unauthenticated and self.budget.command_before_auth():
                self.end(self.config.replies.too_many)
                return None
            received[type(event)](self, event)
            if self.interrupted():
                return self._pause() if self._rests() else None

    def _rests(self) -> bool:
        """Whether it is only a reply that interrupts, and nothing but more input is waited for behind it."""
        return not (self._left or self._shutting) and self._ask is None and self.connection.wants_input()

    def _pause(self) -> Step:
        self._read_up = True
        return self._flush(RECEIVE) if self._out else self._receive()

    def _wait_for_input(self) -> None:
        # What came meanwhile has to be asked for.
        if self._read_up:
            self._receive()

    def _receive(self) -> Step:
        connection = self.connection
        timers = self.timers
        if connection.reading_content:
            # The line of a BDAT is complete, and yet has no reply that would have ended the idle time.
            timers.pop("idle", None)
            if connection.chunks.reading:
                self.content.drop(self)
            self.pace.wait(self.monotonic(), fresh=self._fresh)
            self._for_content = True
        elif "idle" not in timers:
            timeouts = self.config.timeouts
            late = timeouts.idle_after_error is not None and self.budget.errors > 0
            seconds = timeouts.idle_after_error if late else timeouts.idle
            if seconds is not None:
                timers["idle"] = self.monotonic() + seconds
        self._fresh = False
        return RECEIVE

    def _close(self) -> Step | None:
        self.timers.stop(*_WAITS)
        if not self._out:
            self.content.forget(self)
            if self.content.sink is not None:
                self.content.abort(self)
                return None
            self.timers.stop("session", "grace")
        return super()._close()

    def _disconnect(self) -> Step | None:
        self.timers.stop(*_WAITS, "session", "grace")
        self.content.forget(self)
        if self.content.sink is not None:
            self.content.abort(self)
            return None
        self._phase = None
        if self.admitted is not None and self.gate is not None:
            self.gate.release(self.admitted)
        if self.observer is not None:
            self.observer.closed(self, self.cause)
        if "disconnect" in self.overridden:
            self.call("disconnect", self.handler.disconnect, self, self.cause, then=nothing)
        return None
