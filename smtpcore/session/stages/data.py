"""DATA (RFC 5321 4.1.1.4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smtpcore.commands import Data
from smtpcore.handler import BodySink
from smtpcore.session.envelope import Envelope
from smtpcore.session.received import received_line, with_protocol
from smtpcore.session.replies import DATA_OK, STORAGE_FULL
from smtpcore.spec import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpcore.commands import Mail
    from smtpcore.session.machine import Answered
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, command: Data) -> None:
    """Let the application say whether it wants the content."""
    if session.connection.buffered:
        # DATA is the last of its group, for nobody can know before the reply what to send next.
        session.pipelined_early = True
    ask(session, lambda answer: answered(session, answer))


def ask(session: ServerSession, then: Answered) -> None:
    """Ask the application whether it wants the content, and how: collected, or in a sink."""
    envelope = session.envelope
    assert envelope is not None  # content is in order only in a transaction
    envelope._received = _received(session, envelope.mail)
    if "data" in session.overridden:
        session.call(
            "data",
            session.handler.data,
            session,
            envelope,
            then=then,
            accept=(BodySink,),
        )
    else:
        then(None)


def answered(session: ServerSession, answer: object) -> None:
    """Let the content come, or refuse it."""
    sink = answer if isinstance(answer, BodySink) else None
    if answer is None or sink is not None:
        answer = STORAGE_FULL if full(session, sink) else DATA_OK
    if session.reply(answer).intermediate:
        # A reply of the hook's own that lets the content come is as good as None.
        begin(session, sink)
    else:
        refused(session)


def full(session: ServerSession, sink: BodySink | None) -> bool:
    """Whether there is no memory for a single octet of the content, which then had better not come."""
    return collecting(session, sink) and session.gate is not None and session.gate.full


def collecting(session: ServerSession, sink: BodySink | None) -> bool:
    """Whether the content is kept in memory for the hook ``message``."""
    return sink is None and "message" in session.overridden


def begin(session: ServerSession, sink: BodySink | None) -> None:
    """The content comes."""
    session.content.begin(sink, collecting=collecting(session, sink))
    session.pace.begin(session.monotonic())


def refused(session: ServerSession) -> None:
    """A DATA was refused: what is behind it may be content, which must not be run as commands (T-PIPE)."""
    if session.config.close_on_pipelined_data and session.connection.buffered:
        session.end(session.config.replies.pipelined_data)


def _received(session: ServerSession, mail: Mail) -> Callable[[Envelope], bytes]:
    """What makes the Received line. All that it needs of the session is taken now, for the session goes on."""
    config = session.config
    dialogue = session.connection.dialogue
    protocol = with_protocol(
        extended=dialogue.extended,
        tls=dialogue.tls,
        authenticated=dialogue.authenticated,
        lmtp=config.dialect is Dialect.LMTP,
        utf8=mail.smtputf8,
    )
    line = partial(
        received_line,
        hostname=config.hostname,
        helo=session.helo.domain if session.helo is not None else "",
        peer=session.peer,
        protocol=protocol,
        tls=session.tls,
        moment=session.utcnow(),
    )
    return partial(_received_of, line)


def _received_of(line: Callable[..., bytes], envelope: Envelope) -> bytes:
    mail = envelope.mail
    return line(
        id=envelope.id,
        recipients=[rcpt.path for rcpt in envelope.recipients],
        priority=envelope.priority if mail.mt_priority is not None else None,
        utf8=mail.smtputf8,
    )
