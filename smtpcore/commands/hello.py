"""HELO, EHLO and LHLO: the client's name (RFC 5321 4.1.1.1, RFC 2033 4.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.errors import ParseError
from smtpcore.grammar import CommandError, Grammar
from smtpcore.paths import is_helo_name
from smtpcore.replies import Reply
from smtpcore.utf8 import encode

_NO_NAME = Reply(501, "That is no domain or address literal", "5.5.4")


class _Hello(Command):
    __slots__ = ()
    domain: str

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Take any printable name; whether it is a valid one is told apart (RFC 5321 4.1.4)."""
        valid = is_helo_name(argument)
        if not valid and not grammar.leniencies.helo_names:
            raise CommandError(_NO_NAME)
        return cls(argument.decode("ascii"), valid)  # type: ignore[call-arg]

    def write_argument(self, grammar: Grammar) -> bytes:
        """The name, which a client has no excuse for getting wrong, whatever the leniencies (RFC 6531 3.7.1)."""
        name = encode(self.domain)
        if not is_helo_name(name):
            raise ParseError("give a domain in ASCII, so in A-labels, or an address literal such as [192.0.2.1]")
        return name


@dataclass(slots=True)
class Helo(_Hello):
    """The client says who it is and wants no extensions."""

    verb = b"HELO"
    domain: str
    """The whole argument as sent; the peer's word and proof of nothing."""
    helo_valid: bool = field(default=True, compare=False)
    """The argument is a domain or an address literal and nothing else."""


@dataclass(slots=True)
class Ehlo(_Hello):
    """The client says who it is and asks for the extensions."""

    verb = b"EHLO"
    domain: str
    """The whole argument as sent; the peer's word and proof of nothing."""
    helo_valid: bool = field(default=True, compare=False)
    """The argument is a domain or an address literal and nothing else."""


@dataclass(slots=True)
class Lhlo(_Hello):
    """EHLO under LMTP."""

    verb = b"LHLO"
    domain: str
    """The whole argument as sent; the peer's word and proof of nothing."""
    helo_valid: bool = field(default=True, compare=False)
    """The argument is a domain or an address literal and nothing else."""
