"""``AUTH=`` on MAIL: who submitted the message, as far as the client says (RFC 4954 5)."""

from __future__ import annotations

from smtpcore.errors import ParseError
from smtpcore.params.xtext import decode
from smtpcore.paths import Path

_NULL = Path("", "")


def parse(value: bytes) -> Path:
    """The mailbox, or the null path for ``<>``: not known, or not trusted."""
    if value == b"<>":
        return _NULL
    # What was hidden in xtext is read as a mailbox like any other, so no control octet comes through.
    mailbox = Path.parse(b"<%b>" % decode(value))
    if not mailbox.domain:
        raise ParseError("not a mailbox")
    return mailbox
