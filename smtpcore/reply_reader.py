"""Replies as a client reads them: strictly, with a limit on everything (RFC 5321 4.2.1, T-CLIENT)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from smtpcore.errors import RemoteProtocolError
from smtpcore.lines import InputBuffer, LineFault
from smtpcore.replies import EnhancedCode, Reply
from smtpcore.spec import AUTH_LINE
from smtpcore.utf8 import UNSAFE, escape

# Any code of the four classes is taken, for there are more in use than the RFCs know. What follows the code is a space,
# a hyphen, or nothing at all.
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2}))(?: +|\Z)")
_CHALLENGE: Final = b"334"
_LONGEST_CHALLENGE: Final = len(b"334 ") + AUTH_LINE
"""RFC 4954 4: a challenge is one line, however long, of as many octets as a response at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLimits:
    """What a server may send before its client gives up.

    Raises:
        ValueError: A limit is not positive, or a line could not hold a reply.
    """

    max_line: int = 4096
    """Octets of a line with its CRLF. Servers send 512 at the most (RFC 5321 4.5.3.1.5), and some send more."""
    max_lines: int = 512
    """Lines of one reply."""
    max_octets: int = 65536
    """Octets of one reply."""
    max_keywords: int = 256
    """EHLO keywords that are looked at; the rest is ignored."""

    def __post_init__(self) -> None:
        if self.max_line < len("250\r\n") or min(self.max_lines, self.max_octets, self.max_keywords) < 1:
            raise ValueError("the limits of replies are positive, and a line has room for a code")

    @classmethod
    def hardened(cls) -> ReplyLimits:
        """For a client that meets servers nobody knows."""
        return cls(max_line=1000, max_lines=128, max_octets=16384, max_keywords=128)


class ReplyReader:
    """Takes one reply after the other from what was received.

    Args:
        source: What was received.
        limits: What is too much.
    """

    __slots__ = ("_code", "_limits", "_octets", "_source", "_texts")

    def __init__(self, source: InputBuffer, limits: ReplyLimits) -> None:
        self._source = source
        self._limits = limits
        self._code = b""
        self._texts: list[bytes] = []
        self._octets = 0

    def next_reply(self, *, enhanced: bool) -> Reply | None:
        """The next reply, or None when more octets are needed.

        Args:
            enhanced: An enhanced status code may stand in it (RFC 2034 4 has none in greetings and after EHLO).

        Raises:
            RemoteProtocolError: This is no reply. Nothing can be read after it.
        """
        limits = self._limits
        longest = max(limits.max_line, _LONGEST_CHALLENGE)
        while True:
            line = self._source.next_line(longest, longest)
            if line is None:
                return None
            if isinstance(line, LineFault):
                fault = "with a bare CR, a bare LF or NUL" if line is LineFault.BARE else f"over {longest} octets"
                raise RemoteProtocolError(f"a reply line {fault}")
            if self._take(line):
                reply = self._reply(enhanced)
                self._texts.clear()
                self._octets = 0
                return reply

    def _take(self, line: bytes) -> bool:
        """Keep a line; whether it is the last of its reply."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise RemoteProtocolError("a line that is no reply: it does not begin with a code")
        code, separator, text = match.groups(b"")
        limits = self._limits
        self._octets += len(line) + len(b"\r\n")
        # A challenge is one line: whatever else follows it has the limits of all replies.
        challenge = code == _CHALLENGE and not self._texts
        if not challenge and (len(line) + len(b"\r\n") > limits.max_line or self._octets > limits.max_octets):
            raise RemoteProtocolError("a reply of more octets than anyone should read")
        if not self._texts:
            self._code = code
        elif code != self._code:
            # RFC 5321 4.2.1: the code is the same on each line.
            raise RemoteProtocolError("a reply whose lines have different codes")
        if len(self._texts) == limits.max_lines:
            raise RemoteProtocolError(f"a reply of more than {limits.max_lines} lines")
        self._texts.append(text)
        return separator != b"-"

    def _reply(self, enhanced: bool) -> Reply:
        code = int(self._code)
        lines = [_shown(text) for text in self._texts]
        found = _ENHANCED.match(lines[0]) if enhanced else None
        # RFC 2034 4: the class is the code's first digit; what has another is text.
        if found is None or int(found[1][0]) != code // 100:
            return Reply.read(code, lines, None)
        status = EnhancedCode.parse(found[1])
        return Reply.read(code, [_without(line, found[1]) for line in lines], status)


def _shown(text: bytes) -> str:
    r"""The text as it may stand in a log: UTF-8 where it is that, and what some reader obeys as ``\x{1b}``."""
    try:
        shown = text.decode("utf-8")
    except UnicodeDecodeError:
        shown = text.decode("ascii", "backslashreplace")
    return UNSAFE.sub(escape, shown)


def _without(line: str, status: str) -> str:
    found = _ENHANCED.match(line)
    return line[found.end() :] if found is not None and found[1] == status else line
