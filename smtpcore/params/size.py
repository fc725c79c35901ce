"""``SIZE=``: how many octets the client is going to send (RFC 1870)."""

from __future__ import annotations

import re

from smtpcore.digits import decimal
from smtpcore.errors import ParseError

# RFC 1870 3: 1*20DIGIT. ASCII digits only, and never more of them than int() should be asked to read.
_SIZE = re.compile(rb"[0-9]{1,20}")
_LARGEST = 10**20 - 1


def parse(value: bytes) -> int:
    """Octets; CRLF counted, stuffing and the final dot not."""
    if not _SIZE.fullmatch(value):
        raise ParseError("a size is 1 to 20 digits")
    return int(value)


def write(octets: int) -> bytes:
    """The value as a client sends it.

    Raises:
        ParseError: The size is negative or has more than 20 digits.
    """
    return decimal(octets, 0, _LARGEST)
