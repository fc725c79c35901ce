"""The server's end of the wire: octets in, events out; replies in, octets out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from smtpcore import refusals
from smtpcore.body import ChunkReader, Defect, DotReader
from smtpcore.chunks import Chunk
from smtpcore.commands import COMMAND_TYPES, Bdat, SaslCancel, SaslResponse
from smtpcore.dialogue import Dialogue
from smtpcore.errors import LocalProtocolError
from smtpcore.events import (
    BodyChunk,
    ConnectionClosed,
    EarlyTalk,
    EndOfBody,
    EndOfChunk,
    Event,
    EventIterator,
    Pause,
    Rejected,
)
from smtpcore.extensions import NONE
from smtpcore.grammar import CommandError, Grammar
from smtpcore.leniencies import Leniencies
from smtpcore.lines import Buffer, InputBuffer, LineFault
from smtpcore.refusals import Barrier
from smtpcore.replies import EhloReply, Reply
from smtpcore.sasl.base64 import decode
from smtpcore.spec import (
    AUTH_LINE,
    BASE_LINE,
    BDAT_LAST,
    COMMANDS,
    END_OF_DATA,
    GREETING,
    SASL,
    UNKNOWN,
    Argument,
    Dialect,
    Rule,
    State,
)


class ServerConnection:
    """Reads commands and content, writes replies; knows the order of things and nothing of policy.

    Args:
        table: The rules by verb; ``dialogue.select`` makes one for a dialect and its optional verbs.
        dialect: SMTP or LMTP.
        leniencies: What is read beyond the grammar.
        tls: A TLS layer was there from the first octet.
        enhanced_codes: Write enhanced status codes where they belong (RFC 2034). LMTP needs them.
        max_command_line: Octets of a command line with its CRLF, what extensions add apart.
        max_auth_line: Octets of an AUTH command or a SASL response with its CRLF (RFC 4954 4).
        max_line_drain: Octets of a faulty line that are discarded before a fatal 421.
        max_params: ESMTP parameters that a command may have.
        max_chunk: Octets of a BDAT chunk that are read, be it to drop them; a larger one is fatal.

    Whatever octets arrive, nothing is raised for them: there are events, and Rejected ones carry the
    reply that is due. An event that wants a reply pauses the connection until ``send()``.
    """

    __slots__ = (
        "_base_line",
        "_body",
        "_chunk",
        "_chunks",
        "_early",
        "_enhanced",
        "_eof",
        "_events",
        "_input",
        "_max_auth_line",
        "_max_chunk",
        "_max_drain",
        "_owed",
        "_owed_replies",
        "_raw_limit",
        "_table",
        "barrier",
        "dialect",
        "dialogue",
        "grammar",
        "line",
    )

    barrier: Barrier | None
    """Set by the session while TLS or authentication is required and missing."""
    line: bytes
    """The last command line as it came, without its CRLF; perhaps with secrets in it."""

    def __init__(
        self,
        *,
        table: Mapping[bytes, Rule] = COMMANDS,
        dialect: Dialect = Dialect.SMTP,
        leniencies: Leniencies | None = None,
        tls: bool = False,
        enhanced_codes: bool = True,
        max_command_line: int = BASE_LINE,
        max_auth_line: int = AUTH_LINE,
        max_line_drain: int = 65536,
        max_params: int = 20,
        max_chunk: int | None = None,
    ) -> None:
        self.dialogue = Dialogue(table, tls=tls)
        self.dialect = dialect
        self.grammar = Grammar(leniencies or Leniencies(), max_params)
        self.barrier = None
        self.line = b""
        self._table = table
        self._enhanced = enhanced_codes
        self._base_line = max_command_line
        self._max_auth_line = max_auth_line
        self._raw_limit = max(max_command_line, max_auth_line)
        # A line that is only too long for AUTH is to get its 500 and not the 421 of an endless one.
        self._max_drain = max(max_line_drain, self._raw_limit + 1024)
        self._input = InputBuffer()
        self._eof = False
        self._early = False
        self._owed: Rule | None = GREETING
        self._owed_replies = 1
        self._body = DotReader()
        self._max_chunk = max_chunk
        self._chunk: Chunk | None = None
        self._chunks: ChunkReader | None = None
        self._events = EventIterator(self.next_event)

    @property
    def state(self) -> State:
        """Where the dialogue stands."""
        return self.dialogue.state

    @property
    def buffered(self) -> int:
        """Octets received and not yet read."""
        return len(self._input)

    @property
    def owed(self) -> Rule | None:
        """The rule of what has to be answered next; None when nothing has."""
        return self._owed

    @property
    def defects(self) -> Defect:
        """What was found so far in the content that is being read."""
        return self._body.defects if self._chunks is None else self._chunks.defects

    @property
    def reading_content(self) -> bool:
        """Whether the next octets are content: between the 354 and the dot, or within a chunk."""
        return self._chunk is not None or self.dialogue.state is State.DATA

    @property
    def accepted(self) -> int:
        """Recipients accepted in the transaction."""
        return self.dialogue.accepted

    def receive_data(self, data: Buffer) -> Iterator[Event]:
        """Feed octets; ``b""`` is the end of the input.

        Returns:
            The connection's one iterator: ``next_event()`` until it pauses. Leaving it early loses nothing.

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

    def next_event(self) -> Event | Pause:
        """The next thing that happened, or why there is none."""
        if self._owed is not None:
            if not self._early and self.dialogue.state is State.CONNECTED and len(self._input):
                self._early = True
                return EarlyTalk()
            return Pause.NEED_REPLY
        state = self.dialogue.state
        if state is State.DATA:
            return self._next_body_event()
        if self._chunk is not None:
            return self._next_chunk_event(self._chunk)
        if state is State.CLOSED:
            return ConnectionClosed()
        if state is State.TLS_HANDSHAKE:
            return Pause.NEED_DATA
        line = self._input.next_line(self._raw_limit, self._max_drain)
        if line is None:
            return ConnectionClosed() if self._eof else Pause.NEED_DATA
        if state is State.AUTH:
            return self._sasl_event(line)
        if isinstance(line, LineFault):
            self.line = b""
            return self._line_fault(line)
        self.line = line
        return self._command_event(line)

    def send(self, reply: Reply) -> bytes:
        """Answer what is owed; the state moves by the table.

        A reply with ``close`` may be sent at any time but during a TLS handshake.

        Returns:
            The octets to write.

        Raises:
            LocalProtocolError: Nothing is owed, the reply's class cannot answer the command, or clear
                text is buffered behind a STARTTLS that a 220 would accept. Nothing was changed.
        """
        dialogue = self.dialogue
        rule = self._owed
        if rule is None:
            if not reply.close or dialogue.state in (State.CLOSED, State.TLS_HANDSHAKE):
                raise LocalProtocolError("no command waits for a reply; ask next_event() first")
            dialogue.state = State.CLOSED
            return reply.to_wire(enhanced=self._enhanced)
        state = dialogue.target(rule, reply)
        if state is State.TLS_HANDSHAKE and len(self._input):
            raise LocalProtocolError("clear text is buffered behind STARTTLS; answer 554 and close")
        if self._owed_replies > 1 and state is not State.CLOSED:
            self._owed_replies -= 1
            return reply.to_wire(enhanced=self._enhanced)
        self._owed = None
        self._owed_replies = 1
        dialogue.move(rule, reply, state)
        if reply.code < 400 and rule.verb in _EFFECTS:
            _EFFECTS[rule.verb](self, reply)
        return reply.to_wire(enhanced=self._enhanced and rule.enhanced)

    def start_tls(self) -> None:
        """The TLS layer is on; the dialogue begins anew behind the greeting (RFC 3207 4.2).

        Raises:
            LocalProtocolError: The state is not TLS_HANDSHAKE, or clear text is buffered, which must
                never be read as if it had come through TLS.
        """
        if self.dialogue.state is not State.TLS_HANDSHAKE:
            raise LocalProtocolError("TLS starts behind a 220 to STARTTLS, nowhere else")
        if len(self._input):
            raise LocalProtocolError("clear text is buffered behind STARTTLS; close the connection")
        self.dialogue.restart()
        self.grammar.extended = False
        self.grammar.extensions = NONE

    def _next_body_event(self) -> Event | Pause:
        chunk = self._body.read(self._input)
        if chunk:
            return BodyChunk(chunk)
        if self._body.done:
            self._owed = END_OF_DATA
            if self.dialect is Dialect.LMTP:
                # RFC 2033 4.2: a reply for each RCPT that was accepted.
                self._owed_replies = self.dialogue.accepted
            return EndOfBody(self._body.defects, self._body.size)
        return ConnectionClosed() if self._eof else Pause.NEED_DATA

    def _chunk_event(self, line: bytes, rule: Rule, argument: bytes) -> Event | Pause:
        try:
            command = Bdat.parse(argument, self.grammar)
        except CommandError as error:
            return self._reject(line, rule, error.reply)
        if self._max_chunk is not None and command.size > self._max_chunk:
            return self._reject(line, rule, refusals.CHUNK_TOO_BIG)
        if command.last:
            rule = BDAT_LAST
        refusal = None
        if self.barrier is not None and rule.verb not in self.barrier.verbs:
            refusal = self.barrier.reply
        elif not self.dialogue.allows(rule) or self.dialogue.state is State.BDAT_FAILED:
            refusal = refusals.ORDER
        elif command.malformed:
            refusal = refusals.NOT_LAST
        # RFC 3030 2: the octets are read before any reply, the refused ones too.
        self._chunk = Chunk(command, rule, line, refusal)
        if refusal is not None:
            return self._next_chunk_event(self._chunk)
        if self._chunks is None:
            self._chunks = ChunkReader()
        return command

    def _next_chunk_event(self, chunk: Chunk) -> Event | Pause:
        while data := chunk.read(self._input):
            if chunk.refusal is None and self._chunks is not None:
                self._chunks.feed(data)
                return BodyChunk(data)
        if chunk.left:
            return ConnectionClosed() if self._eof else Pause.NEED_DATA
        self._chunk = None
        last = chunk.rule is BDAT_LAST
        if chunk.refusal is not None:
            event: Event = self._reject(chunk.line, chunk.rule, chunk.refusal)
        elif last and self._chunks is not None:
            self._chunks.finish()
            event = EndOfBody(self._chunks.defects, self._chunks.size)
            self._owed = chunk.rule
        else:
            event = EndOfChunk(chunk.size)
            self._owed = chunk.rule
        if last and self.dialect is Dialect.LMTP and self._owed is chunk.rule:
            # RFC 2033 4.3: a reply for each accepted recipient, even to a message that cannot be completed.
            self._owed_replies = self.dialogue.accepted
        return event

    def _command_event(self, line: bytes) -> Event | Pause:
        # RFC 5321 4.1.1: white space before the CRLF is tolerated.
        verb, _, argument = line.rstrip(b" \t").partition(b" ")
        rule = self._table.get(verb) or self._table.get(verb.upper())
        # The order of the checks is fixed: line, verb, barrier, argument, order, what the argument says.
        if argument and argument.translate(None, refusals.PRINTABLE):
            return self._reject(line, rule or UNKNOWN, refusals.octet_fault(verb, argument))
        if rule is None:
            fault = refusals.BAD_VERB if not verb or verb.translate(None, refusals.PRINTABLE) else refusals.UNKNOWN
            return self._reject(line, UNKNOWN, fault)
        if len(line) + 2 > self._base_line and len(line) + 2 > self._limit(rule.verb):
            return self._reject(line, rule, refusals.TOO_LONG)
        if not rule.enabled:
            # Whoever sends chunks unasked cannot be trusted with the octets that follow.
            return self._reject(line, rule, refusals.NO_CHUNKS if rule.verb == b"BDAT" else refusals.NOT_SERVED)
        if rule.payload:
            return self._chunk_event(line, rule, argument)
        if self.barrier is not None and rule.verb not in self.barrier.verbs:
            return self._reject(line, rule, self.barrier.reply)
        if argument:
            if rule.argument is Argument.NONE:
                return self._reject(line, rule, refusals.NO_ARGUMENT)
        elif rule.argument is Argument.REQUIRED:
            return self._reject(line, rule, refusals.ARGUMENT)
        if not self.dialogue.allows(rule):
            return self._reject(line, rule, self._order_fault(rule))
        try:
            command = COMMAND_TYPES[rule.verb].parse(argument, self.grammar)
        except CommandError as error:
            return self._reject(line, rule, error.reply)
        self._owed = rule
        return command

    def _reject(self, line: bytes, rule: Rule, reply: Reply) -> Rejected:
        # An order fault leaves the state alone, whatever the rule says of the state it is in.
        self._owed = rule if self.dialogue.state in rule.negative else refusals.OUT_OF_ORDER[rule.enhanced]
        return Rejected(b"" if rule.verb == b"AUTH" else line, reply, fatal=reply.close)

    def _line_fault(self, fault: LineFault) -> Rejected:
        return self._reject(b"", UNKNOWN, refusals.LINE_FAULTS[fault])

    def _sasl_event(self, line: bytes | LineFault) -> Event:
        self.line = b""
        self._owed = SASL
        if isinstance(line, LineFault):
            reply = refusals.SASL_FAULTS[line]
            return Rejected(b"", reply, fatal=reply.close)
        if len(line) + 2 > self._max_auth_line:
            return Rejected(b"", refusals.AUTH_TOO_LONG)
        if line == b"*":
            return SaslCancel()
        data = decode(line)
        return Rejected(b"", refusals.BAD_BASE64) if data is None else SaslResponse(data)

    def _order_fault(self, rule: Rule) -> Reply:
        # RFC 5321 3.3 and RFC 2033 4.2: DATA without an accepted recipient; LMTP knows only the 503.
        if rule.verb == b"DATA" and self.dialogue.refused and self.dialect is Dialect.SMTP and self.state is State.MAIL:
            return refusals.NO_RECIPIENTS
        return refusals.ORDER

    def _limit(self, verb: bytes) -> int:
        if verb == b"MAIL":
            return self._base_line + self.grammar.extensions.mail_room
        if verb == b"RCPT":
            return self._base_line + self.grammar.extensions.rcpt_room
        return self._max_auth_line if verb == b"AUTH" else self._base_line

    def _after_ehlo(self, reply: Reply) -> None:
        extensions = reply.extensions if isinstance(reply, EhloReply) else NONE
        self.grammar.extended = True
        self.grammar.extensions = extensions
        longest = self._base_line + max(extensions.mail_room, extensions.rcpt_room)
        self._raw_limit = max(longest, self._max_auth_line)

    def _after_helo(self, reply: Reply) -> None:
        self.grammar.extended = False
        self.grammar.extensions = NONE

    def _after_mail(self, reply: Reply) -> None:
        self._chunks = None

    def _after_data(self, reply: Reply) -> None:
        self._body = DotReader()


_EFFECTS: Final[Mapping[bytes, Callable[[ServerConnection, Reply], None]]] = {
    b"EHLO": ServerConnection._after_ehlo,
    b"LHLO": ServerConnection._after_ehlo,
    b"HELO": ServerConnection._after_helo,
    b"MAIL": ServerConnection._after_mail,
    b"DATA": ServerConnection._after_data,
}
"""What a 2yz or 3yz changes in how the next octets are read."""
