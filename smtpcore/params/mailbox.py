"""A mailbox in xtext, the value of ``AUTH=`` and ``SUBMITTER=``."""

from __future__ import annotations

from smtpcore.errors import ParseError
from smtpcore.params.xtext import decode
from smtpcore.paths import Path


def parse(value: bytes, *, utf8: bool = False) -> Path:
    """Decode, then read as a mailbox like any other, so that no control octet hidden in xtext comes through.

    Args:
        value: The value of the parameter.
        utf8: Whether the command asks for SMTPUTF8 (RFC 6531 3.3).

    Raises:
        ParseError: Not xtext, or something else than ``local@domain`` in it.
    """
    mailbox = Path.parse(b"<%b>" % decode(value, utf8=utf8), utf8=utf8)
    if not mailbox.domain or mailbox.route:
        raise ParseError("not a mailbox")
    return mailbox
