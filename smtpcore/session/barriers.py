"""What stands before the commands while TLS or authentication is required and missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def raise_barrier(session: ServerSession) -> None:
    """Let the wire layer refuse what the lack of TLS or authentication forbids now."""
    config = session.config
    connection = session.connection
    dialogue = connection.dialogue
    if session.insecure is not None:
        connection.barrier = session.insecure
    elif config.require_tls and not dialogue.tls:
        connection.barrier = config.tls_barrier
    elif config.require_auth and not dialogue.authenticated:
        connection.barrier = config.auth_barrier
    else:
        connection.barrier = None
    session.unauthenticated = config.require_auth and not dialogue.authenticated
