"""A mail transaction as the application sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from smtpcore.body import NO_DEFECT, Defect
from smtpcore.commands import Mail, Rcpt
from smtpcore.paths import Path
from smtpcore.session.received import trace_lines


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
    _received: Callable[[Envelope], bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def received(self) -> bytes:
        """The Received line that a relaying server puts before the content (RFC 5321 4.4); empty before the content.

        The time in it is when the content began to come.
        """
        return self._received(self) if self._received is not None else b""

    @property
    def trace(self) -> bytes:
        """The trace lines that a delivering server puts before the content: Return-Path, then ``received``."""
        received = self.received
        return trace_lines(self.mail.path, received) if received else b""
