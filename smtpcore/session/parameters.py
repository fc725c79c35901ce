"""What the parameters of MAIL ask for, and what of it is granted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from smtpcore.commands import Mail
from smtpcore.params import timestamp
from smtpcore.params.deliverby import ByMode
from smtpcore.paths import Path
from smtpcore.replies import Reply
from smtpcore.session.envelope import Envelope
from smtpcore.session.replies import TOO_BIG

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

_NULL: Final = Path("", "")

_TOO_SOON: Final = Reply(555, "BY leaves less time than was announced", "5.5.4")
_TOO_LATE: Final = Reply(501, "The message would be held longer than was announced", "5.5.4")
_OVERTAKEN: Final = Reply(501, "The message would be held until it is too late to deliver it", "5.5.4")
# RFC 6710 4.1: the text begins with the priority that was given instead.
_LOWERED: Final = Reply(250, "0 is the new priority of the message", "2.3.6")


def refusal(session: ServerSession, mail: Mail) -> Reply | None:
    """Why what is well said cannot be had, by what was announced; None if it can."""
    params = mail.params
    if "BY" in params or "HOLDFOR" in params or "HOLDUNTIL" in params:
        reply = _too_late(session, mail)
        if reply is not None:
            return reply
    limit = session.config.limits.max_message_size
    if limit and (mail.size or 0) > limit:
        # RFC 1870 6.1: what is declared too big is refused before it is sent.
        return TOO_BIG
    return None


def _too_late(session: ServerSession, mail: Mail) -> Reply | None:
    announced = session.connection.grammar.extensions
    by = mail.by
    if by is not None and by.mode is ByMode.RETURN and by.seconds < int(announced["DELIVERBY"] or 0):
        # RFC 2852 3: a permanent failure, 55z.
        return _TOO_SOON
    if mail.hold_for is not None or mail.hold_until is not None:
        interval, latest = announced["FUTURERELEASE"].split(" ")
        now = session.utcnow()
        until = mail.hold_until or now + timedelta(seconds=mail.hold_for or 0)
        if (mail.hold_for or 0) > int(interval):
            return _TOO_LATE
        if mail.hold_until is not None and until > timestamp.parse(latest.encode("ascii")):
            return _TOO_LATE
        if by is not None and until > now + timedelta(seconds=by.seconds):
            # RFC 4865 5.2.2.
            return _OVERTAKEN
    return None


def grant(session: ServerSession, mail: Mail) -> Reply | None:
    """What to say in place of the usual yes; None if everything that was asked for is granted."""
    return _LOWERED if _is_lowered(session, mail) else None


def put_down(session: ServerSession, envelope: Envelope) -> None:
    """Write on the envelope what is to be believed of what MAIL claims."""
    mail = envelope.mail
    if mail.auth is not None:
        # RFC 4954 5: whoever is not trusted is taken to have said AUTH=<>.
        envelope.auth = mail.auth if _is_trusted(session) else _NULL
    if not _is_lowered(session, mail):
        envelope.priority = mail.mt_priority or 0


def _is_lowered(session: ServerSession, mail: Mail) -> bool:
    # RFC 6710 4.1: nobody goes before others by their own word; behind others anyone may go.
    return (mail.mt_priority or 0) > 0 and not _is_trusted(session)


def _is_trusted(session: ServerSession) -> bool:
    return session.identity is not None if session.trusted is None else session.trusted
