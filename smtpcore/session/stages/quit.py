"""The end: QUIT, or the end of the input (RFC 5321 4.1.1.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import Quit
from smtpcore.events import ConnectionClosed

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, command: Quit) -> None:
    """Say goodbye; the state CLOSED ends the session."""
    session.reply(session.config.replies.quit)


def closed(session: ServerSession, event: ConnectionClosed) -> None:
    """Nothing more will come, or the last reply was made: what is held goes out, then the connection ends."""
    session.end()
