"""MAIL (RFC 5321 4.1.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import Mail
from smtpcore.session.envelope import Envelope
from smtpcore.session.replies import MAIL_OK, TOO_BIG

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, mail: Mail) -> None:
    """Check the limits, then ask the application."""
    if session.budget.transaction():
        session.reply(session.config.replies.too_many)
        return
    if not session.connection.dialogue.extended and session.connection.buffered:
        session.pipelined_early = True
    limit = session.config.limits.max_message_size
    if limit and mail.size is not None and mail.size > limit:
        # RFC 1870 6.1: what is declared too big is refused before it is sent.
        session.reply(TOO_BIG)
    elif "mail" in session.overridden:
        session.call("mail", session.handler.mail, session, mail, then=lambda answer: answered(session, mail, answer))
    else:
        answered(session, mail, None)


def answered(session: ServerSession, mail: Mail, answer: object) -> None:
    """Open the transaction, or not."""
    if session.reply(MAIL_OK if answer is None else answer).positive:
        session.transactions += 1
        session.content.chunks = 0
        session.envelope = Envelope(f"{session.id}.{session.transactions}", mail)
