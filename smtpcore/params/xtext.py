"""xtext: printable ASCII with ``+XX`` for the rest (RFC 3461 4)."""

from __future__ import annotations

import re

from smtpcore.errors import ParseError

# Each form without and with the UTF-8 of RFC 6531 3.3, so that `utf8` is the index.
_XTEXT = (
    re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})*"),
    re.compile(rb"(?:[!-*,-<>-~\x80-\xff]|\+[0-9A-Fa-f]{2})*"),
)
_ESCAPE = re.compile(rb"\+([0-9A-Fa-f]{2})")
_ENCODED = re.compile(rb"[^!-*,-<>-~]")


def decode(text: bytes, *, utf8: bool = False) -> bytes:
    """The octets that were encoded. They may be any at all: check them again for their purpose.

    Args:
        text: The value of a parameter, or a part of it.
        utf8: Whether octets over 0x7F may stand for themselves (RFC 6531 3.3).

    Raises:
        ParseError: ``+`` without two hexadecimal digits behind it, or a character that must be encoded.
    """
    if not _XTEXT[utf8].fullmatch(text):
        raise ParseError("not xtext")
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), text)


def encode(octets: bytes) -> bytes:
    """Any octets as ASCII that fits behind the ``=`` of a parameter, with as few escapes as there can be."""
    return _ENCODED.sub(lambda match: b"+%02X" % match[0][0], octets)
