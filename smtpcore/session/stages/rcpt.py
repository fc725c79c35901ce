"""RCPT (RFC 5321 4.1.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import Rcpt
from smtpcore.replies import Reply
from smtpcore.session.international import answer_recipient
from smtpcore.session.replies import RCPT_OK, TOO_MANY_RECIPIENTS, UNQUALIFIED_RECIPIENT
from smtpcore.session.stages.mail import is_qualified

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, rcpt: Rcpt) -> None:
    """Check the limits, then ask the application."""
    dialogue = session.connection.dialogue
    if not dialogue.extended and session.connection.buffered:
        session.pipelined_early = True
    if dialogue.accepted + dialogue.refused >= session.config.limits.max_recipients and _is_full(session):
        # RFC 5321 4.5.3.1.10: 452, and those accepted before stay.
        surplus = session.budget.surplus_recipient()
        session.reply(session.config.replies.too_many if surplus else TOO_MANY_RECIPIENTS)
    elif session.config.submission and not is_qualified(rcpt.path):
        answered(session, rcpt, UNQUALIFIED_RECIPIENT)
    elif "rcpt" in session.overridden:
        session.consult("rcpt", session.handler.rcpt, rcpt, answered)
    else:
        answered(session, rcpt, None)


def answered(session: ServerSession, rcpt: Rcpt, answer: object) -> None:
    """Add the recipient, or not."""
    if answer is None:
        reply = session.reply(RCPT_OK)
    else:
        assert isinstance(answer, Reply)  # the machine lets no hook answer anything else
        budget = session.budget
        if (answer.permanent and budget.bad_recipient()) or (answer.temporary and budget.deferred_recipient()):
            answer = session.config.replies.too_many
        reply = answer_recipient(session, answer)
    if reply.positive:
        assert session.envelope is not None  # RCPT is in order only in a transaction
        session.envelope.recipients.append(rcpt)


def _is_full(session: ServerSession) -> bool:
    # RFC 9422: what LIMITS announces is a number of commands, whatever became of them.
    accepted = session.connection.dialogue.accepted
    return session.config.announce_limits or accepted >= session.config.limits.max_recipients
