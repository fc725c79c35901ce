"""ETRN: start delivering what is queued for a node (RFC 1985)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.grammar import CommandError, Grammar
from smtpcore.replies import Reply
from smtpcore.utf8 import encode

# RFC 1985 5.2: a node name, one with all that is under it, or the name of a queue.
_NODE = re.compile(rb"([@#]?)([!\"$-?A-~][!-~]{0,254})")
_BAD_NODE = Reply(501, "Syntax: ETRN [@|#]name", "5.5.4")


@dataclass(slots=True)
class Etrn(Command):
    """A client asks for the mail that waits for it."""

    verb = b"ETRN"
    node: str
    """A domain, or behind ``#`` the name of a queue."""
    option: str = ""
    """``@``: the domains under it too; ``#``: a queue; nothing: the node alone."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``[@|#]name``."""
        match = _NODE.fullmatch(argument)
        if match is None:
            raise CommandError(_BAD_NODE)
        return cls(match[2].decode("ascii"), match[1].decode("ascii"))

    def write_argument(self, grammar: Grammar) -> bytes:
        """``[@|#]name``."""
        return encode(self.option + self.node)
