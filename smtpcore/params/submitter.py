"""``SUBMITTER=``: the address held responsible for the message as it is sent now (RFC 4405 4)."""

from __future__ import annotations

from smtpcore.params import mailbox
from smtpcore.paths import Path


def parse(value: bytes, *, utf8: bool = False) -> Path:
    """The mailbox. Unlike ``AUTH=`` it is never null, not even with a null reverse path (RFC 4405 4.1).

    Args:
        value: The value of the parameter, xtext.
        utf8: Whether the command asks for SMTPUTF8 (RFC 6531 3.3).

    Raises:
        ParseError: What is encoded is no mailbox.
    """
    return mailbox.parse(value, utf8=utf8)
