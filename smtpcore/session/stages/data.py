"""DATA (RFC 5321 4.1.1.4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from smtpcore.commands import Data
from smtpcore.handler import BodySink
from smtpcore.replies import Reply
from smtpcore.session.envelope import Envelope
from smtpcore.session.received import received_line, with_protocol
from smtpcore.session.replies import DATA_OK, STORAGE_FULL
from smtpcore.spec import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from smtpcore.commands import Ehlo, Helo, Lhlo
    from smtpcore.session.config import ServerConfig
    from smtpcore.session.machine import Answered
    from smtpcore.session.peer import Peer
    from smtpcore.session.server import ServerSession
    from smtpcore.tls import TlsInfo

ACCEPTED: Final = (BodySink,)
"""What the hook may answer besides a reply."""


def received(session: ServerSession, command: Data) -> None:
    """Let the application say whether it wants the content."""
    if session.connection.buffered:
        # DATA is the last of its group, for nobody can know before the reply what to send next.
        session.pipelined_early = True
    ask(session, partial(answered, session, command))


def ask(session: ServerSession, then: Answered) -> None:
    """Ask the application whether it wants the content, and how: collected, or in a sink."""
    envelope = session.envelope
    assert envelope is not None  # content is in order only in a transaction
    envelope._received = received_line_of(session)
    if "data" in session.overridden:
        session.call("data", session.handler.data, session, envelope, then=then, accept=ACCEPTED)
    else:
        then(None)


def answered(session: ServerSession, command: Data, answer: object) -> None:
    """Let the content come, or refuse it."""
    sink = answer if isinstance(answer, BodySink) else None
    if answer is None or sink is not None:
        answer = STORAGE_FULL if full(session, sink) else DATA_OK
    if isinstance(answer, Reply) and answer.code >= 400 and session.budget.noop():
        answer = session.config.replies.too_many
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


def received_line_of(session: ServerSession) -> Callable[[Envelope], bytes]:
    """What makes the Received line. All that it needs of the session is taken now, for the session goes on."""
    dialogue = session.connection.dialogue
    return partial(
        _received_of,
        session.config,
        session.helo,
        session.peer,
        dialogue.extended,
        dialogue.authenticated,
        dialogue.tls,
        session.tls,
        session.utcnow(),
    )


def _received_of(
    config: ServerConfig,
    helo: Helo | Ehlo | Lhlo | None,
    peer: Peer,
    extended: bool,
    authenticated: bool,
    secure: bool,
    tls: TlsInfo | None,
    moment: datetime,
    envelope: Envelope,
) -> bytes:
    mail = envelope.mail
    protocol = with_protocol(
        extended=extended,
        tls=secure,
        authenticated=authenticated,
        lmtp=config.dialect is Dialect.LMTP,
        utf8=mail.smtputf8,
    )
    return received_line(
        hostname=config.hostname,
        helo=helo.domain if helo is not None else "",
        peer=peer,
        protocol=protocol,
        id=envelope.id,
        tls=tls,
        recipients=[rcpt.path for rcpt in envelope.recipients],
        moment=moment,
        priority=envelope.priority if mail.mt_priority is not None else None,
        utf8=mail.smtputf8,
    )
