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
    if "starttls" in session.overridden:
        session.call("starttls", session.handler.starttls, session, then=lambda answer: answered(session, answer))
    else:
        answered(session, None)


def answered(session: ServerSession, answer: object) -> None:
    """Let the handshake begin, unless clear text is there that could be taken for what TLS protects (T-TLS)."""
    if isinstance(answer, Reply) and not answer.positive:
        session.reply(answer)
    elif session.connection.buffered:
        session.reply(TLS_INJECTION)
    elif session.reply(TLS_READY if answer is None else answer).positive:
        session.expect_tls()
