"""The lines that the wire layer answers by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smtpcore.events import Rejected
from smtpcore.refusals import BARE
from smtpcore.session.stages import data
from smtpcore.spec import SASL, UNKNOWN

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
    session.reply(config.replies.too_many if enough and not reply.close else reply)
    if verb == b"DATA":
        data.refused(session)
    elif event.reply is BARE and config.close_on_line_fault:
        session.end(config.replies.bare_newlines)
