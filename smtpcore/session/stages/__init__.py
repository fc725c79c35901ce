"""What the server decides at each event: a file per stage, ``received()`` and ``answered()`` in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from smtpcore.commands import (
    Auth,
    Command,
    Data,
    Ehlo,
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
)
from smtpcore.events import BodyChunk, ConnectionClosed, EndOfBody, Event, Rejected
from smtpcore.session.redaction import HIDDEN, redact
from smtpcore.session.stages import auth, content, data, enquiry, hello, mail, quit, rcpt, rejected, starttls
from smtpcore.spec import SASL

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
    Rset: enquiry.reset,
    Noop: enquiry.noop,
    Vrfy: enquiry.vrfy,
    Expn: enquiry.expn,
    Help: enquiry.help,
    StartTls: starttls.received,
    Auth: auth.received,
    SaslResponse: auth.responded,
    SaslCancel: auth.cancelled,
    Quit: quit.received,
    Rejected: rejected.received,
    ConnectionClosed: quit.closed,
}
"""What takes each event."""


def observe(session: ServerSession, event: Event) -> None:
    """Tell the observer of an event, with its secrets gone."""
    observer = session.observer
    if observer is None or isinstance(event, (BodyChunk, ConnectionClosed)):
        return
    if isinstance(event, EndOfBody):
        observer.content(session, event.size)
    elif isinstance(event, (SaslResponse, SaslCancel)) or session.connection.owed is SASL:
        observer.received(session, "=", HIDDEN)
    else:
        # A line that is no command, behind an AUTH, may be a response that came at the wrong time.
        verb, line = redact(session.connection.line, secret=session.auth_seen and not isinstance(event, Command))
        observer.received(session, verb, line)
        if verb == "AUTH":
            session.auth_seen = True
