"""MAIL (RFC 5321 4.1.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import Mail
from smtpcore.paths import Path
from smtpcore.replies import Reply
from smtpcore.session import parameters
from smtpcore.session.envelope import Envelope
from smtpcore.session.replies import MAIL_OK, UNQUALIFIED_SENDER

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, mail: Mail) -> None:
    """Check the limits, then ask the application."""
    if session.budget.transaction():
        session.reply(session.config.replies.too_many)
        return
    if not session.connection.dialogue.extended and session.connection.buffered:
        session.pipelined_early = True
    if session.config.submission and not is_qualified(mail.path):
        # RFC 6409 4.2: submission does not guess what a name without dots may stand for.
        answered(session, mail, UNQUALIFIED_SENDER)
    elif mail.params and (refusal := parameters.refusal(session, mail)) is not None:
        answered(session, mail, refusal)
    elif "mail" in session.overridden:
        session.consult("mail", session.handler.mail, mail, answered)
    else:
        answered(session, mail, None)


def is_qualified(path: Path) -> bool:
    """Whether the domain has more than one label, or is an address literal; the null path has none to judge."""
    return "." in path.domain or path.domain.startswith("[") or not path.domain


def answered(session: ServerSession, mail: Mail, answer: object) -> None:
    """Open the transaction, or not."""
    if answer is None:
        answer = (parameters.grant(session, mail) if mail.params else None) or MAIL_OK
    elif isinstance(answer, Reply) and answer.code >= 400 and session.budget.noop():
        answer = session.config.replies.too_many
    if session.reply(answer).positive:
        begin(session, mail)


def begin(session: ServerSession, mail: Mail) -> None:
    """The transaction is open."""
    session.transactions += 1
    session.content.chunks = session.content.size = 0
    session.envelope = Envelope(f"{session.id}.{session.transactions}", mail)
    if mail.params:
        parameters.put_down(session, session.envelope)
