"""The lines that the wire layer answers by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smtpcore import refusals
from smtpcore.events import Rejected
from smtpcore.replies import Reply
from smtpcore.session.stages import bdat, data, final
from smtpcore.spec import BDAT_LAST, SASL, UNKNOWN, State

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

# What a browser or a confused proxy says first: a request line, or a header line (T-PIPE).
_HTTP = re.compile(
    rb"(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) |[A-Za-z][A-Za-z-]{1,30}:(?: |\Z)", re.IGNORECASE
)
# A line that nobody can read is an error, and no verb that nobody knows.
_NO_VERB = (refusals.UNKNOWN, refusals.BAD_VERB)


def received(session: ServerSession, event: Rejected) -> None:
    """Send the reply, unless the session has had enough."""
    config = session.config
    budget = session.budget
    rule = session.connection.owed
    verb = event.line.rstrip(b" \t").partition(b" ")[0].upper()
    reply = event.reply
    # Chunks behind a refused one were sent before its refusal was read; they are one fault with it.
    enough = not (verb == b"BDAT" and session.state is State.BDAT_FAILED) and budget.error()
    if verb == b"BDAT":
        reply = bdat.refused(session, reply)
    if event.reply in _NO_VERB:
        enough = budget.unknown_command() or enough
    if rule is UNKNOWN:
        if config.forbid_http and session.helo is None and _HTTP.match(event.line):
            reply = config.replies.http
    elif rule is SASL:
        session.exchange = None
        enough = budget.auth_failure() or enough
    if verb == b"MAIL":
        enough = budget.transaction() or enough
    elif verb == b"RCPT" and reply.permanent:
        enough = budget.bad_recipient() or enough
    if enough and not reply.close:
        reply = config.replies.too_many
    session.reply(reply)
    if rule is BDAT_LAST:
        _end_of_message(session, reply)
    elif verb == b"DATA":
        data.refused(session)
    elif event.reply is refusals.BARE and config.close_on_line_fault:
        session.end(config.replies.bare_newlines)


def _end_of_message(session: ServerSession, reply: Reply) -> None:
    """Nothing of a message that was refused can follow its last chunk; LMTP wants a reply for each recipient."""
    while session.connection.owed is BDAT_LAST:
        session.reply(reply)
    final.drop(session)
