"""Line ends of content that is to be sent: CRLF and nothing else (RFC 5321 2.3.8)."""

from __future__ import annotations

from typing import Literal

from smtpcore.errors import LocalProtocolError
from smtpcore.lines import Buffer

_CRLF = b"\r\n"


class LineEnds:
    """Lets content through in which each CR and each LF is part of a CRLF, whatever the chunks it comes in.

    Args:
        bare_newlines: What a lone CR or a lone LF is: an ``"error"``, or a line end to ``"convert"`` to CRLF.
        allow_nul: Let octets 0x00 pass; many receivers refuse them.

    Raises:
        LocalProtocolError: ``bare_newlines`` is neither.
    """

    __slots__ = ("_allow_nul", "_convert", "_held")

    def __init__(self, *, bare_newlines: Literal["error", "convert"], allow_nul: bool = False) -> None:
        if bare_newlines not in ("error", "convert"):
            raise LocalProtocolError('bare_newlines must be "error" or "convert"')
        self._convert = bare_newlines == "convert"
        self._allow_nul = allow_nul
        self._held = b""  # a CR that ended a chunk: the next one tells whether it is part of a CRLF

    def write(self, chunk: Buffer) -> bytes:
        """Give what can be sent of the content so far; a CR at the end waits for the next chunk.

        Raises:
            LocalProtocolError: A lone CR, a lone LF or NUL that is not allowed. Nothing of the chunk is taken and
                another may be tried; where the lone CR ended an earlier chunk, it must begin with LF.
        """
        data = chunk if type(chunk) is bytes else memoryview(chunk).tobytes()
        if not data:
            return b""
        if 0 in data and not self._allow_nul:
            raise LocalProtocolError("NUL in content: encode the message, or allow it with allow_nul=True")
        data = self._held + data
        held = b""
        if data.endswith(b"\r"):
            held = b"\r"
            data = data[:-1]
        data = self._with_crlf(data)
        self._held = held
        return data

    def finish(self) -> bytes:
        """Give what is left behind the last chunk.

        Raises:
            LocalProtocolError: The content ended in a lone CR.
        """
        data = self._with_crlf(self._held)
        self._held = b""
        return data

    def _with_crlf(self, data: bytes) -> bytes:
        """The same lines, each CR and LF of them part of a CRLF."""
        rest = data.replace(_CRLF, b"  ")
        if 10 not in rest and 13 not in rest:
            return data
        if not self._convert:
            raise LocalProtocolError('lone CR or LF in content: end lines with CRLF, or use bare_newlines="convert"')
        return data.replace(_CRLF, b"\n").replace(b"\r", b"\n").replace(b"\n", _CRLF)
