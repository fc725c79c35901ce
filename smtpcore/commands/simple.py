"""The commands without an argument: DATA, RSET, QUIT, STARTTLS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.grammar import Grammar


class _Simple(Command):
    __slots__ = ()

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """The table says that there is no argument; nothing is left to read."""
        return cls()

    def write_argument(self, grammar: Grammar) -> bytes:
        """The verb stands alone."""
        return b""


@dataclass(slots=True)
class Data(_Simple):
    """The client wants to send the content (RFC 5321 4.1.1.4)."""

    verb = b"DATA"


@dataclass(slots=True)
class Rset(_Simple):
    """The client gives the transaction up (RFC 5321 4.1.1.5)."""

    verb = b"RSET"


@dataclass(slots=True)
class Quit(_Simple):
    """The client is done (RFC 5321 4.1.1.10)."""

    verb = b"QUIT"


@dataclass(slots=True)
class StartTls(_Simple):
    """The client wants a TLS layer (RFC 3207 4)."""

    verb = b"STARTTLS"
