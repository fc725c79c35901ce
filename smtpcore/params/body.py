"""``BODY=``: which octets the content may have (RFC 6152, RFC 3030)."""

from __future__ import annotations

from enum import Enum

from smtpcore.errors import ParseError


class BodyType(Enum):
    """What the client declares about the content."""

    SEVEN_BIT = "7BIT"
    """ASCII in lines of at most 998 octets."""
    EIGHT_BIT_MIME = "8BITMIME"
    """Any octets in lines of at most 998 octets."""
    BINARY_MIME = "BINARYMIME"
    """Any octets at all; they can come by BDAT only (RFC 3030 3)."""


_VALUES = {kind.value.encode(): kind for kind in BodyType}


def parse(value: bytes) -> BodyType:
    """The declared type, in any case of letters."""
    try:
        return _VALUES[value.upper()]
    except KeyError:
        raise ParseError("not a body type known here") from None
