"""``RRVS=``: the mailbox must have belonged to the same owner ever since (RFC 7293 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from smtpcore.errors import ParseError
from smtpcore.params import timestamp


class RrvsAction(Enum):
    """What a relay does when the next server does not know the parameter (RFC 7293 5.2)."""

    REJECT = "R"
    """The message is not passed on."""
    CONTINUE = "C"
    """It is, without the parameter."""


@dataclass(frozen=True, slots=True)
class Rrvs:
    """A recipient that is to get the message only if the mailbox has had no other owner since a moment."""

    since: datetime
    """Aware, in the zone it was given in."""
    action: RrvsAction = RrvsAction.REJECT
    raw: bytes = field(default=b"", compare=False)
    """As it stood on the wire; empty if built here."""

    def to_wire(self) -> bytes:
        """The value as a client sends it: `raw` where there is one.

        Raises:
            ParseError: It would not be read back as this value, or `since` is naive.
        """
        wire = self.raw
        if not wire:
            wire = timestamp.encode(self.since)
            if self.action is not RrvsAction.REJECT:
                wire += b";" + self.action.value.encode()
        if parse(wire) != self:
            raise ParseError("not a requirement that can be sent")
        return wire


def parse(value: bytes) -> Rrvs:
    """A time of RFC 3339 without a part of a second, and ``;C`` or ``;R``.

    Raises:
        ParseError: Anything else.
    """
    text, separator, letter = value.partition(b";")
    if b"." in text:
        raise ParseError("a time without a part of a second")
    action = RrvsAction.REJECT
    if separator:
        try:
            action = RrvsAction(letter.upper().decode("ascii"))
        except ValueError:
            raise ParseError("neither C nor R behind the time") from None
    return Rrvs(timestamp.parse(text), action, value)
