"""XCLIENT: a trusted front tells who the client really is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from smtpcore.commands.attributes import (
    Attribute,
    Reader,
    address,
    one_of,
    parse_attributes,
    port,
    text,
    write_attributes,
)
from smtpcore.commands.base import Command
from smtpcore.grammar import Grammar

ATTRIBUTES: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "NAME": text(255),
        "ADDR": address,
        "PORT": port,
        "PROTO": one_of("SMTP", "ESMTP"),
        "HELO": text(255),
        "LOGIN": text(255),
        "DESTADDR": address,
        "DESTPORT": port,
        "REVERSE_NAME": text(255),
    }
)
"""What may be told, in the order in which EHLO lists it."""


@dataclass(slots=True)
class Xclient(Command):
    """The session belongs to somebody else than the peer."""

    verb = b"XCLIENT"
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """By name in upper case: text, a port as a number, or why there is none."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``name=value`` pairs."""
        return cls(parse_attributes(argument, ATTRIBUTES))

    def write_argument(self, grammar: Grammar) -> bytes:
        """``name=value`` pairs, in the order of the mapping."""
        return write_attributes(self.attributes)
