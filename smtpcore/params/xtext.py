"""xtext: printable ASCII with ``+XX`` for the rest (RFC 3461 4)."""

from __future__ import annotations

import re

from smtpcore.errors import ParseError

_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})*")
_ESCAPE = re.compile(rb"\+([0-9A-Fa-f]{2})")


def decode(text: bytes) -> bytes:
    """The octets that were encoded. They may be any at all: check them again for their purpose.

    Raises:
        ParseError: ``+`` without two hexadecimal digits behind it, or a character that must be encoded.
    """
    if not _XTEXT.fullmatch(text):
        raise ParseError("not xtext")
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), text)
