"""RCPT (RFC 5321 4.1.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import Rcpt
from smtpcore.replies import Reply
from smtpcore.session.international import answer_recipient
from smtpcore.session.replies import RCPT_OK, TOO_MANY_RECIPIENTS

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, rcpt: Rcpt) -> None:
    """Check the limits, then ask the application."""
    config = session.config
    dialogue = session.connection.dialogue
    # RFC 9422: what LIMITS announces is a number of commands, whatever became of them.
    count = dialogue.accepted + dialogue.refused if config.announce_limits else dialogue.accepted
    if count >= config.limits.max_recipients:
        # RFC 5321 4.5.3.1.10: 452, and those accepted before stay.
        surplus = session.budget.surplus_recipient()
        session.reply(config.replies.too_many if surplus else TOO_MANY_RECIPIENTS)
    elif "rcpt" in session.overridden:
        session.call("rcpt", session.handler.rcpt, session, rcpt, then=lambda answer: answered(session, rcpt, answer))
    else:
        answered(session, rcpt, None)


def answered(session: ServerSession, rcpt: Rcpt, answer: object) -> None:
    """Add the recipient, or not."""
    if isinstance(answer, Reply):
        if answer.permanent and session.budget.bad_recipient():
            answer = session.config.replies.too_many
        reply = answer_recipient(session, answer)
    else:
        reply = session.reply(RCPT_OK)
    if reply.positive:
        assert session.envelope is not None  # RCPT is in order only in a transaction
        session.envelope.recipients.append(rcpt)
