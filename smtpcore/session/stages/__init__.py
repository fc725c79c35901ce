"""What the server decides at each event: a file per stage, ``received()`` and ``answered()`` in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from smtpcore.commands import (
    Auth,
    Bdat,
    Custom,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    SaslCancel,
    SaslResponse,
    StartTls,
    Vrfy,
    Xclient,
    Xforward,
)
from smtpcore.events import BodyChunk, ConnectionClosed, EndOfBody, EndOfChunk, Event, Rejected
from smtpcore.session.redaction import HIDDEN, NO_COMMAND, redact
from smtpcore.session.stages import (
    auth,
    bdat,
    content,
    data,
    enquiry,
    hello,
    mail,
    quit,
    rcpt,
    rejected,
    starttls,
    xclient,
    xforward,
)
from smtpcore.spec import SASL, UNKNOWN, Rule

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

RECEIVED: Final[Mapping[type[Event], Callable[[ServerSession, Any], None]]] = {
    Helo: hello.received,
    Ehlo: hello.received,
    Lhlo: hello.received,
    Mail: mail.received,
    Rcpt: rcpt.received,
    Data: data.received,
    BodyChunk: content.received,
    EndOfBody: content.ended,
    Bdat: bdat.received,
    EndOfChunk: bdat.ended,
    Rset: enquiry.reset,
    Noop: enquiry.noop,
    Vrfy: enquiry.vrfy,
    Expn: enquiry.expn,
    Etrn: enquiry.etrn,
    Custom: enquiry.custom,
    Help: enquiry.help,
    StartTls: starttls.received,
    Auth: auth.received,
    SaslResponse: auth.responded,
    SaslCancel: auth.cancelled,
    Xclient: xclient.received,
    Xforward: xforward.received,
    Quit: quit.received,
    Rejected: rejected.received,
    ConnectionClosed: quit.closed,
}
"""What takes each event."""


def answered_verb(rule: Rule | None) -> str:
    """What a reply answers, as observers are told it."""
    if rule is None:
        return "(unasked)"
    if rule is UNKNOWN:
        return NO_COMMAND
    return rule.verb.decode("ascii")


def observe(session: ServerSession, event: Event) -> None:
    """Tell the observer of an event, with its secrets gone."""
    observer = session.observer
    if observer is None or isinstance(event, (BodyChunk, EndOfChunk, ConnectionClosed)):
        return
    if isinstance(event, EndOfBody):
        observer.content(session, event.size)
    elif isinstance(event, (SaslResponse, SaslCancel)) or session.connection.owed is SASL:
        observer.received(session, "=", HIDDEN)
    else:
        # A line that is no command, behind an AUTH, may be a response that came at the wrong time.
        line = session.connection.line
        verb, shown = redact(line, session.config.table, secret=session.auth_seen)
        observer.received(session, verb, shown)
        # A line that was not kept may have been an AUTH too.
        if verb == "AUTH" or not line:
            session.auth_seen = True
