"""The commands that bring no mail forward: RSET, NOOP, VRFY, EXPN, HELP (RFC 5321 4.1.1.5 to .9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smtpcore.commands import Command, Custom, Etrn, Expn, Help, Noop, Rset, Vrfy
from smtpcore.replies import Reply
from smtpcore.session.international import answer_enquiry
from smtpcore.session.replies import ETRN_DEFAULT, EXPN_DEFAULT, OK, VRFY_DEFAULT
from smtpcore.session.stages import final

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def noop(session: ServerSession, command: Noop) -> None:
    """Say that the server is there."""
    session.reply(session.config.replies.too_many if session.budget.noop() else OK)


def reset(session: ServerSession, command: Rset) -> None:
    """Drop the transaction."""
    if session.budget.noop():
        session.reply(session.config.replies.too_many)
        return
    session.reply(OK)
    final.drop(session)


def vrfy(session: ServerSession, command: Vrfy) -> None:
    """Ask the application, if it wants to know; otherwise tell nothing (RFC 5321 7.3)."""
    _enquire(session, "vrfy", session.handler.vrfy, command, VRFY_DEFAULT)


def expn(session: ServerSession, command: Expn) -> None:
    """Ask the application."""
    _enquire(session, "expn", session.handler.expn, command, EXPN_DEFAULT)


def help(session: ServerSession, command: Help) -> None:
    """Ask the application, or list the commands."""
    _enquire(session, "help", session.handler.help, command, session.config.replies.help)


def etrn(session: ServerSession, command: Etrn) -> None:
    """Ask the application, which has the queues."""
    _enquire(session, "etrn", session.handler.etrn, command, ETRN_DEFAULT)


def custom(session: ServerSession, command: Custom) -> None:
    """Ask the application, whose verb it is."""
    if "command" in session.overridden:
        session.call(
            "command",
            session.handler.command,
            session,
            command,
            then=lambda answer: _answered(session, command, OK if answer is None else answer),
        )
    else:
        session.reply(OK)


def _enquire(session: ServerSession, stage: str, hook: Callable[..., object], command: Command, default: Reply) -> None:
    if session.budget.noop():
        session.reply(session.config.replies.too_many)
    elif stage in session.overridden:
        session.call(
            stage,
            hook,
            session,
            command,
            then=lambda answer: _answered(session, command, default if answer is None else answer),
        )
    else:
        _answered(session, command, default)


def _answered(session: ServerSession, command: Command, answer: object) -> None:
    if isinstance(command, (Vrfy, Expn)) and isinstance(answer, Reply):
        answer_enquiry(session, command, answer)
    else:
        session.reply(answer)
