"""The UTF-8 that SMTPUTF8 lets in: strict, and without what some reader takes for a line end (T-UTF8)."""

from __future__ import annotations

import re
from typing import Final

from smtpcore.errors import ParseError

UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls of ASCII and C1 (NEL is one), the line and paragraph separators, and what no UTF-8 can hold."""


def decode(octets: bytes) -> str:
    """The text, by RFC 3629 to the letter and never normalised.

    Raises:
        ParseError: An overlong form, a surrogate, a point over U+10FFFF, a cut sequence, or an unsafe character.
    """
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("not valid UTF-8") from None
    if UNSAFE.search(text):
        raise ParseError("a control character")
    return text


def encode(text: str) -> bytes:
    """The octets, to be judged by whoever reads or writes them: a lone surrogate gives some that `decode` refuses."""
    return text.encode("utf-8", "surrogatepass")


def printable(text: str) -> str:
    """Text of strangers for a log or a terminal: what is not printable, or turns letters around, as escapes."""
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{{{ord(char):x}}}" for char in text)


def escape(match: re.Match[str]) -> str:
    r"""A character as ``\x{e9}``, for substitution; a tab, the one control character that a reply may have, stays."""
    return match[0] if match[0] == "\t" else f"\\x{{{ord(match[0]):x}}}"
