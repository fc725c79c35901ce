"""The threads of a server, one for each connection."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable

from .bell import Bell, selector

ABORT_MARGIN = 1.0
"""Seconds that threads have to end once their connections are broken; those in a hook will not."""


class Workers:
    """Runs a function for each connection, and knows which still do."""

    ended: Bell
    """Rings each time that one has ended."""

    def __init__(self) -> None:
        self.ended = Bell()
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, socket.socket] = {}

    def __len__(self) -> int:
        """How many run now."""
        return len(self._running)

    def start(self, serve: Callable[[socket.socket], None], sock: socket.socket) -> None:
        """Have a connection served by a new thread.

        Raises:
            RuntimeError: The system has no more threads; the socket is as it was.
        """

        def work() -> None:
            try:
                serve(sock)
            finally:
                with self._lock:
                    del self._running[thread]
                self.ended.ring()

        # A daemon, since a plain hook that never returns must not keep the process from ending.
        thread = threading.Thread(target=work, name="smtpcore connection", daemon=True)
        with self._lock:
            self._running[thread] = sock
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                del self._running[thread]
            raise

    def see_out(self, deadline: Callable[[], float], sooner: Bell) -> None:
        """Wait until all have ended; break the connections of those that have not when it is time.

        Args:
            deadline: When it is, in monotonic seconds.
            sooner: Rings when the deadline has become another.
        """
        over: float | None = None
        with selector() as watched:
            for bell in (self.ended, sooner):
                watched.register(bell, selectors.EVENT_READ)
            while self._running:
                if over is None and deadline() <= time.monotonic():
                    self._abort()
                    over = time.monotonic() + ABORT_MARGIN
                left = (deadline() if over is None else over) - time.monotonic()
                if left <= 0:
                    return
                for key, _ in watched.select(left):
                    if key.fileobj is self.ended:
                        self.ended.clear()
                    else:
                        watched.unregister(sooner)

    def _abort(self) -> None:
        with self._lock:
            for sock in self._running.values():
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # It is closed or reset already.
