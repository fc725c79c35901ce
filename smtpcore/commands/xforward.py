"""XFORWARD: a content filter passes on, for the logs alone, where a message came from."""

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

# These values are made for headers.
_UNSAFE = '()<>@,;\\"'

ATTRIBUTES: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "NAME": text(255, unsafe=_UNSAFE),
        "ADDR": address,
        "PORT": port,
        "PROTO": text(64, unsafe=_UNSAFE),
        "HELO": text(255, unsafe=_UNSAFE),
        "IDENT": text(255, unsafe=_UNSAFE),
        "SOURCE": one_of("LOCAL", "REMOTE"),
    }
)
"""What may be told, in the order in which EHLO lists it."""


@dataclass(slots=True)
class Xforward(Command):
    """The next message came from here."""

    verb = b"XFORWARD"
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """By name in upper case: text, a port as a number, or why there is none."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``name=value`` pairs."""
        return cls(parse_attributes(argument, ATTRIBUTES))

    def write_argument(self, grammar: Grammar) -> bytes:
        """``name=value`` pairs, in the order of the mapping."""
        return write_attributes(self.attributes)
