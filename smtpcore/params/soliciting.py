"""``SOLICIT=``: the classes of advertising that the message belongs to, by its sender's word (RFC 3865)."""

from __future__ import annotations

import re

from smtpcore.errors import ParseError
from smtpcore.utf8 import encode

_LONGEST = 1000
# RFC 3865 2.2: Solicitation-keywords. A comma is no wordchar, so the pattern is linear.
_KEYWORDS = re.compile(rb"[A-Za-z][A-Za-z0-9._:-]*(?:,[A-Za-z][A-Za-z0-9._:-]*)*")


def parse(value: bytes) -> tuple[str, ...]:
    """The solicitation class keywords in their order, such as ``org.example:ADV``; case kept.

    Raises:
        ParseError: Over 1000 octets, or not a list of keywords.
    """
    if len(value) > _LONGEST or not _KEYWORDS.fullmatch(value):
        raise ParseError("not a list of solicitation class keywords")
    return tuple(value.decode("ascii").split(","))


def write(keywords: tuple[str, ...]) -> bytes:
    """The value as a client sends it.

    Raises:
        ParseError: It would not be read back as these keywords.
    """
    wire = encode(",".join(keywords))
    if parse(wire) != keywords:
        raise ParseError("not a list of solicitation class keywords")
    return wire
