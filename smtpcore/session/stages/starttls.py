"""STARTTLS (RFC 3207)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import StartTls
from smtpcore.replies import Reply
from smtpcore.session.replies import TLS_INJECTION, TLS_READY

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, command: StartTls) -> None:
    """Ask the application whether TLS is to be had now."""
    # A client that is told 454 could ask for ever.
    if session.budget.noop():
        session.reply(session.config.replies.too_many)
    elif "starttls" in session.overridden:
        session.call("starttls", session.handler.starttls, session, then=lambda answer: answered(session, answer))
    else:
        answered(session, None)


def answered(session: ServerSession, answer: object) -> None:
    """Let the handshake begin, unless clear text is there that could be taken for what TLS protects (T-TLS)."""
    accepted = answer is None or (isinstance(answer, Reply) and answer.positive and not answer.close)
    if accepted and session.connection.buffered:
        session.reply(TLS_INJECTION)
    elif accepted:
        # The client waits for a 220 and for no other code (RFC 3207 4).
        session.reply(answer if isinstance(answer, Reply) and answer.code == 220 else TLS_READY)
        session.expect_tls()
    else:
        session.reply(answer)
