"""``AUTH=`` on MAIL: who submitted the message, as far as the client says (RFC 4954 5)."""

from __future__ import annotations

from smtpcore.params import mailbox
from smtpcore.params.xtext import decode
from smtpcore.paths import Path

_NULL = Path("", "")


def parse(value: bytes, *, utf8: bool = False) -> Path:
    """The mailbox, or the null path for ``<>``: not known, or not trusted.

    Args:
        value: The value of the parameter, xtext.
        utf8: Whether the command asks for SMTPUTF8 (RFC 6531 3.3).

    Raises:
        ParseError: What is encoded is neither.
    """
    return _NULL if decode(value, utf8=utf8) == b"<>" else mailbox.parse(value, utf8=utf8)


def write(path: Path, *, utf8: bool = False) -> bytes:
    """The value as a client sends it, ``<>`` for the null path.

    Args:
        path: The mailbox, or the null path.
        utf8: Whether the command asks for SMTPUTF8 (RFC 6531 3.3).

    Raises:
        ParseError: It is neither, or cannot be sent, or not without SMTPUTF8.
    """
    return b"<>" if path.is_null else mailbox.write(path, utf8=utf8)
