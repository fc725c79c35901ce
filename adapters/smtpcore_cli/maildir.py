"""A handler that delivers into a Maildir.

It is for async adapters: what blocks runs in worker threads, for one slow fsync in the event loop would stop every
other session.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from smtpcore import BodySink, Handler, Reply
from smtpcore.handler import Answer
from smtpcore.pieces import keep

from .delivery import Delivery, Maildir
from .errors import reason

if TYPE_CHECKING:
    from smtpcore import Envelope, ServerSession

FULL = Reply(452, "Insufficient system storage", "4.3.1")
FAULT = Reply(451, "Local error in delivery", "4.3.0")

_FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_BATCH = 64 * 1024
"""Octets of a message that are kept before a thread is sent to write them; most messages need one thread once."""
_THREADS = 16
"""Deliveries that write at once. More would wait for the disk all the same."""


def _silent(line: str) -> None:
    """Nobody wants to know."""


class MaildirHandler(Handler):
    """Delivers every message into one Maildir, once, whatever the number of its recipients.

    A file holds the trace lines, Return-Path first, and then the content octet by octet as it was sent (CRLF stays).
    The answer is 250 when the file and its name are on the disk, 452 when the disk is full, 451 for all else the
    system refuses; of a message that is refused nothing is left.

    Args:
        maildir: Where to; call its ``prepare()`` first.
        log: Takes a line for the operator about each message that could not be delivered.
    """

    def __init__(self, maildir: Maildir, log: Callable[[str], None] = _silent) -> None:
        self._maildir = maildir
        self._log = log
        self._threads = anyio.CapacityLimiter(_THREADS)

    def data(self, session: ServerSession, envelope: Envelope) -> BodySink:
        """Stream the content to a file."""
        return _MaildirSink(self._maildir.deliver(), envelope, self._threads, self._log)


class _MaildirSink(BodySink):
    def __init__(
        self, delivery: Delivery, envelope: Envelope, threads: anyio.CapacityLimiter, log: Callable[[str], None]
    ) -> None:
        self._delivery = delivery
        self._id = envelope.id
        self._threads = threads
        self._log = log
        # RFC 5321 4.4: who makes the final delivery writes Return-Path first, then the Received of its own.
        self._parts = keep(None, envelope.trace)
        self._kept = 0

    def write(self, chunk: bytes) -> Answer:
        self._parts = keep(self._parts, chunk)
        self._kept += len(chunk)
        return self._in_thread(self._delivery.write) if self._kept >= _BATCH else None

    async def finish(self) -> Reply:
        refusal = await self._in_thread(self._delivery.commit)
        return refusal or Reply(250, f"queued as {self._id}", "2.0.0")

    def abort(self) -> None:
        # Not async: a server that is stopped by force awaits nothing any more.
        self._parts.clear()
        self._delivery.abandon()

    async def _in_thread(self, work: Callable[[bytes], object]) -> Reply | None:
        data = b"".join(self._parts)
        self._parts.clear()
        self._kept = 0
        try:
            # A cancelled hook does not wait for a disk that hangs. Its thread sees later that it was abandoned.
            await to_thread.run_sync(work, data, abandon_on_cancel=True, limiter=self._threads)
        except OSError as error:
            self._log(f"{self._id} not delivered: {reason(error)}")
            return FULL if error.errno in _FULL else FAULT
        except BaseException:
            self._delivery.abandon()
            raise
        return None
