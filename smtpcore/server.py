"""The server's end of the wire: octets in, events out; replies in, octets out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from smtpcore import refusals
from smtpcore.body import Defect, DotReader
from smtpcore.chunks import NEVER_BEGUN, Chunks
from smtpcore.commands import COMMAND_TYPES, READERS, Bdat, Command, Rcpt, Reader
from smtpcore.common_lines import NO_RECIPIENTS, are_known, next_command
from smtpcore.dialogue import Dialogue, select
from smtpcore.effects import EFFECTS, put_in_force
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
from smtpcore.lengths import LineLengths, line_lengths
from smtpcore.leniencies import Leniencies
from smtpcore.lines import Buffer, InputBuffer, LineFault
from smtpcore.refusals import Barrier
from smtpcore.replies import Reply
from smtpcore.spec import (
    AUTH_LINE,
    BASE_LINE,
    BDAT_LAST,
    END_OF_DATA,
    GREETING,
    SASL,
    UNKNOWN,
    Argument,
    Dialect,
    Rule,
    State,
)

# In Python 3.11 a member of an Enum costs a quarter of a microsecond, and these are asked for at every event.
_AUTH, _CLOSED, _DATA, _TLS_HANDSHAKE = State.AUTH, State.CLOSED, State.DATA, State.TLS_HANDSHAKE
_CONNECTED: Final = State.CONNECTED
_LMTP: Final = Dialect.LMTP
_NEED_DATA, _NEED_REPLY = Pause.NEED_DATA, Pause.NEED_REPLY
_NO_LINES: Final = frozenset((_DATA, _CLOSED, _TLS_HANDSHAKE))
_NO_ARGUMENT: Final = Argument.NONE
_NEEDS_ARGUMENT: Final = Argument.REQUIRED
_NO_BODY: Final = DotReader()
"""Stands where there has been no DATA yet, and is never read from: most connections are idle, and there may be many."""
_EVERYTHING: Final = {dialect: select(dialect, frozenset(COMMAND_TYPES)) for dialect in Dialect}


class ServerConnection:
    """Reads commands and content, writes replies; knows the order of things and nothing of policy.

    Args:
        table: The rules by verb, as ``dialogue.select`` makes them; by default all verbs that have a command.
        dialect: SMTP or LMTP.
        readers: What reads the arguments of the verbs in the table.
        leniencies: What is read beyond the grammar.
        tls: A TLS layer was there from the first octet.
        enhanced_codes: Write enhanced status codes where they belong (RFC 2034). LMTP always does.
        max_command_line: Octets of a command line with its CRLF, what extensions add apart.
        max_auth_line: Octets of an AUTH command or a SASL response with its CRLF (RFC 4954 4).
        max_line_drain: Octets of a faulty line that are discarded before a fatal 421.
        max_params: ESMTP parameters that a command may have.
        max_chunk: Octets of a BDAT chunk that are read, be it to drop them; a larger one is fatal.

    Whatever octets arrive, nothing is raised for them: there are events, and Rejected ones carry the
    reply that is due. An event that wants a reply pauses the connection until ``send()``.

    Raises:
        LocalProtocolError: The table serves a verb for which there is no command.
    """

    __slots__ = (
        "_early", "_eof", "_events", "_owed_replies", "_readers", "_rejected", "barrier", "body", "chunks", "command",
        "dialect", "dialogue", "enhanced", "grammar", "input", "knows_common", "lengths", "line", "owed", "recipients",
    )  # fmt: skip

    body: DotReader
    """Reads the content that comes by DATA."""
    command: Command | None
    """The last that was read and had nothing wrong with it."""
    input: InputBuffer
    """What has come and was not read."""
    barrier: Barrier | None
    """Set by the session while TLS or authentication is required and missing."""
    chunks: Chunks
    """The content that comes by BDAT."""
    enhanced: bool
    """Whether enhanced status codes are written where they belong."""
    lengths: LineLengths
    """How long the lines may be now."""
    knows_common: bool
    """Whether the common form of lines is known, since the application has no other ideas of them."""
    line: bytes
    """The last command line as it came, without its CRLF; perhaps with secrets in it."""
    owed: Rule | None
    """The rule of what has to be answered next; None when nothing has."""
    recipients: Iterator[tuple[bytes, Rcpt]]
    """RCPT lines in their common form that come next, and their commands; each is read when it is asked for."""

    def __init__(
        self,
        *,
        table: Mapping[bytes, Rule] | None = None,
        dialect: Dialect = Dialect.SMTP,
        readers: Mapping[bytes, Reader] = READERS,
        leniencies: Leniencies | None = None,
        tls: bool = False,
        enhanced_codes: bool = True,
        max_command_line: int = BASE_LINE,
        max_auth_line: int = AUTH_LINE,
        max_line_drain: int = 65536,
        max_params: int = 20,
        max_chunk: int | None = None,
    ) -> None:
        if table is None:
            table = _EVERYTHING[dialect]
        elif any(table[verb].enabled for verb in table.keys() - readers.keys()):
            raise LocalProtocolError("the table serves a verb that has no command; make it with select()")
        self.dialogue = Dialogue(table, tls=tls)
        self.dialect = dialect
        self.grammar = Grammar(leniencies or Leniencies(), max_params, max_chunk)
        self._readers = readers
        self.knows_common = are_known(table, readers)
        self.recipients = NO_RECIPIENTS
        self.barrier = None
        self.line = b""
        self.enhanced = enhanced_codes or dialect is _LMTP  # RFC 2033 5: LMTP has no choice.
        self.lengths = line_lengths(max_command_line, max_auth_line, max_line_drain)
        self.input = InputBuffer()
        self._eof = self._early = self._rejected = False
        self.owed = GREETING
        self._owed_replies = 1
        self.body = _NO_BODY
        self.chunks = NEVER_BEGUN
        self.command = None
        self._events: EventIterator[Event] | None = None

    @property
    def state(self) -> State:
        """Where the dialogue stands."""
        return self.dialogue.state

    @property
    def buffered(self) -> int:
        """Octets received and not yet read."""
        return len(self.input)

    @property
    def defects(self) -> Defect:
        """What was found so far in the content that is being read."""
        return self.body.defects if self.chunks.defects is None else self.chunks.defects

    @property
    def reading_content(self) -> bool:
        """Whether the next octets are content: between the 354 and the dot, or within a chunk."""
        return self.chunks.reading or self.dialogue.state is _DATA

    def wants_input(self) -> bool:
        """Whether no event can come before more input does."""
        return (
            self.owed is None
            and self.input.empty()
            and not (self._eof or self.chunks.reading)
            and self.dialogue.state not in _NO_LINES
        )

    def receive_data(self, data: Buffer) -> Iterator[Event]:
        """Feed octets; ``b""`` is the end of the input.

        Returns:
            The connection's one iterator: ``next_event()`` until it pauses. Leaving it early loses nothing.

        Raises:
            LocalProtocolError: There was an end of input before.
        """
        self.feed(data)
        if self._events is None:
            self._events = EventIterator(self.next_event)
        return self._events

    def feed(self, data: Buffer) -> None:
        """The same for who asks ``next_event()``."""
        if not len(data):
            self._eof = True
        elif self._eof:
            raise LocalProtocolError("input behind the end of input; feed b'' last")
        elif self.dialogue.state is not _CLOSED:
            self.input.feed(data)

    def next_event(self) -> Event | Pause:
        """The next thing that happened, or why there is none."""
        if self.owed is None and not self.chunks.reading and self.input.has_line():
            return next_command(self) or self.next_uncommon()
        return self.next_uncommon()

    def next_uncommon(self) -> Event | Pause:
        """The same by the long way, for who has asked ``next_command()`` already."""
        if self.owed is not None:
            if not self._early and self.dialogue.state is _CONNECTED and len(self.input):
                self._early = True
                return EarlyTalk()
            return _NEED_REPLY
        state = self.dialogue.state
        if state in _NO_LINES:
            return self._next_body_event() if state is _DATA else self._pause()
        if self.chunks.reading:
            return self._next_chunk_event()
        lengths = self.lengths
        if state is _AUTH:
            line = self.input.next_line(lengths.auth, lengths.auth_drain)
        else:
            line = self.input.next_line(lengths.longest, lengths.drain, lengths.longer)
        if line is None:
            return self._pause()
        if state is _AUTH:
            return self._sasl_event(line)
        if isinstance(line, LineFault):
            self.line = b""
            return self._reject(b"", *refusals.line_fault(line, self.input.head, self.dialogue.table))
        self.line = line
        return self._command_event(line)

    def send(self, reply: Reply, *, utf8: bool = False) -> bytes:
        """Answer what is owed and give the octets to write; the state moves by the table.

        A refusal with ``close`` may be sent at any time but during a TLS handshake.

        Args:
            reply: The answer.
            utf8: The client has said that it can take UTF-8 in this very reply (RFC 6531 3.7.4).

        Raises:
            LocalProtocolError: Nothing is owed, the reply's class cannot answer the command, a rejected
                line would get a success or HELO a list of extensions, or clear text is buffered behind
                a STARTTLS that a 220 would accept. Nothing was changed.
        """
        dialogue = self.dialogue
        rule = self.owed
        code = reply.code
        if rule is None:
            if not reply.close or code < 400 or dialogue.state in (_CLOSED, _TLS_HANDSHAKE):
                raise LocalProtocolError("no command waits for a reply; ask next_event() first")
            dialogue.state = _CLOSED
            return reply.to_wire(enhanced=self.enhanced)
        state = dialogue.target(rule, reply)
        if self._rejected and code < 400:
            raise LocalProtocolError(f"{code} cannot answer a rejected line; send the reply of the event")
        if state is _TLS_HANDSHAKE and len(self.input):
            raise LocalProtocolError("clear text is buffered behind STARTTLS; answer 554 and close")
        if self._owed_replies > 1 and state is not _CLOSED:
            self._owed_replies -= 1
            return reply.to_wire(enhanced=self.enhanced)
        if code < 400 and (effect := EFFECTS.get(rule.verb)) is not None:
            effect(self, reply)
        self.owed = None
        self._owed_replies = 1
        self._rejected = False
        dialogue.move(rule, reply, state)
        # A greeting has no enhanced code, the second one that follows XCLIENT neither (RFC 2034 4).
        greeting = code == 220 and state is State.GREETED
        return reply.to_wire(enhanced=self.enhanced and rule.enhanced and not greeting, utf8=utf8)

    def start_tls(self) -> None:
        """The TLS layer is on; the dialogue begins anew behind the greeting (RFC 3207 4.2).

        Raises:
            LocalProtocolError: The state is not TLS_HANDSHAKE, or clear text is buffered, which must
                never be read as if it had come through TLS.
        """
        if self.dialogue.state is not _TLS_HANDSHAKE:
            raise LocalProtocolError("TLS starts behind a 220 to STARTTLS, nowhere else")
        if len(self.input):
            raise LocalProtocolError("clear text is buffered behind STARTTLS; close the connection")
        self.dialogue.restart()
        put_in_force(self, NONE, extended=False)

    def _pause(self) -> Event | Pause:
        # The end of the input leads to CLOSED from anywhere, once all that came before it was read.
        if self._eof:
            self.dialogue.state = _CLOSED
        return ConnectionClosed() if self.dialogue.state is _CLOSED else _NEED_DATA

    def _next_body_event(self) -> Event | Pause:
        chunk = self.body.read(self.input)
        if chunk:
            return BodyChunk(chunk)
        if self.body.done:
            self.owed = END_OF_DATA
            # RFC 2033 4.2: a reply for each RCPT that was accepted.
            self._owed_replies = self.dialogue.accepted if self.dialect is _LMTP else 1
            return EndOfBody(self.body.defects, self.body.size)
        return self._pause()

    def _chunk_event(self, line: bytes, rule: Rule, argument: bytes) -> Event | Pause:
        try:
            command = Bdat.parse(argument, self.grammar)
        except CommandError as error:
            return self._reject(line, rule, error.reply)
        if command.last:
            rule = BDAT_LAST
        refusal = refusals.chunk_fault(command, rule, self.dialogue, self.barrier)
        # RFC 3030 2: the octets are read before any reply, the refused ones too.
        if self.chunks is NEVER_BEGUN:
            self.chunks = Chunks()
        self.chunks.begin(command, rule, line, refusal, binary=self.dialogue.binary)
        return command if refusal is None else self._next_chunk_event()

    def _next_chunk_event(self) -> Event | Pause:
        chunks = self.chunks
        if data := chunks.read(self.input):
            return BodyChunk(data)
        rule = chunks.rule
        if not chunks.end(last=rule is BDAT_LAST):
            return self._pause()
        if chunks.refusal is not None:
            event: Event = self._reject(chunks.line, rule, chunks.refusal)
        else:
            self.owed = rule
            event = EndOfBody(self.defects, chunks.total) if rule is BDAT_LAST else EndOfChunk(chunks.size)
        if self.owed is BDAT_LAST and self.dialect is _LMTP:
            # RFC 2033 4.3: a reply for each accepted recipient, even to a message that cannot be completed.
            self._owed_replies = self.dialogue.accepted
        return event

    def _command_event(self, line: bytes) -> Event | Pause:
        # The order is fixed: line, verb, barrier, argument, order, what the argument says.
        table = self.dialogue.table
        grammar = self.grammar
        rule = table.get(line)
        if rule is not None:
            # A verb alone, in capitals: there is nothing to be wrong with such a line.
            argument = b""
        else:
            # RFC 5321 4.1.1: white space before the CRLF is tolerated.
            verb, _, argument = line.rstrip(b" \t").partition(b" ")
            rule = table.get(verb) or table.get(verb.upper())
            if len(line) + 2 > self.lengths.command and len(line) + 2 > self.lengths.limit(verb.upper()):
                return self._reject(line, rule or UNKNOWN, refusals.too_long(verb, rule))
            if (
                argument
                and argument.translate(None, refusals.PRINTABLE)
                and not refusals.lets_utf8_in(rule, argument, grammar)
            ):
                return self._reject(line, rule or UNKNOWN, refusals.octet_fault(verb, argument, grammar))
            if rule is None:
                return self._reject(line, UNKNOWN, refusals.unknown(verb))
        if not rule.enabled:
            # Whoever sends chunks unasked cannot be trusted with the octets that follow.
            return self._reject(line, rule, refusals.NO_CHUNKS if rule.verb == b"BDAT" else refusals.NOT_SERVED)
        if rule.payload:
            return self._chunk_event(line, rule, argument)
        if self.barrier is not None and rule.verb not in self.barrier.verbs:
            return self._reject(line, rule, self.barrier.reply)
        if argument and rule.argument is _NO_ARGUMENT:
            return self._reject(line, rule, refusals.NO_ARGUMENT)
        if not argument and rule.argument is _NEEDS_ARGUMENT:
            return self._reject(line, rule, refusals.ARGUMENT)
        if self.dialogue.state not in rule.negative or (rule.guards and not self.dialogue.allows(rule)):
            return self._reject(line, rule, refusals.order_fault(rule, self.dialogue, self.dialect))
        try:
            command = self._readers[rule.verb](argument, grammar)
        except CommandError as error:
            return self._reject(line, rule, error.reply)
        self.owed = rule
        self.command = command
        return command

    def _reject(self, line: bytes, rule: Rule, reply: Reply) -> Rejected:
        # An order fault leaves the state alone, whatever the rule says of the state it is in.
        self.owed = rule if self.dialogue.state in rule.negative else refusals.out_of_order(rule)
        self._rejected = True
        return Rejected(b"" if rule.verb == b"AUTH" else line, reply, fatal=reply.close)

    def _sasl_event(self, line: bytes | LineFault) -> Event:
        self.line = b""
        self.owed = SASL
        event = refusals.read_response(line)
        self._rejected = isinstance(event, Rejected)
        return event
