"""Replies with UTF-8 in them, and what stands for them where the client cannot take it (RFC 6531 3.7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpcore.commands import Expn, Vrfy
from smtpcore.replies import Reply

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

_INSTEAD: Final = {
    251: Reply(250, "Recipient accepted", "2.1.5"),
    551: Reply(550, "User not local, and the other address is not ASCII", "5.1.6"),
}
_CANNOT_TELL: Final = Reply(252, "What is known cannot be told without UTF-8; say SMTPUTF8", "2.6.8")
_REFUSED: Final = Reply(550, "What is known cannot be told without UTF-8; say SMTPUTF8", "5.6.8")


def answer_recipient(session: ServerSession, reply: Reply) -> Reply:
    """Answer RCPT: only 251 and 551 tell an address, which may be in UTF-8 if MAIL asked for SMTPUTF8 (3.7.4.1).

    Returns:
        What went out.
    """
    forwards = reply.code in _INSTEAD and not reply.is_ascii
    utf8 = forwards and session.envelope is not None and session.envelope.mail.smtputf8
    return session.reply(_INSTEAD[reply.code] if forwards and not utf8 else reply, utf8=utf8)


def answer_enquiry(session: ServerSession, command: Vrfy | Expn, reply: Reply) -> None:
    """Answer VRFY or EXPN: in UTF-8 if the command asked for it, not at all if that were needed (3.7.4.2).

    Whatever is told of a mailbox has its name in it, so a question with UTF-8 in it needs such an answer.
    """
    if not command.utf8 and not (reply.is_ascii and command.text.isascii()):
        if reply.positive:
            reply = _CANNOT_TELL
        elif reply.permanent:
            reply = _REFUSED
    session.reply(reply, utf8=command.utf8)
