"""The states of a dialogue and the two dialects."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Dialect(Enum):
    """The two protocols this machine speaks."""

    SMTP = "SMTP"
    """SMTP and ESMTP (RFC 5321)."""
    LMTP = "LMTP"
    """Local delivery: LHLO, and a reply per recipient behind the content (RFC 2033)."""


class State(Enum):
    """Where a dialogue stands; both roles use the same states."""

    CONNECTED = "CONNECTED"
    """No greeting was sent yet."""
    GREETED = "GREETED"
    """The 220 greeting was sent, no HELO, EHLO or LHLO was accepted yet."""
    REFUSED = "REFUSED"
    """The greeting was a refusal: only QUIT is served (RFC 5321 3.1)."""
    READY = "READY"
    """HELO, EHLO or LHLO was accepted and no mail transaction is open."""
    MAIL = "MAIL"
    """MAIL was accepted, no RCPT yet."""
    RCPT = "RCPT"
    """At least one RCPT was accepted."""
    DATA = "DATA"
    """Between the 354 and the final dot."""
    BDAT = "BDAT"
    """At least one chunk was accepted, and not the last (RFC 3030)."""
    BDAT_FAILED = "BDAT_FAILED"
    """A chunk was refused: this message can never be completed (RFC 3030 2)."""
    AUTH = "AUTH"
    """Inside a SASL exchange: every line is a SASL response (RFC 4954 4)."""
    TLS_HANDSHAKE = "TLS_HANDSHAKE"
    """The 220 to STARTTLS was sent: no SMTP octet passes until the handshake ends."""
    CLOSED = "CLOSED"
    """The dialogue is over."""

    # Members are singletons. Enum's own __hash__ is a Python function and would be called for every
    # command, since the transitions below are keyed by state.
    __hash__ = object.__hash__


LIVE: Final = (State.GREETED, State.READY, State.MAIL, State.RCPT, State.BDAT, State.BDAT_FAILED)
"""The states of an open dialogue between two commands."""
