"""What is fed to the core: octets in pieces, as reads would cut them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.workloads import KIB, MIB, message

READ = 64 * KIB
"""Octets of a usual read."""
SEGMENT = 1448
"""Octets of a read that a slow link gives: one TCP segment."""

_HELLO = b"EHLO client.test\r\n"
_RECIPIENT = b"RCPT TO:<bob@mx.test>\r\n"
_ENVELOPE = b"MAIL FROM:<ann@client.test>\r\n" + _RECIPIENT
_BINARY_ENVELOPE = b"MAIL FROM:<ann@client.test> BODY=BINARYMIME\r\n" + _RECIPIENT
_TO_DATA = (_HELLO, _ENVELOPE + b"DATA\r\n")


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    name: str
    kind: Literal["commands", "text", "chunk"]
    before: Sequence[bytes]
    """What brings the dialogue there; it is not timed."""
    pieces: Sequence[bytes]
    """What is timed, a piece for each read."""
    commands: int = 0
    """So many commands are in it; 0: it is content, or no command, and its octets count."""

    @property
    def octets(self) -> int:
        """All that is timed."""
        return sum(map(len, self.pieces))


def cut(octets: bytes, size: int) -> list[bytes]:
    """The octets in pieces of this size."""
    return [octets[start : start + size] for start in range(0, len(octets), size)]


def recipients(count: int) -> bytes:
    """So many RCPT lines."""
    return b"".join(b"RCPT TO:<recipient%d@mx.test>\r\n" % number for number in range(count))


def usual() -> list[Case]:
    """What a server does all day."""
    transaction = b"MAIL FROM:<ann@client.test>\r\n" + recipients(100) + b"RSET\r\n"
    content = message(16 * MIB)
    chunk = [b"BDAT %d LAST\r\n" % len(content), *cut(content, READ)]
    return [
        Case("RCPT, pipelined", "commands", (_HELLO,), cut(transaction * 50, READ), 102 * 50),
        Case("DATA, 16 MiB of text", "text", _TO_DATA, cut(content + b".\r\n", READ)),
        Case("BDAT, 16 MiB in one chunk", "chunk", (_HELLO, _ENVELOPE), chunk),
        Case("the same as BINARYMIME", "chunk", (_HELLO, _BINARY_ENVELOPE), chunk),
    ]


def worst(scale: int) -> list[Case]:
    """What a hostile or hapless peer sends; in proportion to the scale, to see that the time is too."""
    size = scale * 256 * KIB
    return [
        Case(
            "commands, one octet in a read",
            "commands",
            (_HELLO,),
            cut(b"MAIL FROM:<>\r\n" + recipients(100 * scale), 1),
        ),
        Case("DATA, one octet in a read", "text", _TO_DATA, cut(message(size // 4) + b".\r\n", 1)),
        Case("DATA, every line dotted", "text", _TO_DATA, cut(b"..\r\n" * (size // 4) + b".\r\n", READ)),
        Case(
            "DATA, every line dotted, in segments", "text", _TO_DATA, cut(b"..\r\n" * (size // 4) + b".\r\n", SEGMENT)
        ),
        Case("DATA, a line without end", "text", _TO_DATA, cut(b"x" * size, SEGMENT)),
        Case("DATA, CR without end", "text", _TO_DATA, cut(b"\r" * size, SEGMENT)),
        Case("a command without end", "commands", (_HELLO,), cut(b"x" * size, SEGMENT)),
        Case(
            "a RCPT without end",
            "commands",
            (_HELLO, b"MAIL FROM:<>\r\n"),
            cut(b"RCPT TO:<" + b"a." * (size // 2), SEGMENT),
        ),
    ]
