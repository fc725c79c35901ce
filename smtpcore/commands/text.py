"""The commands whose argument is free text: NOOP, VRFY, EXPN, HELP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.grammar import Grammar


class _Text(Command):
    __slots__ = ()

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Any printable ASCII will do; the connection has checked the octets (RFC 5321 3.5.1)."""
        return cls(argument.decode("ascii"))  # type: ignore[call-arg]


@dataclass(slots=True)
class Noop(_Text):
    """Nothing, to see whether the server answers (RFC 5321 4.1.1.9)."""

    verb = b"NOOP"
    text: str = ""
    """Ignored, whatever it is."""


@dataclass(slots=True)
class Vrfy(_Text):
    """Is this a user here (RFC 5321 4.1.1.6)."""

    verb = b"VRFY"
    text: str
    """An address with or without brackets, or a name; as sent."""


@dataclass(slots=True)
class Expn(_Text):
    """Who is on this list (RFC 5321 4.1.1.7)."""

    verb = b"EXPN"
    text: str
    """The list's name, as sent."""


@dataclass(slots=True)
class Help(_Text):
    """What can be said here (RFC 5321 4.1.1.8)."""

    verb = b"HELP"
    text: str = ""
    """The subject, a verb for instance, or nothing."""
