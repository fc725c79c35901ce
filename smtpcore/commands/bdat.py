"""BDAT: a counted chunk of the content (RFC 3030 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from smtpcore.commands.base import Command
from smtpcore.digits import decimal
from smtpcore.grammar import CommandError, Grammar
from smtpcore.replies import Reply

# RFC 3030 2: 1*DIGIT. ASCII digits only, and never more of them than int() should be asked to read.
_SIZE = re.compile(rb"([0-9]{1,20})(?: ([ -~]+))?")
_LARGEST = 2**63 - 1

# Where the next command begins cannot be known, so nothing more can be read.
NO_SIZE: Final = Reply(501, "A chunk needs a size in octets", "5.5.4", close=True)
"""The reply to a line from which the size of the chunk cannot be read."""
_TOO_BIG: Final = Reply(552, "The chunk is far too big", "5.3.4", close=True)


@dataclass(slots=True)
class Bdat(Command):
    """A chunk begins; its octets follow as BodyChunk, and behind them EndOfChunk or EndOfBody wants the reply."""

    verb = b"BDAT"
    size: int
    """Octets of the chunk."""
    last: bool = False
    """The message is complete behind it."""
    malformed: bool = False
    """The second argument is not LAST: the octets are read all the same, then 501."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``size [LAST]``.

        Raises:
            CommandError: 501 and close: the size cannot be read; 552 and close: so much is not read.
        """
        match = _SIZE.fullmatch(argument)
        if match is None or int(match[1]) > _LARGEST:
            raise CommandError(NO_SIZE)
        size = int(match[1])
        if grammar.max_chunk is not None and size > grammar.max_chunk:
            raise CommandError(_TOO_BIG)
        last = match[2] is not None and match[2].upper() == b"LAST"
        return cls(size, last, malformed=match[2] is not None and not last)

    def write_argument(self, grammar: Grammar) -> bytes:
        """``size`` or ``size LAST``."""
        return decimal(self.size, 0, _LARGEST) + (b" LAST" if self.last else b"")
