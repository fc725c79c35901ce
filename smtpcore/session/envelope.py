"""A mail transaction as the application sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from smtpcore.body import NO_DEFECT, Defect
from smtpcore.commands import Mail, Rcpt
from smtpcore.paths import Path


@dataclass(slots=True)
class Envelope:
    """Who sends what to whom (RFC 5321 2.3.1)."""

    id: str
    """Unique in this process: the session's id and the number of the transaction in it."""
    mail: Mail
    """The reverse path and its parameters."""
    recipients: list[Rcpt] = field(default_factory=list)
    """Those that were accepted, in order, duplicates included."""
    auth: Path | None = None
    """Who submitted the message, as far as the client may be believed: what ``mail.auth`` claims if it is trusted, the
    null path if not; None where nothing was claimed (RFC 4954 5)."""
    priority: int = 0
    """-9 to 9: what ``mail.mt_priority`` asks for, but not above 0 for a client that is not trusted (RFC 6710 4.1)."""
    content: bytes = b""
    """The message as it was sent, unstuffed; for ``message``, empty where a sink took it."""
    size: int = 0
    """Octets of the content so far, CRLF counted."""
    defects: Defect = NO_DEFECT
    """What was found in the content, known at its end."""
    _trace: Callable[[Envelope], bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def trace(self) -> bytes:
        """The trace lines a delivering server puts before the content: Return-Path and Received (RFC 5321 4.4).

        The time in it is when the content began to come.
        """
        return self._trace(self) if self._trace is not None else b""
