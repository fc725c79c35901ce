"""The threads of a server, one for each connection."""

from __future__ import annotations

import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import TypeAlias

from .bell import Bell, selector

_PATIENCE = 10.0
"""Seconds that a thread waits for another connection."""
_Job: TypeAlias = tuple[Callable[[socket.socket], None], socket.socket]
ABORT_MARGIN = 1.0
"""Seconds that threads have to end once their connections are broken; those in a hook will not."""


class Workers:
    """Runs a function for each connection, in a thread for as long as it takes, and knows which still run.

    To start a thread costs as much as several commands, so one whose connection is over waits a while for the next.
    """

    ended: Bell
    """Rings each time that a connection has ended, while `awaited`."""
    awaited: bool
    """Whether somebody wants to hear of it: each ring costs two threads a turn."""

    def __init__(self) -> None:
        self.ended = Bell()
        self.awaited = False
        self._lock = threading.Lock()
        self._running: set[socket.socket] = set()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = 0
        self._over = False

    def __len__(self) -> int:
        """How many run now."""
        return len(self._running)

    def start(self, serve: Callable[[socket.socket], None], sock: socket.socket) -> None:
        """Have a connection served by a thread that serves no other meanwhile.

        Raises:
            RuntimeError: The system has no more threads; the socket is as it was.
        """
        with self._lock:
            self._running.add(sock)
            if self._idle:
                self._idle -= 1
                self._jobs.put((serve, sock))
                return
        # A daemon, since a plain hook that never returns must not keep the process from ending.
        thread = threading.Thread(target=self._work, args=((serve, sock),), name="smtpcore connection", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._running.remove(sock)
            raise

    def _work(self, job: _Job | None) -> None:
        while job is not None:
            serve, sock = job
            try:
                # As in a thread of its own: what hooks set in context variables is gone with the connection.
                Context().run(serve, sock)
            finally:
                with self._lock:
                    self._running.remove(sock)
                if self.awaited:
                    self.ended.ring()
            del serve, sock
            job = self._next_job()

    def _next_job(self) -> _Job | None:
        """Wait for another connection, but not for ever."""
        with self._lock:
            if self._over:
                return None
            self._idle += 1
        try:
            return self._jobs.get(timeout=_PATIENCE)
        except queue.Empty:
            with self._lock:
                if self._idle:
                    self._idle -= 1
                    return None
        # One was counted on in this very moment.
        return self._jobs.get()

    def see_out(self, deadline: Callable[[], float], sooner: Bell) -> None:
        """Wait until all have ended; break the connections of those that have not when it is time.

        Args:
            deadline: When it is, in monotonic seconds.
            sooner: Rings when the deadline has become another.
        """
        self.awaited = True
        with self._lock:
            self._over = True
            for _ in range(self._idle):
                self._jobs.put(None)
            self._idle = 0
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
            for sock in self._running:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # It is closed or reset already.
