"""AUTH and what follows it on the wire: the lines of a SASL exchange (RFC 4954 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.errors import ParseError
from smtpcore.events import Event
from smtpcore.grammar import Grammar
from smtpcore.sasl.base64 import decode, encode

# RFC 4422 3.1: sasl-mech.
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")


@dataclass(slots=True, repr=False)
class Auth(Command):
    """A SASL exchange begins. The initial response is never shown in a repr."""

    verb = b"AUTH"
    mechanism: str
    """The mechanism's name in upper case, as the client wrote it otherwise; perhaps unknown."""
    initial: bytes | None = None
    """The initial response, decoded; empty for ``=``; None when there was none or it was malformed."""
    malformed: bool = False
    """The initial response was no base64: 501 5.5.2, unless the mechanism is refused before it is looked at."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``mechanism [initial-response]``."""
        name, space, encoded = argument.partition(b" ")
        mechanism = name.upper().decode("ascii")
        if not space:
            return cls(mechanism)
        # RFC 4954 4: a single "=" is a response of no octets, since nothing at all means no response.
        initial = b"" if encoded == b"=" else decode(encoded) if encoded else None
        return cls(mechanism, initial, malformed=initial is None)

    def write_argument(self, grammar: Grammar) -> bytes:
        """``mechanism [initial-response]``, in base64."""
        if not _MECHANISM.fullmatch(self.mechanism):
            raise ParseError("a mechanism is named by 1 to 20 of upper-case letters, digits, hyphen and underscore")
        mechanism = self.mechanism.encode("ascii")
        return mechanism if self.initial is None else b"%b %b" % (mechanism, encode(self.initial) or b"=")

    def __repr__(self) -> str:
        initial = None if self.initial is None and not self.malformed else "<hidden>"
        return f"Auth(mechanism={self.mechanism!r}, initial={initial})"


@dataclass(slots=True, repr=False)
class SaslResponse(Event):
    """The client's answer to a challenge, decoded. Never shown in a repr."""

    data: bytes

    def __repr__(self) -> str:
        return "SaslResponse(<hidden>)"


@dataclass(slots=True)
class SaslCancel(Event):
    """The client gave the exchange up with ``*``: 501 (RFC 4954 4)."""
