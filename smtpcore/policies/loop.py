"""Mail that goes round in circles, told by the hosts it has been through (RFC 5321 6.3)."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Final

from smtpcore.handler import BodySink, Handler
from smtpcore.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpcore.session.envelope import Envelope
    from smtpcore.session.server import ServerSession

LEAST_HOPS: Final = 100
"""Hosts that any message may have been through (RFC 5321 6.3)."""

# RFC 5322 4.5: the obsolete form has white space before the colon.
_RECEIVED = re.compile(rb"received[ \t]*:", re.IGNORECASE)
_BEGINNING = 64
"""Octets of a line that is not complete which are kept; what they say of it no further ones change."""
_LOOP = Reply(554, "Too many hops, this is a mail loop", "5.4.6")


class LoopDetection(Handler):
    """Refuses 554 5.4.6 a message with more than so many Received fields. It is streamed through and not kept.

    Args:
        max_received: Fields that a message may have; a warning is given below 100, which the RFC asks for at least.
    """

    def __init__(self, max_received: int = LEAST_HOPS) -> None:
        if max_received < LEAST_HOPS:
            text = f"max_received is {max_received}: RFC 5321 6.3 wants a message to pass {LEAST_HOPS} hosts at least"
            warnings.warn(text, stacklevel=2)
        self._max_received = max_received

    def data(self, session: ServerSession, envelope: Envelope) -> BodySink:
        """Look at the header section as it comes."""
        return _Header(self._max_received)


class _Header(BodySink):
    """Counts fields up to the line that ends the header section."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._line = b""
        self._over = False

    def write(self, chunk: bytes) -> Reply | None:
        if self._over:
            return None
        # A line may end in a bare LF here, for those who let them pass; relays read such lines as lines.
        *lines, line = (self._line + chunk).split(b"\n")
        self._line = line[:_BEGINNING]
        return self._count(lines)

    def finish(self) -> Reply | None:
        # By BDAT the last line may come without an end.
        return None if self._over else self._count((self._line,))

    def _count(self, lines: Sequence[bytes]) -> Reply | None:
        for line in lines:
            if line in (b"", b"\r"):
                self._over = True
                break
            self._left -= _RECEIVED.match(line) is not None
        return _LOOP if self._left < 0 else None
