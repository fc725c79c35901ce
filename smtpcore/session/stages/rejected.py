"""The lines that the wire layer answers by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smtpcore.events import Rejected
from smtpcore.session.stages import data
from smtpcore.spec import SASL, UNKNOWN, State

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

# What a browser or a confused proxy says first: a request line, or a header line (T-PIPE).
_HTTP = re.compile(
    rb"(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) |[A-Za-z][A-Za-z-]{1,30}:(?: |\Z)", re.IGNORECASE
)


def received(session: ServerSession, event: Rejected) -> None:
    """Send the reply, unless the session has had enough."""
    config = session.config
    budget = session.budget
    rule = session.connection.owed
    verb = event.line.rstrip(b" \t").partition(b" ")[0].upper()
    enough = budget.error()
    reply = event.reply
    if rule is UNKNOWN:
        enough = budget.unknown_command() or enough
        if config.forbid_http and session.helo is None and _HTTP.match(event.line):
            reply = config.replies.http
    elif rule is SASL:
        session.exchange = None
        enough = budget.auth_failure() or enough
    if verb == b"MAIL":
        enough = budget.transaction() or enough
    elif verb == b"RCPT" and reply.permanent:
        enough = budget.bad_recipient() or enough
    elif verb == b"DATA" and session.state in (State.READY, State.MAIL, State.RCPT, State.GREETED):
        session.reply(config.replies.too_many if enough else reply)
        data.refused(session)
        return
    session.reply(config.replies.too_many if enough and not reply.close else reply)
    if config.close_on_line_fault and not event.line and rule is UNKNOWN and not reply.close:
        session.end(config.replies.too_many)
