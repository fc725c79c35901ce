"""A BDAT chunk that is being read: so many octets, kept or dropped, before anything is answered (RFC 3030 2)."""

from __future__ import annotations

from smtpcore.commands.bdat import Bdat
from smtpcore.lines import InputBuffer
from smtpcore.replies import Reply
from smtpcore.spec import Rule


class Chunk:
    """The octets behind one BDAT line.

    Args:
        command: The line.
        rule: What the reply will answer: BDAT, or BDAT LAST.
        line: The line as it came.
        refusal: The reply that is due when the octets have been read; they are dropped then.
    """

    __slots__ = ("left", "line", "refusal", "rule", "size")

    def __init__(self, command: Bdat, rule: Rule, line: bytes, refusal: Reply | None) -> None:
        self.size = self.left = command.size
        self.rule = rule
        self.line = line
        self.refusal = refusal

    def read(self, buffer: InputBuffer) -> bytes:
        """The next octets of the chunk; nothing when it is complete, or when more input is needed."""
        data = buffer.take(self.left) if self.left else b""
        self.left -= len(data)
        return data
