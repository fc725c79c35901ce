"""Replies: what a server answers, checked octet by octet before anything is written (RFC 5321 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from smtpcore.spec import AUTH_LINE, CODES
from smtpcore.utf8 import UNSAFE, escape

if TYPE_CHECKING:
    from smtpcore.extensions import Extensions

MAX_LINE = 512
"""Octets of a reply line with its CRLF that may be sent (RFC 5321 4.5.3.1.5)."""

_ENHANCED = re.compile(r"([245])\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class EnhancedCode:
    """An enhanced mail system status code (RFC 3463 2): class, subject, detail."""

    class_: int
    """2 success, 4 persistent transient failure, 5 permanent failure."""
    subject: int
    """0 to 999."""
    detail: int
    """0 to 999."""

    def __post_init__(self) -> None:
        if self.class_ not in (2, 4, 5) or not 0 <= self.subject <= 999 or not 0 <= self.detail <= 999:
            raise ValueError(f"no enhanced status code: {self.class_}.{self.subject}.{self.detail}")

    @classmethod
    def parse(cls, text: str) -> EnhancedCode:
        """Read ``"5.1.1"``; ValueError for anything else, leading zeros included (RFC 3463 2)."""
        match = _ENHANCED.fullmatch(text)
        if match is None:
            raise ValueError(f"no enhanced status code: {text!r}")
        return cls(int(match[1]), int(match[2]), int(match[3]))

    def __str__(self) -> str:
        return f"{self.class_}.{self.subject}.{self.detail}"


class Reply:
    r"""One reply: a code, an enhanced status code, one or more lines of text, and whether it ends the session.

    Args:
        code: 200 to 599, three digits.
        text: What a person reads. A string or one string per line; a line that would not fit into
            512 octets is folded. Printable ASCII, SP and HTAB; other characters are written as
            ``\x{e9}``, since replies are ASCII unless the client asked for UTF-8 (RFC 6531 3.7.4).
        enhanced: An EnhancedCode or its text; its class must be the code's first digit (RFC 2034 4).
            Left out, it is the usual one for the code; 3yz replies have none.
        close: The connection ends behind this reply. Always true for 421 (RFC 5321 3.8).

    Raises:
        ValueError: The code is none, the enhanced code does not fit it, or a line has a CR, LF, NUL
            or another control character in it.
    """

    __slots__ = ("_plain", "_wire", "close", "code", "enhanced", "lines")

    code: int
    """200 to 599 (RFC 5321 4.2.1)."""
    lines: tuple[str, ...]
    """The text, line by line, without codes; at least one line, perhaps empty."""
    enhanced: EnhancedCode | None
    """The enhanced status code (RFC 3463); None for 3yz, and where a server sent none."""
    close: bool
    """The connection ends behind this reply."""

    def __init__(
        self,
        code: int,
        text: str | Sequence[str] = "",
        enhanced: EnhancedCode | str | None = None,
        *,
        close: bool = False,
    ) -> None:
        if not 200 <= code <= 599:
            raise ValueError(f"no reply code: {code}")
        lines = (text,) if isinstance(text, str) else tuple(text)
        if not lines:
            raise ValueError("a reply has at least one line")
        for line in lines:
            if _CONTROL.search(line):
                raise ValueError(f"control character in the reply text {line!r}")
        if isinstance(enhanced, str):
            enhanced = EnhancedCode.parse(enhanced)
        elif enhanced is None and code // 100 != 3:
            enhanced = _usual(code)
        if enhanced is not None and enhanced.class_ != code // 100:
            raise ValueError(f"enhanced status code {enhanced} does not fit the reply code {code}")
        self.code = code
        self.lines = lines
        self.enhanced = enhanced
        self.close = close or code == 421
        self._wire: bytes | None = None
        self._plain: bytes | None = None

    @classmethod
    def read(cls, code: int, lines: Sequence[str], enhanced: EnhancedCode | None) -> Self:
        """A reply as a client has received it: without an enhanced status code where none was sent.

        Args:
            code: The code.
            lines: The text of each line, without control characters.
            enhanced: What stood in front of the text.
        """
        reply = cls.__new__(cls)
        reply.code = code
        reply.lines = tuple(lines)
        reply.enhanced = enhanced
        reply.close = code == 421
        reply._wire = reply._plain = None
        return reply

    @property
    def text(self) -> str:
        """The lines joined by LF, for people and logs."""
        return "\n".join(self.lines)

    @property
    def positive(self) -> bool:
        """2yz: done."""
        return self.code < 300

    @property
    def intermediate(self) -> bool:
        """3yz: go on."""
        return 300 <= self.code < 400

    @property
    def temporary(self) -> bool:
        """4yz: try again later."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5yz: do not try this again."""
        return self.code >= 500

    @property
    def is_ascii(self) -> bool:
        """Whether the text can be written without escapes in a reply that has to be ASCII."""
        return all(line.isascii() for line in self.lines)

    def to_wire(self, *, enhanced: bool = True, utf8: bool = False) -> bytes:
        """The reply as octets, every line but a 334 at most 512 with its CRLF (RFC 5321 4.5.3.1.5).

        Args:
            enhanced: Write the enhanced status code on each line (RFC 2034 4).
            utf8: The client can take UTF-8 in this reply. What some reader takes for a control character or a
                line end is escaped all the same (T-UTF8).
        """
        if utf8 and not self.is_ascii:
            return self._render(f"{self.enhanced} " if enhanced and self.enhanced else "", UNSAFE)
        if enhanced:
            if self._wire is None:
                self._wire = self._render(f"{self.enhanced} " if self.enhanced else "")
            return self._wire
        if self._plain is None:
            self._plain = self._render("")
        return self._plain

    def _render(self, prefix: str, escaped: re.Pattern[str] = _NOT_ASCII) -> bytes:
        # RFC 4954 4: a SASL challenge is one line, however long, and cannot be read in pieces.
        longest = AUTH_LINE if self.code == 334 else MAX_LINE
        room = longest - len("250-") - len(prefix) - len("\r\n")
        texts = [piece for line in self.lines for piece in _fold(escaped.sub(escape, line).encode("utf-8"), room)]
        start = prefix.encode("ascii")
        last = len(texts) - 1
        return b"".join(
            b"%d%b%b%b\r\n" % (self.code, b" " if number == last else b"-", start, text)
            for number, text in enumerate(texts)
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reply):
            return NotImplemented
        return (self.code, self.enhanced, self.lines, self.close) == (
            other.code,
            other.enhanced,
            other.lines,
            other.close,
        )

    def __hash__(self) -> int:
        return hash((self.code, self.enhanced, self.lines, self.close))

    def __repr__(self) -> str:
        text = self.lines[0] if len(self.lines) == 1 else list(self.lines)
        enhanced = f", {str(self.enhanced)!r}" if self.enhanced else ""
        return f"{type(self).__name__}({self.code}, {text!r}{enhanced}{', close=True' if self.close else ''})"


class EhloReply(Reply):
    """The 250 to EHLO or LHLO, built from the extensions it announces (RFC 5321 4.1.1.1).

    Sending it puts the extensions in force; there is no second list of what is on offer.

    Args:
        domain: The server's own name, the first word of the reply.
        extensions: What is announced.
        greet: Text behind the name.
    """

    __slots__ = ("extensions",)

    def __init__(self, domain: str, extensions: Extensions, greet: str = "") -> None:
        lines = (f"{domain} {greet}" if greet else domain, *extensions.lines())
        for line in lines:
            if not line.isascii():
                raise ValueError(f"the EHLO line {line[:40]!r} is not ASCII")
            # An AUTH line, for one, cannot be continued on the next; it has to fit.
            if len(line) > MAX_LINE - len("250-\r\n"):
                raise ValueError(f"the EHLO line {line[:40]!r}... is over {MAX_LINE} octets")
        super().__init__(250, lines)
        self.extensions = extensions

    @classmethod
    def received(cls, reply: Reply, extensions: Extensions) -> Self:
        """The same as a client has received it.

        Args:
            reply: The reply.
            extensions: What its lines announce.
        """
        received = cls.read(reply.code, reply.lines, reply.enhanced)
        received.extensions = extensions
        return received


def _usual(code: int) -> EnhancedCode:
    return EnhancedCode.parse(CODES[code][1]) if code in CODES else EnhancedCode(code // 100, 0, 0)


def _fold(line: bytes, room: int) -> list[bytes]:
    """Cut a line into pieces of at most ``room`` octets: at a space where there is one, never within a character."""
    pieces = []
    while len(line) > room:
        cut = line.rfind(b" ", 1, room + 1)
        if cut < 0:
            cut = room
            while line[cut] & 0xC0 == 0x80:
                cut -= 1
            pieces.append(line[:cut])
            line = line[cut:]
        else:
            pieces.append(line[:cut])
            line = line[cut + 1 :]
    pieces.append(line)
    return pieces
