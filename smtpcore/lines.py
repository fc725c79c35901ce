"""Received octets in order, and the command lines in them: only CRLF ends a line (RFC 5321 2.3.8, T-LINE)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TypeAlias

from smtpcore.pieces import Pieces, keep

Buffer = bytes | bytearray | memoryview
"""What may be fed: ``bytes`` are kept as they are, the others are copied, so adapters can use theirs again."""

Longer: TypeAlias = tuple[bytes, int, int]
"""Lines with limits of their own: how they begin, in upper case, and what `next_line` calls limit and max_drain."""

_CRLF = b"\r\n"
_HEAD = 16  # octets of a line that is too long which tell what it would have been


class LineFault(Enum):
    """What stands in place of a line that cannot be given out. Nothing of such a line may be run."""

    BARE = "bare"
    """A bare CR, a bare LF or NUL in the line. Told as soon as it is seen; the rest of the line is dropped."""
    TOO_LONG = "too long"
    """The line is over its limit (RFC 5321 4.5.3.1.4). Told once, when its CRLF has come."""
    DRAIN = "drain"
    """More octets of a faulty or over-long line than anyone should read. Nothing can be read after it."""


class InputBuffer:
    """Octets that were received and that nobody has read yet; the readers of lines and of content take from it.

    What comes out never depends on how the octets were cut when they were fed. Work and memory are linear in the
    input: feeding only collects, reading moves an offset, and a line is never searched twice from its start.
    """

    __slots__ = ("_buf", "_dead", "_dropped", "_faulty", "_pending", "_pieces", "_pos", "_scan", "_torn", "head")

    head: bytes
    """The first octets of the last line that was TOO_LONG: its verb, and nothing that may be run."""

    def __init__(self) -> None:
        self._buf = b""
        self._pos = 0  # where the unread octets of _buf begin
        self._scan = 0  # everything from _pos up to here is known to be clean and to hold no CRLF
        self._pieces: Pieces | None = None  # fed while _buf was not read up; joined to it when it runs out
        self._pending = 0  # octets in _pieces
        self._dropped = 0  # octets of the present line that were dropped, since the line cannot be given out
        self._faulty = False  # BARE was told of the present line
        self._torn = False  # _faulty or _dropped: the short way of next_line() is closed
        self._dead = False  # DRAIN was told
        self.head = b""

    def __len__(self) -> int:
        """Octets received and not yet read. Those of a faulty line that were dropped count as read."""
        return len(self._buf) - self._pos + self._pending

    def empty(self) -> bool:
        """Whether there is nothing to be read."""
        return self._pos == len(self._buf) and not self._pieces

    def has_line(self) -> bool:
        """Whether it is worth while to try a pattern on the next line: its end may have come."""
        return self._buf.find(b"\n", self._scan) >= 0

    def feed(self, data: Buffer) -> None:
        """Add received octets, in time that depends on them alone and not on what is buffered."""
        # bytes() itself would take an int for a size.
        piece = data if type(data) is bytes else memoryview(data).tobytes()
        if self._pos == len(self._buf) and not (self._pieces or self._dead):
            self._buf = piece
            self._pos = self._scan = 0
        elif piece and not self._dead:
            self._pieces = keep(self._pieces, piece)
            self._pending += len(piece)

    def next_line(self, limit: int, max_drain: int, longer: Longer | None = None) -> bytes | LineFault | None:
        """Read one line.

        The numbers must stay the same until the line has come.

        Args:
            limit: the longest line that is given out, in octets, its CRLF counted.
            max_drain: how many octets of a faulty or over-long line may come before its CRLF.
            longer: lines for which both numbers are others, no smaller ones.

        Returns:
            The line without its CRLF, a fault in its place, or None when more octets are needed.
        """
        buf = self._buf
        start = self._pos
        if start == len(buf) and not self._pieces:
            # Behind every command that was not pipelined.
            return LineFault.DRAIN if self._dead else None
        if not self._torn:
            end = buf.find(b"\r\n", self._scan)
            if -1 < end <= start + limit - 2:
                line = buf[start:end]
                # Integers: `b"\n" in line` is many times slower, it first tries to read the bytes as a number.
                if not (10 in line or 13 in line or 0 in line):
                    self._pos = self._scan = end + 2
                    return line
        return self._next_line(limit, max_drain, longer)

    def take(self, n: int) -> bytes:
        """Read the next ``n`` octets whatever they are, or all there are if they are fewer.

        A fed ``bytes`` object that is taken whole is the object itself.
        """
        if n > len(self._buf) - self._pos and self._pieces:
            self._join()
        buf = self._buf
        start = self._pos
        data = buf if start == 0 and n >= len(buf) else buf[start : start + max(n, 0)]
        self._pos = self._scan = start + len(data)
        return data

    def match(self, form: Callable[[bytes, int], re.Match[bytes] | None]) -> re.Match[bytes] | None:
        """Try a pattern on the octets that come next, and read nothing. It has to say by itself that a line ends."""
        return None if self._torn else form(self._buf, self._pos)

    def skip(self, end: int) -> None:
        """Read what ``match()`` has seen, up to the end that it gave."""
        self._pos = self._scan = end

    def lines(self, end: int) -> Iterator[bytes]:
        """The lines that ``match()`` has seen, without their CRLF, up to the end that it gave.

        Each is read when it is given out. There are no more once somebody else has read what comes next.
        """
        # Where they stand is known now, and not when the first of them is asked for.
        return self._lines(self._buf, self._pos, end)

    def _lines(self, buf: bytes, at: int, end: int) -> Iterator[bytes]:
        for line in buf[at : end - 2].split(_CRLF):
            if self._pos != at or self._buf is not buf:
                return
            self._pos = self._scan = at = at + len(line) + 2
            yield line

    def skip_over(self, octets: bytes) -> bool:
        """Read these octets, if they come next and begin a line; whether they do."""
        if self._torn or not self._buf.startswith(octets, self._pos):
            return False
        self._pos = self._scan = self._pos + len(octets)
        return True

    def unread(self, n: int) -> None:
        """Put back the last ``n`` octets of what the last call of take() gave."""
        self._pos -= n
        self._scan = self._pos

    def _next_line(self, most: int, drain: int, longer: Longer | None) -> bytes | LineFault | None:
        """The long way: lines with a fault, parts of lines, and octets that are still in pieces."""
        while True:
            limit, max_drain = most, drain
            if longer is not None and self._begins(longer[0]):
                _, limit, max_drain = longer
            buf, start, scan = self._buf, self._pos, self._scan
            end = buf.find(_CRLF, scan)
            # A CR at the very end is neither bare nor part of a CRLF before the next octet has come.
            stop = end if end >= 0 else len(buf) - buf.endswith(b"\r", scan)
            if not self._faulty:
                fault = _first_fault(buf, scan, stop)
                if fault >= 0:
                    if self._dropped + fault - start >= max_drain:
                        break
                    self._faulty = self._torn = True
                    self._scan = fault + 1
                    return LineFault.BARE
            count = self._dropped + stop - start
            spoilt = self._torn or count > limit - 2
            if spoilt and count > max_drain:
                break
            if spoilt and not self._dropped:
                self.head = buf[start : start + _HEAD]
            if end >= 0:
                silent = self._faulty
                self._pos = self._scan = end + 2
                self._dropped = 0
                self._faulty = self._torn = False
                if silent:
                    continue
                return LineFault.TOO_LONG if spoilt else buf[start:end]
            if spoilt or start == len(buf):
                # Nothing of it will be given out: keep the number of octets and let the octets go.
                self._dropped = count
                self._torn = spoilt
                self._buf = buf[stop:]
                self._pos = self._scan = 0
            else:
                self._scan = stop
            if not self._pieces:
                return None
            self._join()
        self._dead = True
        self._buf = b""
        self._pieces = None
        self._pos = self._scan = self._pending = 0
        return LineFault.DRAIN

    def _begins(self, word: bytes) -> bool:
        """Whether the present line begins with a word, perhaps one of which octets were dropped."""
        octets = self.head if self._dropped else self._buf[self._pos : self._pos + len(word)]
        return octets[: len(word)].upper() == word

    def _join(self) -> None:
        """Put all pieces behind what is left of ``_buf``, which is short or about to be taken."""
        pieces = self._pieces or []
        # A single piece is not copied.
        if rest := self._buf[self._pos :]:
            pieces.insert(0, rest)
        self._buf = b"".join(pieces)
        self._pieces = None
        self._pending = 0
        self._scan -= self._pos
        self._pos = 0


def _first_fault(data: bytes, start: int, stop: int) -> int:
    """Where the first CR, LF or NUL of ``data[start:stop]`` is, which holds no CRLF; -1 if nowhere."""
    first = -1
    for octet in (b"\r", b"\n", b"\0"):
        at = data.find(octet, start, stop)
        if at >= 0:
            first = stop = at
    return first
