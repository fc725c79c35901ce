"""DATA (RFC 5321 4.1.1.4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smtpcore.commands import Data
from smtpcore.handler import BodySink
from smtpcore.session.envelope import Envelope
from smtpcore.session.received import received_line, trace_lines, with_protocol
from smtpcore.session.replies import DATA_OK, STORAGE_FULL
from smtpcore.spec import Dialect

if TYPE_CHECKING:
    from datetime import datetime

    from smtpcore.session.server import ServerSession


def received(session: ServerSession, command: Data) -> None:
    """Ask the application whether it wants the content, and how."""
    envelope = session.envelope
    assert envelope is not None  # DATA is in order only in a transaction
    envelope._trace = partial(_trace, session, session.utcnow())
    if "data" in session.overridden:
        session.call(
            "data",
            session.handler.data,
            session,
            envelope,
            then=lambda answer: answered(session, answer),
            accept=(BodySink,),
        )
    else:
        answered(session, None)


def answered(session: ServerSession, answer: object) -> None:
    """Let the content come, or refuse it."""
    sink = answer if isinstance(answer, BodySink) else None
    collecting = sink is None and "message" in session.overridden
    if answer is None or sink is not None:
        # Without memory for a single octet of it the content had better not come.
        full = collecting and session.gate is not None and session.gate.full
        answer = STORAGE_FULL if full else DATA_OK
    if session.reply(answer).intermediate:
        # A reply of the hook's own that lets the content come is as good as None.
        session.content.begin(sink, collecting=collecting)
        session.pace.begin(session.monotonic())
    else:
        refused(session)


def refused(session: ServerSession) -> None:
    """A DATA was refused: what is behind it may be content, which must not be run as commands (T-PIPE)."""
    if session.config.close_on_pipelined_data and session.connection.buffered:
        session.end(session.config.replies.pipelined_data)


def _trace(session: ServerSession, moment: datetime, envelope: Envelope) -> bytes:
    dialogue = session.connection.dialogue
    protocol = with_protocol(
        extended=dialogue.extended,
        tls=dialogue.tls,
        authenticated=dialogue.authenticated,
        lmtp=session.config.dialect is Dialect.LMTP,
    )
    line = received_line(
        hostname=session.config.hostname,
        helo=session.helo.domain if session.helo is not None else "",
        peer=session.peer,
        protocol=protocol,
        id=envelope.id,
        tls=session.tls,
        recipients=[rcpt.path for rcpt in envelope.recipients],
        moment=moment,
    )
    return trace_lines(envelope.mail.path, line)
