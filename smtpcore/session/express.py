"""The express lane: what nearly all mail consists of, each command in one go.

A command goes a long way: an event of the connection, the table of stages, its hook, the judgement of the reply, the
table of the dialogue. Every step knows all that can happen. Nearly every command is a MAIL, RCPT or DATA in its common
form or content without a flaw, to a hook that says None at once; and what the long way does then is little. It is done
here, in one place.

What is not so is left to the long way, untouched, or where a hook has something else to say, right behind the hook.
Nothing that anybody can see differs; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from smtpcore.body import NO_DEFECT, DotReader
from smtpcore.commands import Data, Mail, Rcpt
from smtpcore.common_lines import NO_RECIPIENTS, next_command, read_recipients
from smtpcore.events import EndOfBody
from smtpcore.server import ServerConnection
from smtpcore.session.envelope import Envelope
from smtpcore.session.replies import DATA_OK, MAIL_OK, MESSAGE_OK, RCPT_OK
from smtpcore.session.stages import content, data, final, mail, observe, rcpt
from smtpcore.spec import COMMANDS, END_OF_DATA, Dialect, State

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

_READY, _MAIL, _RCPT, _DATA, _CLOSED = State.READY, State.MAIL, State.RCPT, State.DATA, State.CLOSED
_LMTP: Final = Dialect.LMTP
_RCPT_RULE, _DATA_RULE = COMMANDS[b"RCPT"], COMMANDS[b"DATA"]
_DATA_LINE: Final = b"DATA\r\n"
_SMALL_DATA_LINE: Final = b"data\r\n"
_DATA_COMMAND: Final = Data()


def is_open(session: ServerSession) -> bool:
    """Whether a session may use the lane at all: submission asks more of addresses than that they are some."""
    return session.connection.knows_common and not session.config.submission


def take(session: ServerSession) -> bool:
    """Work on what has come, as long as it is usual; whether there is nothing more to be read, of commands at least."""
    connection = session.connection
    dialogue = connection.dialogue
    # Behind HELO, who pipelines is noted. A reply is owed where a hook was broken off.
    while dialogue.extended and connection.owed is None and not connection.chunks.reading:
        lane = _LANES.get(dialogue.state)
        if lane is None or not lane(session, connection):
            return False
        if connection.input.empty():
            # A reply that closes is followed by an event.
            return dialogue.state is not _CLOSED
    return False


# Each says whether it has come to the end of a command, and nothing but more input is waited for.


def _mail(session: ServerSession, connection: ServerConnection) -> bool:
    most = session.config.limits.max_transactions
    if (most is not None and session.budget.transactions >= most) or not connection.input.has_line():
        return False
    command = next_command(connection)
    if not isinstance(command, Mail):
        return False
    observer = session.observer
    if observer is not None:
        observe(session, command)
    if command.params:
        mail.received(session, command)
        return not session.interrupted()
    session.budget.transaction()
    if "mail" in session.overridden:
        answer = session.asked("mail", session.handler.mail, command)
        if answer is not None:
            session.go_on("mail", command, answer, mail.answered)
            return not session.interrupted()
    dialogue = connection.dialogue
    dialogue.state = _MAIL
    dialogue.accepted = dialogue.refused = 0
    dialogue.binary = connection.grammar.utf8 = False
    connection.chunks.forget()
    connection.owed = None
    more = session.write(MAIL_OK.to_wire(enhanced=connection.enhanced))
    if observer is not None:
        observer.replied(session, "MAIL", MAIL_OK)
    mail.begin(session, command)
    return more


def _recipient(session: ServerSession, connection: ServerConnection) -> bool:
    """The first of a message, and nearly always the only one."""
    dialogue = connection.dialogue
    full = dialogue.refused >= session.config.limits.max_recipients
    if full or session.envelope is None or not connection.input.has_line():
        return False
    command = next_command(connection)
    if not isinstance(command, Rcpt):
        return False
    observer = session.observer
    if observer is not None:
        observe(session, command)
    if "rcpt" in session.overridden:
        answer = session.asked("rcpt", session.handler.rcpt, command)
        if answer is not None:
            session.go_on("rcpt", command, answer, rcpt.answered)
            return not session.interrupted()
    dialogue.state = _RCPT
    dialogue.accepted = 1
    connection.owed = None
    more = session.write(RCPT_OK.to_wire(enhanced=connection.enhanced))
    if observer is not None:
        observer.replied(session, "RCPT", RCPT_OK)
    # Looked for now: it is the application's too.
    session.envelope.recipients.append(command)
    return more


def _recipients(session: ServerSession, connection: ServerConnection) -> bool:
    """The others, which may be hundreds, and DATA behind them."""
    dialogue = connection.dialogue
    envelope = session.envelope
    waiting = connection.input
    if envelope is None or connection.barrier is not None or not waiting.has_line():
        return False
    if connection.recipients is NO_RECIPIENTS and not dialogue.binary and _is_data(connection):
        return _data(session, connection, envelope)
    left = session.config.limits.max_recipients - dialogue.accepted - dialogue.refused
    if left > 0 and connection.recipients is NO_RECIPIENTS:
        connection.recipients = read_recipients(waiting)
    if left > 0 and connection.recipients is not NO_RECIPIENTS:
        return _run(session, connection, left)
    connection.recipients = NO_RECIPIENTS
    return False


def _run(session: ServerSession, connection: ServerConnection, left: int) -> bool:
    """Recipients that were found together, as many as may come."""
    dialogue = connection.dialogue
    asks = "rcpt" in session.overridden
    observer = session.observer
    accepted = RCPT_OK.to_wire(enhanced=connection.enhanced)
    most = min(left, session.room_for(accepted))
    count = 0
    answer: object = None
    try:
        for line, command in connection.recipients:
            connection.line = line
            connection.command = command
            connection.owed = _RCPT_RULE
            if observer is not None:
                observe(session, command)
            if asks:
                # As `asked()`, without another call.
                try:
                    answer = session.handler.rcpt(session, command)
                except Exception as exception:
                    answer = session.fault("rcpt", exception)
                if answer is not None:
                    break
            dialogue.accepted += 1
            connection.owed = None
            count += 1
            if observer is not None:
                observer.replied(session, "RCPT", RCPT_OK)
            # Looked for each time, as in `_recipient()`.
            envelope = session.envelope
            assert envelope is not None  # a transaction is open in this state
            envelope.recipients.append(command)
            if count == most or session._flush_now:
                break
        else:
            connection.recipients = NO_RECIPIENTS
    finally:
        # The replies of all of them together.
        more = count == 0 or session.write(accepted * count)
    if not connection.input.has_line():
        # The last of them was read, and what they were found in is not kept.
        connection.recipients = NO_RECIPIENTS
    if answer is not None:
        session.go_on("rcpt", command, answer, rcpt.answered)
        return not session.interrupted()
    return more


def _is_data(connection: ServerConnection) -> bool:
    """Whether the next line is DATA; it is read then."""
    if connection.input.skip_over(_DATA_LINE):
        connection.line = b"DATA"
    elif connection.input.skip_over(_SMALL_DATA_LINE):
        connection.line = b"data"
    else:
        return False
    return True


def _data(session: ServerSession, connection: ServerConnection, envelope: Envelope) -> bool:
    connection.command = _DATA_COMMAND
    connection.owed = _DATA_RULE
    observer = session.observer
    if observer is not None:
        observe(session, _DATA_COMMAND)
    if not connection.input.empty():
        session.pipelined_early = True
    envelope._received = data.received_line_of(session)
    answer = session.asked("data", session.handler.data, envelope) if "data" in session.overridden else None
    if answer is not None or data.full(session, None):
        session.go_on("data", _DATA_COMMAND, answer, data.answered, data.ACCEPTED)
        return not session.interrupted()
    connection.dialogue.state = _DATA
    connection.body = DotReader()
    connection.owed = None
    session.write(DATA_OK.to_wire())
    if observer is not None:
        observer.replied(session, "DATA", DATA_OK)
    data.begin(session, None)
    if connection.input.empty():
        return True
    session.flush_now()
    return False


def _content(session: ServerSession, connection: ServerConnection) -> bool:
    if connection.dialect is _LMTP:
        return False
    reader = connection.body
    while not reader.done and (octets := reader.read(connection.input)):
        content.take(session, octets)
        if session.interrupted():
            return False
    if not reader.done:
        return False
    connection.owed = END_OF_DATA
    observer = session.observer
    if observer is not None:
        observer.content(session, reader.size)
    kept = session.content
    envelope = session.envelope
    defects = reader.defects
    if not kept.collecting or kept.refusal is not None or defects is not NO_DEFECT or envelope is None:
        content.ended(session, EndOfBody(defects, reader.size))
        return not session.interrupted()
    session.pace.end()
    envelope.size = reader.size
    envelope.content = kept.take()
    answer = session.asked("message", session.handler.message, envelope)
    if answer is not None:
        session.go_on("message", None, answer, content.answered)
        return not session.interrupted()
    dialogue = connection.dialogue
    dialogue.state = _READY
    dialogue.accepted = dialogue.refused = 0
    connection.owed = None
    more = session.write(MESSAGE_OK.to_wire(enhanced=connection.enhanced))
    if observer is not None:
        observer.replied(session, ".", MESSAGE_OK)
    final.over(session)
    return more


_LANES: Final[Mapping[State, Callable[[ServerSession, ServerConnection], bool]]] = MappingProxyType(
    {_READY: _mail, _MAIL: _recipient, _RCPT: _recipients, _DATA: _content}
)
