"""``BY=``: by when the message is to be delivered, and what is due if it is not (RFC 2852)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from smtpcore.digits import decimal
from smtpcore.errors import ParseError

LONGEST_TIME = 999_999_999
"""Seconds that BY can say at most."""

# RFC 2852 4: by-value. ASCII digits only, at most nine.
_BY = re.compile(rb"([+-]?[0-9]{1,9});([NR])(T?)", re.IGNORECASE)


class ByMode(Enum):
    """What is due when the time is over (RFC 2852 4.1.3)."""

    NOTIFY = "N"
    """A notification of delay; delivery is tried on."""
    RETURN = "R"
    """The message goes back."""


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """A request for timely delivery."""

    seconds: int
    """From the receipt of the MAIL command on; -999999999 to 999999999, positive when the mode is RETURN."""
    mode: ByMode
    trace: bool = False
    """A notification is wanted when the message is relayed to a server without this extension (RFC 2852 4.1.4)."""

    def to_wire(self) -> bytes:
        """The value as a client sends it.

        Raises:
            ParseError: It would not be read back as this value.
        """
        seconds = decimal(self.seconds, -LONGEST_TIME, LONGEST_TIME)
        wire = b"%b;%b%b" % (seconds, self.mode.value.encode(), b"T" if self.trace else b"")
        if parse(wire) != self:
            raise ParseError("not a request that can be sent")
        return wire


def parse(value: bytes) -> DeliverBy:
    """``seconds;mode`` with an optional sign, and ``T`` for a trace.

    Raises:
        ParseError: Another form, or a time that is over when the message would have to go back.
    """
    match = _BY.fullmatch(value)
    if match is None:
        raise ParseError("not seconds;N or seconds;R")
    by = DeliverBy(int(match[1]), ByMode(match[2].upper().decode("ascii")), match[3] != b"")
    if by.mode is ByMode.RETURN and by.seconds <= 0:
        # RFC 2852 4: a syntax error.
        raise ParseError("the time is over already")
    return by
