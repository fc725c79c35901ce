"""A handler that shows every message on the standard output, for people who test what they send."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from smtpcore import Handler, Reply

if TYPE_CHECKING:
    from smtpcore import Envelope, ServerSession

FAULT = Reply(451, "Local error in delivery", "4.3.0")
_RULE = b"-" * 10


class PrintHandler(Handler):
    """Writes each message, trace lines and content, between two lines that name it; line ends become LF.

    A terminal gets control characters as escapes, for the content comes from strangers and a terminal obeys some.

    Args:
        file: The descriptor to write to.
        closed: Called when nobody reads it any more.
    """

    def __init__(self, file: int, closed: Callable[[], None]) -> None:
        self._file = file
        self._closed = closed
        self._terminal = os.isatty(file)
        # A reader that is slow or stopped blocks one thread, and not the sessions.
        self._thread = anyio.CapacityLimiter(1)
        self._lock = threading.Lock()

    async def message(self, session: ServerSession, envelope: Envelope) -> Reply | None:
        """Write it, whole."""
        try:
            await to_thread.run_sync(self._write, self._shown(envelope), abandon_on_cancel=True, limiter=self._thread)
        except OSError:
            self._closed()
            return FAULT
        return None

    def _shown(self, envelope: Envelope) -> bytes:
        sender = envelope.mail.path.to_wire()
        recipients = b", ".join(rcpt.path.to_wire() for rcpt in envelope.recipients)
        name = envelope.id.encode()
        head = b"%b message %b from %b to %b %b\n" % (_RULE, name, sender, recipients, _RULE)
        content = (envelope.trace + envelope.content).replace(b"\r\n", b"\n")
        if not content.endswith(b"\n"):
            content += b"\n"
        whole = b"%b%b%b end of %b %b\n" % (head, content, _RULE, name, _RULE)
        return visible(whole) if self._terminal else whole

    def _write(self, data: bytes) -> None:
        # One message at a time, even when the hook that sent an earlier thread was cancelled.
        with self._lock, memoryview(data) as rest:
            written = 0
            while written < len(rest):
                written += os.write(self._file, rest[written:])


def visible(text: bytes) -> bytes:
    """UTF-8 text with all that is not printable, line ends and tabs apart, as escapes."""
    shown = text.decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode() for char in shown
    ).encode("utf-8")
