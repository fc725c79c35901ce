"""Message content off the wire: DATA up to its one true end, BDAT chunks, and what is wrong with either."""

from __future__ import annotations

from enum import Flag
from io import IncrementalNewlineDecoder
from typing import Final

from smtpcore.lines import InputBuffer

MAX_TEXT_LINE = 1000
"""The longest text line every receiver must take, in octets with its CRLF (RFC 5321 4.5.3.1.6)."""

_CRLF = b"\r\n"
_END = b"\r\n.\r\n"
_DOT_LINE = b"\r\n."
_WINDOW = 65536  # octets looked at in one go: a buffer full of small messages is not copied once per message
_FEW = 8  # line-start dots in one window that are cut out one by one; more are left to replace()


class Defect(Flag):
    """What can be wrong with content. The readers report it and change nothing; what to do is the session's choice."""

    BARE_CR = 1
    """A CR that no LF follows (RFC 5321 2.3.8)."""
    BARE_LF = 2
    """A LF that no CR precedes (RFC 5321 2.3.8)."""
    NUL = 4
    """An octet 0x00 (RFC 5322 allows none in messages)."""
    LONG_LINE = 8
    """A text line over 1000 octets, its CRLF counted and a stuffing dot not (RFC 5321 4.5.3.1.6)."""
    EIGHT_BIT = 16
    """An octet over 0x7F: fine after BODY=8BITMIME, not asked for without (RFC 6152)."""
    NO_FINAL_CRLF = 32
    """Content sent by BDAT that is not empty and does not end in CRLF, as all that DATA brings does."""


NO_DEFECT: Final = Defect(0)
_BARE_CR = Defect.BARE_CR.value
_BARE_LF = Defect.BARE_LF.value
_NUL = Defect.NUL.value
_LONG_LINE = Defect.LONG_LINE.value
_EIGHT_BIT = Defect.EIGHT_BIT.value
_NO_FINAL_CRLF = Defect.NO_FINAL_CRLF.value


class DefectScanner:
    """Judges content as it goes by, in chunks of any size; a chunk border never makes or hides a defect."""

    __slots__ = ("_after_cr", "_bits", "_newlines", "_run")

    def __init__(self) -> None:
        self._bits = 0  # of Defect; the Flag itself costs a microsecond per operation
        self._after_cr = False  # the last octet was a CR, not yet known to be bare
        # It notes which of CR, LF and CRLF it has seen, in half the time of any search that bytes have for it, and
        # keeps a CR at the end until the next octets tell what it is.
        self._newlines = IncrementalNewlineDecoder(None, translate=False)
        self._run = 0  # octets of the present line so far, below 1000; of no meaning once LONG_LINE is found

    @property
    def defects(self) -> Defect:
        """What was found so far."""
        return Defect(self._bits) if self._bits else NO_DEFECT

    def feed(self, data: bytes) -> None:
        """Look at the next octets of the content."""
        if not data:
            return
        if not data.isascii():
            self._bits |= _EIGHT_BIT
        if 0 in data:
            self._bits |= _NUL
        plain = not self._after_cr and 10 not in data and 13 not in data
        if not self._bits & _LONG_LINE:
            if plain and self._run + len(data) < MAX_TEXT_LINE:
                self._run += len(data)
            else:
                self._measure(data)
        if not plain:
            self._check_newlines(data)

    def finish(self) -> None:
        """Say that the content is over: a line without CRLF is judged as if it had one, a CR at the end is bare."""
        if self._run > MAX_TEXT_LINE - len(_CRLF):
            self._bits |= _LONG_LINE
        self._check_newlines(b"", last=True)

    def _measure(self, data: bytes) -> None:
        """Look for a line that is too long, in steps of up to 1000 octets and not line by line."""
        size = len(data)
        begin = -self._run  # where the present line begins, seen from this chunk
        if self._after_cr and data[0] == 10:
            begin = 1
        while True:
            # The last CRLF within reach ends a line that is short enough, and so are all before it.
            at = data.rfind(_CRLF, begin if begin > 0 else 0, begin + MAX_TEXT_LINE)
            if at >= 0:
                begin = at + 2
            elif size - begin < MAX_TEXT_LINE:
                break
            else:
                self._bits |= _LONG_LINE
                return
        self._run = size - begin

    def _check_newlines(self, data: bytes, *, last: bool = False) -> None:
        self._newlines.decode(str(data, "latin-1"), final=last)
        seen = self._newlines.newlines
        if seen is not None and seen != "\r\n":
            if "\r" in seen:
                self._bits |= _BARE_CR
            if "\n" in seen:
                self._bits |= _BARE_LF
        self._after_cr = data.endswith(b"\r")


class DotReader:
    """DATA content off the wire: takes the stuffing dots out, finds the one true end, reports defects.

    The end is the first CRLF "." CRLF and nothing else, where the first CRLF may be the one of the DATA command
    (RFC 5321 4.1.1.4, T-EOD). A dot is a stuffing dot only behind CRLF or at the start (RFC 5321 4.5.2).

    Call read() until it gives nothing, then look at ``done``::

        while chunk := reader.read(buffer):
            ...
        if reader.done: ...

    Content, defects and end are the same however the octets were cut. One octet at most is held back between
    two reads: the CR of "CRLF . CR", which is content or the end.
    """

    __slots__ = ("_scanner", "_tail", "done", "size")

    done: bool
    """The end was read. The octets behind it are still in the buffer."""
    size: int
    """Octets of content so far: CRLFs count, stuffing dots and the final dot do not (RFC 1870 5)."""

    def __init__(self) -> None:
        self.done = False
        self.size = 0
        self._scanner = DefectScanner()
        # The octets last seen that may begin the end of data; at first the CRLF of the DATA line.
        self._tail = _CRLF

    @property
    def defects(self) -> Defect:
        """What was found so far; when ``done``, in the whole message."""
        return self._scanner.defects

    def read(self, buffer: InputBuffer) -> bytes:
        """Take octets from the buffer and give the content in them, without stuffing dots.

        Returns:
            The next octets of the content, or b"" when there are none: either ``done``, or more input is needed.
        """
        while not self.done and (data := buffer.take(_WINDOW)):
            tail = self._tail
            emitted = 0
            # Only a chunk that goes on where the tail left off has to be looked at, and so copied, together with it;
            # and any chunk behind "CRLF . CR", whose last CR was held back and is now content or part of the end.
            if tail and (data[0] == _END[len(tail)] or len(tail) == 4):
                data = tail + data
                emitted = min(len(tail), 2)  # the CRLF was given out; the dot never is
            content, behind = _unstuff(data)
            if behind >= 0:
                buffer.unread(behind)
                self.done = True
            else:
                self._tail = _unfinished_end(data)
                if len(self._tail) == 4:
                    content = content[:-1]
            if emitted:
                content = content[emitted:]
            if content:
                self.size += len(content)
                self._scanner.feed(content)
                return content
        return b""


def _unstuff(data: bytes) -> tuple[bytes, int]:
    """Take the dots at line starts out, up to the end of data if it is there.

    Returns:
        The content, and how many octets stand behind the end of data; -1 if it is not there.
    """
    # Backwards, since CPython's rfind() is twice as fast here as find(); and one search answers both questions.
    at = data.rfind(_DOT_LINE)
    if at < 0:
        return data, -1
    if data.startswith(_END, at) and data.rfind(_DOT_LINE, 0, at) < 0:
        # The end of a message, and no other dot: nearly every last chunk.
        return data[: at + 2], len(data) - at - len(_END)
    dots: list[int] = []
    while at >= 0 and len(dots) < _FEW:
        dots.append(at)
        at = data.rfind(_DOT_LINE, 0, at)
    many = at >= 0
    end = data.find(_END, 0 if many else dots[-1])
    behind = -1
    if end >= 0:
        behind = len(data) - end - len(_END)
        data = data[: end + 2]
    if many:
        return data.replace(_DOT_LINE, _CRLF), behind
    parts: list[bytes] = []
    begin = 0
    for dot in reversed(dots):
        if dot + 2 >= len(data):  # the end of data, and what stands behind it
            break
        parts.append(data[begin : dot + 2])
        begin = dot + 3
    parts.append(data[begin:])
    return b"".join(parts), behind


def _unfinished_end(data: bytes) -> bytes:
    """The longest end of ``data`` with which CRLF "." CRLF may begin."""
    if data[-1] not in _END:
        return b""
    for length in (4, 3, 2, 1):
        if data.endswith(_END[:length]):
            return _END[:length]
    return b""


class ChunkReader:
    """BDAT content: raw octets, nothing is unstuffed (RFC 3030 2); judged by the same rules as DATA.

    One reader sees all chunks of a message. A border between two of them may fall anywhere, also inside a CRLF.
    """

    __slots__ = ("_binary", "_last", "_scanner", "_unended", "size")

    size: int
    """Octets of content so far, over all chunks (RFC 1870 5)."""

    def __init__(self, binary: bool = False) -> None:
        """``binary``: the message is BODY=BINARYMIME, where any octet may stand and there are no lines."""
        self.size = 0
        self._binary = binary
        self._scanner = DefectScanner()
        self._last = b""  # the last two octets
        self._unended = 0

    @property
    def defects(self) -> Defect:
        """What was found so far; after finish(), in the whole message. Never anything in a binary one."""
        return self._scanner.defects | Defect(self._unended)

    def feed(self, data: bytes) -> None:
        """Look at the next octets, a chunk or a part of one."""
        self.size += len(data)
        if not self._binary:
            self._scanner.feed(data)
            self._last = (self._last + data[-2:])[-2:]

    def finish(self) -> None:
        """Say that the last chunk is complete."""
        if not self._binary:
            self._scanner.finish()
            if self._last and self._last != _CRLF:
                self._unended = _NO_FINAL_CRLF
