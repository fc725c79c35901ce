"""Message content to the wire for DATA: dot stuffing, line ends, and exactly one terminator (T-EOD-OUT)."""

from __future__ import annotations

from typing import Literal

from smtpcore.errors import LocalProtocolError
from smtpcore.line_ends import LineEnds
from smtpcore.lines import Buffer

_CRLF = b"\r\n"
_DOT_LINE = b"\r\n."


class DotWriter:
    """Turns content into the octets that follow a 354, whatever the chunks it comes in.

    Each line that begins with a dot gets one more (RFC 5321 4.5.2), a missing last CRLF is added, and the only
    CRLF "." CRLF is the one finish() writes (RFC 5321 4.1.1.4). No CR or LF goes out alone (RFC 5321 2.3.8).
    """

    __slots__ = ("_at_line_start", "_finished", "_line_ends")

    def __init__(self, *, bare_newlines: Literal["error", "convert"], allow_nul: bool = False) -> None:
        """Begin a message.

        Args:
            bare_newlines: what a lone CR or a lone LF is: an ``"error"``, or a line end to ``"convert"`` to CRLF.
            allow_nul: let octets 0x00 pass; many receivers refuse them.
        """
        self._line_ends = LineEnds(bare_newlines=bare_newlines, allow_nul=allow_nul)
        self._at_line_start = True  # what was written ends in CRLF, or is nothing: the DATA line ended in CRLF
        self._finished = False

    def write(self, chunk: Buffer) -> bytes:
        """Give the octets to send for the next chunk; they may be none.

        Raises:
            LocalProtocolError: a lone CR, a lone LF or NUL that is not allowed. Nothing of the chunk is written
                and another chunk may be tried; where the lone CR ended an earlier chunk, it must begin with LF.
        """
        self._check_open()
        return self._stuffed(self._line_ends.write(chunk))

    def finish(self) -> bytes:
        """Give the octets that end the message: a CRLF if the last line has none, then "." CRLF.

        Raises:
            LocalProtocolError: the content ended in a lone CR, or finish() was called before.
        """
        self._check_open()
        last = self._stuffed(self._line_ends.finish())
        self._finished = True
        return last + (b".\r\n" if self._at_line_start else b"\r\n.\r\n")

    def _check_open(self) -> None:
        if self._finished:
            raise LocalProtocolError("the message is finished: begin the next one with a new DotWriter")

    def _stuffed(self, data: bytes) -> bytes:
        if not data:
            return b""
        first = b"." if self._at_line_start and data[0] == 46 else b""
        self._at_line_start = data.endswith(_CRLF)
        # rfind() first: in CPython it takes half the time that replace() needs to find nothing.
        if data.rfind(_DOT_LINE) >= 0:
            data = data.replace(_DOT_LINE, b"\r\n..")
        return first + data
