"""``RET=``, ``ENVID=`` and ``NOTIFY=``: which delivery status notifications are wanted (RFC 3461 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, Flag, auto

from smtpcore.errors import ParseError
from smtpcore.params import xtext
from smtpcore.utf8 import encode

_LONGEST_ENVID = 100
_PRINTABLE = re.compile(rb"[ -~]*")


class Ret(Enum):
    """How much of the message a notification of failure brings back (RFC 3461 4.3)."""

    FULL = "FULL"
    """All of it."""
    HDRS = "HDRS"
    """Its header section only."""


class Notify(Flag):
    """When a notification about a recipient is due (RFC 3461 4.1). `NEVER` stands alone."""

    NEVER = auto()
    """In no case."""
    SUCCESS = auto()
    """When the message is delivered."""
    FAILURE = auto()
    """When it cannot be."""
    DELAY = auto()
    """When it takes unusually long."""

    def to_wire(self) -> bytes:
        """The value as a client sends it.

        Raises:
            ParseError: Nothing is asked for, or NEVER and something else.
        """
        wire = ",".join(member.name or "" for member in self).encode("ascii")
        parse_notify(wire)
        return wire


@dataclass(frozen=True, slots=True)
class Envid:
    """The sender's own name for the transaction, to be told in notifications (RFC 3461 4.4)."""

    value: str
    """Printable ASCII and spaces, xtext decoded; case kept."""
    raw: bytes = field(default=b"", compare=False)
    """As it stood on the wire, which is how it is relayed (RFC 3461 5.2.1 (a)); empty if built here."""

    def to_wire(self) -> bytes:
        """The value as a client sends it: `raw` where there is one.

        Raises:
            ParseError: It would not be read back as this value.
        """
        wire = self.raw or xtext.encode(encode(self.value))
        if parse_envid(wire) != self:
            raise ParseError("not an envelope identifier that can be sent")
        return wire


_RET = {kind.value.encode(): kind for kind in Ret}
_NOTIFY = {name.encode(): member for name, member in Notify.__members__.items()}


def parse_ret(value: bytes) -> Ret:
    """``FULL`` or ``HDRS`` in any case of letters.

    Raises:
        ParseError: Neither.
    """
    try:
        return _RET[value.upper()]
    except KeyError:
        raise ParseError("neither FULL nor HDRS") from None


def parse_envid(value: bytes) -> Envid:
    """At most 100 octets of xtext (RFC 3461 4.4).

    Raises:
        ParseError: Too long, no xtext, or a character in it that a notification could not show.
    """
    if not 0 < len(value) <= _LONGEST_ENVID:
        raise ParseError("not 1 to 100 characters")
    return Envid(printable(xtext.decode(value)), value)


def parse_notify(value: bytes) -> Notify:
    """``NEVER`` alone, or a list of the others in any order and any case of letters (RFC 3461 4.1).

    Raises:
        ParseError: An unknown word, one given twice, or NEVER with others.
    """
    notify = Notify(0)
    for word in value.upper().split(b","):
        member = _NOTIFY.get(word)
        if member is None:
            raise ParseError("neither NEVER nor a list of SUCCESS, FAILURE and DELAY")
        if member in notify:
            raise ParseError("a word is given twice")
        notify |= member
    if Notify.NEVER in notify and notify is not Notify.NEVER:
        raise ParseError("NEVER stands alone")
    return notify


def printable(octets: bytes) -> str:
    """What was encoded, if a notification can show it: ASCII without controls (RFC 3461 4.2, 4.4).

    Raises:
        ParseError: It cannot.
    """
    if not _PRINTABLE.fullmatch(octets):
        raise ParseError("not printable ASCII when decoded")
    return octets.decode("ascii")
