"""Points in time as RFC 3339 5.6 writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from smtpcore.errors import ParseError

_DATE_TIME = re.compile(
    rb"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    rb"(?:\.([0-9]{1,6})[0-9]{0,3})?(?:Z|([+-])([0-9]{2}):([0-9]{2}))",
    re.IGNORECASE,
)
_LEAP_SECOND = 60


def parse(value: bytes) -> datetime:
    """An aware moment in the zone it was given in.

    A leap second is read as the second behind it, digits behind the microsecond are dropped.

    Raises:
        ParseError: Another form, or no such time.
    """
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        raise ParseError("not a date and time of RFC 3339")
    year, month, day, hour, minute, second = (int(field) for field in match.groups()[:6])
    fraction, sign, zone_hour, zone_minute = match.groups()[6:]
    zone: timezone = UTC
    if sign is not None:
        hours, minutes = int(zone_hour), int(zone_minute)
        if hours > 23 or minutes > 59:
            raise ParseError("not a zone of RFC 3339")
        offset = timedelta(hours=hours, minutes=minutes)
        zone = timezone(-offset if sign == b"-" else offset)
    leap = second == _LEAP_SECOND
    try:
        moment = datetime(
            year, month, day, hour, minute, second - leap, int((fraction or b"").ljust(6, b"0")), tzinfo=zone
        )
        return moment + timedelta(seconds=leap)
    except (ValueError, OverflowError):
        raise ParseError("no such date or time") from None


def encode(moment: datetime, *, fraction: bool = False) -> bytes:
    """An aware moment in UTC.

    Args:
        moment: The moment.
        fraction: Write the part of a second too, if there is one; otherwise it is dropped.

    Raises:
        ParseError: The moment is naive and could be anywhere, or the calendar has no such day in UTC.
    """
    if moment.tzinfo is None:
        raise ParseError("give the moment a time zone")
    try:
        utc = moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ParseError("no such date or time in UTC") from None
    return f"{utc.isoformat(timespec='auto' if fraction else 'seconds')}Z".encode("ascii")
