"""HELO, EHLO, LHLO (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from smtpcore.commands import Ehlo, Helo, Lhlo
from smtpcore.commands.attributes import NO_ATTRIBUTES
from smtpcore.replies import Reply
from smtpcore.session.offer import Circumstances
from smtpcore.session.stages import final

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, command: Helo | Ehlo | Lhlo) -> None:
    """Ask the application about the client's name."""
    if session.connection.buffered:
        # Nobody can know before the reply that pipelining is on offer.
        session.pipelined_early = True
    if session.budget.noop():
        session.reply(session.config.replies.too_many)
    elif "helo" in session.overridden:
        session.consult("helo", session.handler.helo, command, answered)
    else:
        answered(session, command, None)


def answered(session: ServerSession, command: Helo | Ehlo | Lhlo, answer: object) -> None:
    """Announce what works now, or refuse."""
    # The name and the extensions are the core's to announce: a positive reply of the hook is no more than a yes.
    if answer is None or (isinstance(answer, Reply) and answer.positive and not answer.close):
        answer = _welcome(session, command)
    reply = session.reply(answer)
    if reply.positive and not reply.close:
        session.helo = command
        session.forwarded = NO_ATTRIBUTES
        if session.envelope is not None:
            final.drop(session)


def _welcome(session: ServerSession, command: Helo | Ehlo | Lhlo) -> Reply:
    if isinstance(command, Helo):
        return session.config.replies.helo
    config = session.config
    dialogue = session.connection.dialogue
    mechanisms: tuple[str, ...] = ()
    if config.mechanisms and not dialogue.authenticated and (dialogue.tls or not config.require_tls):
        mechanisms = config.offer.mechanisms(tls=dialogue.tls, info=session.tls)
    circumstances = Circumstances(
        dialogue.tls,
        mechanisms,
        xclient=session.front in config.xclient_peers and not session.claimed,
        xforward=session.front in config.xforward_peers,
        hold_until=session.utcnow() + timedelta(seconds=config.future_release) if config.future_release else None,
    )
    return config.offer.reply(circumstances)
