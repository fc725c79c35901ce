"""``MT-PRIORITY=``: how urgent the message is on its way (RFC 6710)."""

from __future__ import annotations

import re

from smtpcore.digits import decimal
from smtpcore.errors import ParseError

# RFC 6710 7: no sign but the minus, no leading zero.
_PRIORITY = re.compile(rb"0|-?[1-9]")


def parse(value: bytes) -> int:
    """-9 to 9; higher is more urgent, 0 what a message has that says nothing.

    Raises:
        ParseError: Anything else.
    """
    if not _PRIORITY.fullmatch(value):
        raise ParseError("not -9 to 9")
    return int(value)


def write(priority: int) -> bytes:
    """The value as a client sends it.

    Raises:
        ParseError: Not -9 to 9.
    """
    return decimal(priority, -9, 9)
