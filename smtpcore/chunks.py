"""Content in BDAT chunks: so many octets, kept or dropped, before anything is answered (RFC 3030 2)."""

from __future__ import annotations

from typing import Final

from smtpcore.body import ChunkReader, Defect
from smtpcore.commands.bdat import Bdat
from smtpcore.lines import InputBuffer
from smtpcore.replies import Reply
from smtpcore.spec import UNKNOWN, Rule


class Chunks:
    """Reads the octets behind BDAT lines, chunk by chunk; what was found in them is judged over the borders."""

    __slots__ = ("_dropped", "_left", "_reader", "line", "reading", "refusal", "rule", "size")

    reading: bool
    """A chunk was begun and not ended."""
    rule: Rule
    """What the reply to the present chunk will answer: BDAT, or BDAT LAST."""
    line: bytes
    """Its line as it came."""
    size: int
    """Its octets."""
    refusal: Reply | None
    """The reply that is due behind its octets, which are dropped then."""

    def __init__(self) -> None:
        self.reading = False
        self.rule = UNKNOWN
        self.line = b""
        self.size = self._left = self._dropped = 0
        self.refusal = None
        self._reader: ChunkReader | None = None

    @property
    def defects(self) -> Defect | None:
        """What was found so far in the chunks of the message; None if none was taken."""
        return self._reader.defects if self._reader is not None else None

    @property
    def total(self) -> int:
        """Octets of the message so far."""
        return self._reader.size if self._reader is not None else 0

    def forget(self) -> None:
        """Another message begins."""
        self._reader = None

    def begin(self, command: Bdat, rule: Rule, line: bytes, refusal: Reply | None, *, binary: bool) -> None:
        """A chunk begins; ``binary``: the content of its message has no lines (RFC 3030 3)."""
        self.reading = True
        self.size = self._left = command.size
        self.rule = rule
        self.line = line
        self.refusal = refusal
        if refusal is None and self._reader is None:
            self._reader = ChunkReader(binary)

    def read(self, buffer: InputBuffer) -> bytes:
        """The next octets of a chunk that is taken; nothing when it is complete, or when more input is needed."""
        data = buffer.take(self._left) if self._left else b""
        self._left -= len(data)
        if self.refusal is not None or self._reader is None:
            self._dropped += len(data)
            return b""
        self._reader.feed(data)
        return data

    def take_dropped(self) -> int:
        """How many octets of refused chunks were read and dropped since this was asked last."""
        octets, self._dropped = self._dropped, 0
        return octets

    def end(self, *, last: bool) -> bool:
        """Whether the chunk is complete, and with the last one the message."""
        if self._left:
            return False
        self.reading = False
        if last and self.refusal is None and self._reader is not None:
            self._reader.finish()
        return True


NEVER_BEGUN: Final = Chunks()
"""What a dialogue has that no chunk has come in; nothing changes in it."""
