"""A command that the application has registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.grammar import Grammar
from smtpcore.utf8 import encode


@dataclass(slots=True)
class Custom(Command):
    """A verb of a ``CustomExtension``; for the handler's hook ``command``."""

    name: str
    """The verb in upper case."""
    argument: str = ""
    """Printable ASCII, as sent, without trailing white space."""

    @classmethod
    def read(cls, name: str, argument: bytes, grammar: Grammar) -> Self:
        """Take the argument as it is; the connection has checked its octets."""
        return cls(name, argument.decode("ascii"))

    def write_argument(self, grammar: Grammar) -> bytes:
        """The argument as it is."""
        return encode(self.argument)
