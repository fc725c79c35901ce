"""``MTRK=``: whoever knows the secret behind this hash may ask where the message is (RFC 3885)."""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass

from smtpcore.digits import decimal
from smtpcore.errors import ParseError

# RFC 3885 3.1. The 20 octets of SHA-1 take 27 characters of base64 and one of padding, but RFC 5321 4.1.2
# has no "=" in a value, so the padding is not sent (RFC 3885 3.2 counts 27 as well). The last character
# carries four bits: what sets the other two is another spelling of the same hash, and refused.
_MTRK = re.compile(rb"([A-Za-z0-9+/]{26}[AEIMQUYcgkosw048])(?::([0-9]{1,9}))?")
_DIGEST = 20
_LONGEST_TIMEOUT = 999_999_999


@dataclass(frozen=True, slots=True)
class Mtrk:
    """A request to keep track of the message."""

    certifier: bytes
    """SHA-1 of the sender's secret, 20 octets."""
    timeout: int | None = None
    """Seconds for which the tracking data are to be kept; None leaves it to the server."""

    def to_wire(self) -> bytes:
        """The value as a client sends it.

        Raises:
            ParseError: It would not be read back as this value.
        """
        wire = b2a_base64(self.certifier, newline=False).rstrip(b"=")
        if self.timeout is not None:
            wire += b":" + decimal(self.timeout, 0, _LONGEST_TIMEOUT)
        if len(self.certifier) != _DIGEST or parse(wire) != self:
            raise ParseError("not a request that can be sent")
        return wire


def parse(value: bytes) -> Mtrk:
    """A hash in base64 without padding, and ``:seconds``.

    Raises:
        ParseError: Anything else.
    """
    match = _MTRK.fullmatch(value)
    if match is None:
        raise ParseError("not a SHA-1 hash in base64")
    return Mtrk(a2b_base64(match[1] + b"="), int(match[2]) if match[2] is not None else None)
