"""How one thread wakes others that wait for their sockets."""

from __future__ import annotations

import select
import selectors
import signal
import socket
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

Selector: TypeAlias = selectors.BaseSelector


def selector() -> Selector:
    """A selector that needs no descriptor of its own, since every connection has one, where the system has it."""
    # select() cannot watch descriptors over 1023, and a busy server has those; it is all that Windows has.
    return selectors.PollSelector() if hasattr(select, "poll") else selectors.SelectSelector()


class Bell:
    """Can be watched by any number of selectors; once rung it stays so for all of them, until `clear`.

    Ringing takes no lock: it may be done in a signal handler, whatever it has interrupted.
    """

    __slots__ = ("__weakref__", "_reader", "_writer", "rung")

    rung: bool

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.rung = False
        # A thread that a hook keeps for ever may come back to its bell after all: the sockets go with the last user.
        weakref.finalize(self, _close, self._reader, self._writer)

    def fileno(self) -> int:
        """The descriptor to watch; it is readable once the bell was rung."""
        return self._reader.fileno()

    def ring(self) -> None:
        """Wake all that watch."""
        self.rung = True
        try:
            self._writer.send(b"!")
        except BlockingIOError:
            pass  # It is full of earlier rings that nobody cleared, and rings loud enough.

    def clear(self) -> None:
        """Make the bell ready to ring again."""
        self.rung = False
        try:
            while self._reader.recv(4096):
                pass
        except BlockingIOError:
            pass

    @contextmanager
    def rung_by_signals(self) -> Iterator[None]:
        """Have signals wake all that watch, if this is the main thread and nobody else is told of signals.

        The main thread runs signal handlers, but only between two steps of its own: one that comes in just before it
        waits, or to another thread, would not be run before the wait is over.
        """
        hears = self._hear_signals()
        try:
            yield
        finally:
            if hears:
                signal.set_wakeup_fd(-1)

    def _hear_signals(self) -> bool:
        try:
            before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        except ValueError:
            return False  # It is another thread, where signal handlers do not run.
        if before == -1:
            return True
        try:
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        except OSError:
            return True  # Whoever was told has closed it.
        return False


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        each.close()
