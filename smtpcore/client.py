"""The client's end of the wire: commands in, octets out; octets in, replies out, each with the command it answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from smtpcore.commands import Bdat, Command, Mail, SaslCancel, SaslResponse
from smtpcore.commands.wire import to_wire, verb_of
from smtpcore.custom import CustomExtension
from smtpcore.dialogue import Dialogue
from smtpcore.errors import LocalProtocolError, RemoteProtocolError
from smtpcore.events import BodyChunk, ConnectionClosed, EndOfBody, EventIterator, Pause
from smtpcore.extensions import NONE, Extensions
from smtpcore.grammar import Grammar
from smtpcore.lengths import LineLengths
from smtpcore.leniencies import Leniencies
from smtpcore.lines import Buffer, InputBuffer
from smtpcore.params.body import BodyType
from smtpcore.replies import EhloReply, Reply
from smtpcore.reply_reader import ReplyLimits, ReplyReader
from smtpcore.spec import (
    AUTH_LINE,
    BASE_LINE,
    BDAT_LAST,
    COMMANDS,
    END_OF_DATA,
    GREETING,
    SASL,
    Availability,
    Dialect,
    Rule,
    State,
)
from smtpcore.stuffing import DotWriter

Sent: TypeAlias = Command | SaslResponse | SaslCancel | EndOfBody
"""What a reply can answer."""
Answer: TypeAlias = tuple[Sent | None, Reply]
"""A reply with what it answers; None for the greeting, a 421 that nobody asked for, and a reply that came while the
content was still being sent."""

_UNANNOUNCED: Final = (b"EXPN", b"HELP")
"""Verbs that many servers know and do not announce; asking does no harm."""


class ClientConnection:
    """Writes commands and content, reads replies; knows the order of things and nothing of policy.

    Args:
        dialect: SMTP or LMTP.
        custom: The application's own extensions, of which what the server announces is put in force.
        tls: A TLS layer was there from the first octet.
        limits: What is too much of a reply.
        bare_newlines: What a lone CR or LF in content for DATA is: an ``"error"``, or a line end to ``"convert"``.
        allow_nul: Let octets 0x00 in such content pass.

    What the application asks for is checked against the *predicted* state, in which every command that was sent has
    succeeded; the state itself moves by replies alone. Replies pair with commands first in, first out.
    """

    __slots__ = (
        "_ahead",
        "_chunk_left",
        "_custom",
        "_eof",
        "_events",
        "_input",
        "_lengths",
        "_limits",
        "_outstanding",
        "_owed_replies",
        "_reader",
        "_table",
        "_writer",
        "_writer_options",
        "dialect",
        "dialogue",
        "grammar",
    )

    dialogue: Dialogue
    """Where things stand, as far as replies have confirmed it."""
    grammar: Grammar
    """What the last EHLO put in force."""

    def __init__(
        self,
        *,
        dialect: Dialect = Dialect.SMTP,
        custom: Collection[CustomExtension] = (),
        tls: bool = False,
        limits: ReplyLimits | None = None,
        bare_newlines: Literal["error", "convert"] = "error",
        allow_nul: bool = False,
    ) -> None:
        self.dialect = dialect
        self._custom = custom
        self._table = _served(dialect, custom)
        self.dialogue = Dialogue(self._table, tls=tls)
        self._ahead = Dialogue(self._table, tls=tls)
        self.grammar = Grammar(Leniencies.strict())
        self._lengths = LineLengths(BASE_LINE, AUTH_LINE, AUTH_LINE)
        self._limits = limits or ReplyLimits()
        self._input = InputBuffer()
        self._reader = ReplyReader(self._input, self._limits)
        self._eof = False
        self._outstanding: deque[tuple[Sent | None, Rule]] = deque([(None, GREETING)])
        self._owed_replies = 0  # to the end of an LMTP message, the present reply counted
        self._writer: DotWriter | None = None
        self._writer_options: tuple[Literal["error", "convert"], bool] = (bare_newlines, allow_nul)
        self._chunk_left = 0
        self._events: EventIterator[Answer | ConnectionClosed] = EventIterator(self.next_event)

    @property
    def state(self) -> State:
        """Where the dialogue stands, by the replies that have come."""
        return self.dialogue.state

    @property
    def predicted(self) -> State:
        """Where the dialogue will stand if all that was sent succeeds; what may be sent goes by this."""
        return self._ahead.state

    @property
    def extensions(self) -> Extensions:
        """What the server has announced."""
        return self.grammar.extensions

    @property
    def outstanding(self) -> Sequence[Sent]:
        """What was sent and not answered, in order."""
        return [event for event, _ in self._outstanding if event is not None]

    @property
    def due(self) -> Rule | None:
        """The rule of what the next reply answers; None when none is due."""
        return self._outstanding[0][1] if self._outstanding else None

    @property
    def may_send(self) -> bool:
        """Whether another command may go out now: nothing is unanswered, or it may stand in a group (RFC 2920 3.1)."""
        if not self._outstanding:
            return True
        return self._outstanding[-1][1].holds and "PIPELINING" in self.grammar.extensions

    @property
    def buffered(self) -> int:
        """Octets received and not yet read."""
        return len(self._input)

    # Sending.

    def send(self, event: Command | SaslResponse | SaslCancel | BodyChunk | EndOfBody) -> bytes:
        """Give the octets of a command, of a part of the content, or of its end.

        Content goes out as `BodyChunk` between a 354 and `EndOfBody`, or behind `Bdat`, until it has as many octets as
        that says. Only the end of the former is a thing that is answered.

        Raises:
            LocalProtocolError: It is not in order now, the server has not announced it, it may not stand in a group
                behind what is not answered yet, or it has octets that may not be sent. Nothing was changed.
        """
        if self.dialogue.state is State.CLOSED:
            raise LocalProtocolError("the dialogue is over; connect again")
        if self._input and not self._outstanding:
            raise LocalProtocolError("something came that was not read; ask next_event() first")
        if isinstance(event, BodyChunk):
            return self._content(event.data)
        if self._chunk_left:
            raise LocalProtocolError(f"the chunk lacks {self._chunk_left} octets; send them as BodyChunk")
        if self._ahead.state is State.DATA and self._writer is not None:
            if not isinstance(event, EndOfBody):
                raise LocalProtocolError("content is being sent; end it with EndOfBody")
            data = self._writer.finish()
            self._writer = None
            rule = END_OF_DATA
        elif isinstance(event, EndOfBody):
            raise LocalProtocolError("no content is being sent; wait for the 354 to DATA, BDAT needs no end")
        else:
            rule = self._rule(event)
            self._check(rule)
            data = to_wire(event, self.grammar, self._lengths)
        self._outstanding.append((event, rule))
        self._ahead.expect(rule)
        if isinstance(event, Mail):
            self.grammar.utf8 = event.smtputf8
            self._ahead.binary = _is_binary(event)
        elif isinstance(event, Bdat):
            self._chunk_left = event.size
        return data

    def _content(self, data: bytes) -> bytes:
        if self._chunk_left:
            if len(data) > self._chunk_left:
                raise LocalProtocolError(f"the chunk has room for {self._chunk_left} octets; begin another with Bdat")
            self._chunk_left -= len(data)
            return data
        if self._writer is None:
            raise LocalProtocolError("no content is due; send DATA and wait for its 354, or send Bdat")
        return self._writer.write(data)

    def _rule(self, event: Command | SaslResponse | SaslCancel) -> Rule:
        if isinstance(event, Command):
            verb = verb_of(event)
            rule = self._table.get(verb)
            if rule is None:
                raise LocalProtocolError(f"{verb.decode('ascii', 'replace')} is no verb of {self.dialect.value}")
            return BDAT_LAST if isinstance(event, Bdat) and event.last else rule
        return SASL

    def _check(self, rule: Rule) -> None:
        """See that a command is in order behind all that was sent."""
        ahead = self._ahead
        verb = rule.verb.decode("ascii")
        if not self.may_send:
            last = self._outstanding[-1][1].verb.decode("ascii")
            raise LocalProtocolError(f"{verb} has to wait for the reply to {last}")
        if not ahead.allows(rule) or (ahead.state is State.BDAT_FAILED and rule.payload):
            raise LocalProtocolError(f"{verb} is not in order in the state {ahead.state.value}{_hint(rule, ahead)}")
        keyword = rule.keyword
        if keyword is not None and keyword not in self.grammar.extensions and rule.verb not in _UNANNOUNCED:
            raise LocalProtocolError(f"the server has not announced {keyword}, which {verb} needs")

    # Receiving.

    def receive_data(self, data: Buffer) -> Iterator[Answer | ConnectionClosed]:
        """Feed octets; ``b""`` is the end of the input.

        Returns:
            The connection's one iterator: ``next_event()`` until it pauses. Leaving it early loses nothing. It raises
            what ``next_event()`` does.

        Raises:
            LocalProtocolError: There was an end of input before.
        """
        if len(data) == 0:
            self._eof = True
        elif self._eof:
            raise LocalProtocolError("input behind the end of input; feed b'' last")
        elif self.dialogue.state is not State.CLOSED:
            self._input.feed(data)
        return self._events

    def next_event(self) -> Answer | ConnectionClosed | Pause:
        """The next reply with what it answers, or why there is none.

        Raises:
            RemoteProtocolError: What came is no reply, cannot answer what was sent, or answers nothing. The dialogue
                is over then: nothing that follows could be trusted to answer what it seems to.
        """
        if self.dialogue.state is State.CLOSED:
            return ConnectionClosed()
        if self.dialogue.state is State.TLS_HANDSHAKE:
            return Pause.NEED_DATA
        try:
            reply = self._reader.next_reply(enhanced=not self._outstanding or self._outstanding[0][1].enhanced)
            if reply is not None:
                return self._answer(reply)
        except RemoteProtocolError:
            self.dialogue.state = State.CLOSED
            raise
        if self._eof:
            self.dialogue.state = State.CLOSED
            return ConnectionClosed()
        return Pause.NEED_DATA

    def start_tls(self) -> None:
        """The TLS layer is on; the dialogue begins anew behind the greeting (RFC 3207 4.2).

        Raises:
            LocalProtocolError: There was no 220 to STARTTLS.
            RemoteProtocolError: Clear text is buffered, which must never be read as if it had come through TLS
                (T-TLS).
        """
        if self.dialogue.state is not State.TLS_HANDSHAKE:
            raise LocalProtocolError("TLS starts behind a 220 to STARTTLS, nowhere else")
        if self._input:
            self.dialogue.state = State.CLOSED
            raise RemoteProtocolError("clear text behind the reply to STARTTLS")
        self.dialogue.restart()
        self._put_in_force(NONE, extended=False)
        self._ahead.stand_as(self.dialogue)

    def _answer(self, reply: Reply) -> Answer:
        dialogue = self.dialogue
        if not self._outstanding:
            return self._unasked(reply)
        event, rule = self._outstanding[0]
        if rule.verb == b"STARTTLS" and reply.positive and (reply.code != 220 or self._input):
            # T-TLS: only one code means that TLS begins, and nothing may follow it in clear text.
            raise RemoteProtocolError("an answer to STARTTLS that is no plain 220")
        state = dialogue.reached(rule, reply)
        if rule is END_OF_DATA or rule is BDAT_LAST:
            if self._more_to_come(reply):
                return event, reply
        elif rule.verb == b"DATA" and reply.intermediate:
            if self.dialect is Dialect.LMTP and dialogue.accepted == 0:
                # RFC 2033 4.2: no reply would follow the dot.
                raise RemoteProtocolError("354 without a recipient")
            self._writer = DotWriter(bare_newlines=self._writer_options[0], allow_nul=self._writer_options[1])
        dialogue.move(rule, reply, state)
        if reply.positive:
            reply = self._take_effect(event, rule, reply)
        self._outstanding.popleft()
        if not self._outstanding:
            self._ahead.stand_as(dialogue)
        return event, reply

    def _more_to_come(self, reply: Reply) -> bool:
        """Count the replies to the end of a message: LMTP gives one for each accepted recipient (RFC 2033 4.2)."""
        if self._owed_replies == 0:
            self._owed_replies = max(self.dialogue.accepted, 1) if self.dialect is Dialect.LMTP else 1
        self._owed_replies -= 1
        return self._owed_replies > 0 and not reply.close

    def _take_effect(self, event: Sent | None, rule: Rule, reply: Reply) -> Reply:
        if rule.verb in (b"EHLO", b"LHLO"):
            lines = reply.lines[1 : 1 + self._limits.max_keywords]
            extensions = Extensions.read(lines, custom=self._custom)
            self._put_in_force(extensions, extended=True)
            return EhloReply.received(reply, extensions)
        if rule.verb in (b"HELO", b"XCLIENT"):
            self._put_in_force(NONE, extended=False)
        elif isinstance(event, Mail):
            self.dialogue.binary = _is_binary(event)
        return reply

    def _unasked(self, reply: Reply) -> Answer:
        """A reply that answers nothing: all that it can be is a farewell."""
        if reply.code == 421 or (self.dialogue.state is State.DATA and reply.code >= 400):
            # Whoever answers before the content has come may answer it again behind it. What follows could be
            # taken for the reply to a later command, so nothing follows.
            self.dialogue.state = State.CLOSED
            return None, reply
        raise RemoteProtocolError(f"a reply {reply.code} that nobody asked for")

    def _put_in_force(self, extensions: Extensions, *, extended: bool) -> None:
        self.grammar.extended = extended
        self.grammar.extensions = extensions
        self._lengths = self._lengths.under(extensions)


def _served(dialect: Dialect, custom: Collection[CustomExtension]) -> Mapping[bytes, Rule]:
    """All verbs of a dialect that can be sent; those that only servers know to refuse are not among them."""
    known = {
        verb: rule
        for verb, rule in COMMANDS.items()
        if dialect in rule.dialects and rule.availability is not Availability.NEVER
    }
    registered = {verb.name.encode(): verb.rule() for extension in custom for verb in extension.verbs}
    return {**known, **registered}


def _is_binary(mail: Mail) -> bool:
    return mail.body is BodyType.BINARY_MIME


def _hint(rule: Rule, ahead: Dialogue) -> str:
    if ahead.state is State.GREETED:
        return "; introduce yourself with EHLO first"
    if ahead.state in (State.BDAT_FAILED, State.MAIL, State.RCPT) and rule.verb in (b"MAIL", b"BDAT", b"BDAT LAST"):
        return "; end the open transaction with RSET"
    return ""
