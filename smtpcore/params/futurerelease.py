"""``HOLDFOR=`` and ``HOLDUNTIL=``: when a submitted message may be released (RFC 4865)."""

from __future__ import annotations

import re
from datetime import datetime

from smtpcore.digits import decimal
from smtpcore.errors import ParseError
from smtpcore.params import timestamp

LONGEST_HOLD = 999_999_999
"""Seconds that HOLDFOR can say at most."""

_INTERVAL = re.compile(rb"[1-9][0-9]{0,8}")


def parse_hold_for(value: bytes) -> int:
    """Seconds, 1 to 999999999, without leading zeros.

    Raises:
        ParseError: Anything else.
    """
    if not _INTERVAL.fullmatch(value):
        raise ParseError("not 1 to 999999999 seconds")
    return int(value)


def parse_hold_until(value: bytes) -> datetime:
    """An aware moment in UTC.

    Raises:
        ParseError: Not a time of RFC 3339, or in another zone.
    """
    if value[-1:].upper() != b"Z":
        raise ParseError("not a time in UTC")
    return timestamp.parse(value)


def write_hold_for(seconds: int) -> bytes:
    """The value of HOLDFOR as a client sends it.

    Raises:
        ParseError: Not 1 to 999999999 seconds.
    """
    return decimal(seconds, 1, LONGEST_HOLD)


def write_hold_until(moment: datetime) -> bytes:
    """The value of HOLDUNTIL as a client sends it, in UTC, with the part of a second if there is one.

    Raises:
        ParseError: The moment is naive.
    """
    return timestamp.encode(moment, fraction=True)
