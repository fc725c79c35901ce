"""XFORWARD: where the next message came from, for the logs and for nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import Xforward
from smtpcore.commands.attributes import Unavailable
from smtpcore.commands.xforward import ATTRIBUTES
from smtpcore.session.replies import NOT_TRUSTED, OK

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, command: Xforward) -> None:
    """Keep what is told until the next message is over; forwarded and real attributes are never mixed."""
    if session.front not in session.config.xforward_peers:
        session.reply(session.config.replies.too_many if session.budget.error() else NOT_TRUSTED)
        return
    if not session.forwarded:
        session.forwarded = dict.fromkeys(ATTRIBUTES, Unavailable.PERMANENT)
    session.forwarded = {**session.forwarded, **command.attributes}
    session.reply(OK)
