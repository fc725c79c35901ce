"""A mailbox in xtext, the value of ``AUTH=`` and ``SUBMITTER=``."""

from __future__ import annotations

from smtpcore.errors import ParseError
from smtpcore.params import xtext
from smtpcore.paths import Path


def parse(value: bytes, *, utf8: bool = False) -> Path:
    """Decode, then read as a mailbox like any other, so that no control octet hidden in xtext comes through.

    Args:
        value: The value of the parameter.
        utf8: Whether the command asks for SMTPUTF8 (RFC 6531 3.3).

    Raises:
        ParseError: Not xtext, or something else than ``local@domain`` in it.
    """
    mailbox = Path.parse(b"<%b>" % xtext.decode(value, utf8=utf8), utf8=utf8)
    if not mailbox.domain or mailbox.route:
        raise ParseError("not a mailbox")
    return mailbox


def write(mailbox: Path, *, utf8: bool = False) -> bytes:
    """The mailbox as a client sends it, what is not ASCII in xtext too, so that every reader of xtext can take it.

    Args:
        mailbox: ``local@domain``.
        utf8: Whether the command asks for SMTPUTF8 (RFC 6531 3.3).

    Raises:
        ParseError: It is no mailbox, or cannot be sent, or not without SMTPUTF8.
    """
    # That it is read back as the same path is proven by Path.to_wire; what it must not be here, parse() knows.
    wire = xtext.encode(mailbox.to_wire()[1:-1])
    parse(wire, utf8=utf8)
    return wire
