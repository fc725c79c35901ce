"""``BODY=``: which octets the content may have (RFC 6152)."""

from __future__ import annotations

from enum import Enum

from smtpcore.errors import ParseError
from smtpcore.grammar import CommandError
from smtpcore.replies import Reply


class BodyType(Enum):
    """What the client declares about the content."""

    SEVEN_BIT = "7BIT"
    """ASCII in lines of at most 998 octets."""
    EIGHT_BIT_MIME = "8BITMIME"
    """Any octets in lines of at most 998 octets."""


# RFC 3030 3: a value that an extension of its own has to announce.
_NOT_ANNOUNCED = Reply(555, "BINARYMIME was not announced", "5.5.4")
_VALUES = {kind.value.encode(): kind for kind in BodyType}


def parse(value: bytes) -> BodyType:
    """The declared type, in any case of letters."""
    kind = value.upper()
    if kind == b"BINARYMIME":
        raise CommandError(_NOT_ANNOUNCED)
    try:
        return _VALUES[kind]
    except KeyError:
        raise ParseError("not a body type known here") from None
