"""A socket, what is still to be written to it, and the places where its thread waits."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from typing import Final

from smtpcore_tls import LINGER_OCTETS

from .bell import Bell, selector

READ_SIZE = 64 * 1024
"""Octets of one read."""
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

_MOMENT: Final = 0.1
"""Seconds that `Channel.read_soon` waits. It hears no bell, so a stop is that late for a peer that has just spoken."""
# What tells a call not to block. Windows has no such thing.
_AT_ONCE: Final[int] = getattr(socket, "MSG_DONTWAIT", 0)


class Channel:
    """The transport of one connection. Whatever goes wrong with it is an OSError."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._unsent: bytes | bytearray = b""
        self._selector = selector()
        self._events = 0
        self._bell: Bell | None = None
        self._patient = _make_patient(sock)
        sock.setblocking(self._patient)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            # Replies are small and each is waited for: none may be kept back for the acknowledgement of the last.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def unsent(self) -> bool:
        """Something is still to be written."""
        return bool(self._unsent)

    def put(self, octets: bytes) -> None:
        """Have octets written by the next calls of `flush`."""
        if self._unsent:
            self._unsent += octets
        else:
            # Nearly always it is a reply that goes out whole.
            self._unsent = octets

    def flush(self) -> bool:
        """Write what the transport takes now; true if that was all."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent, _AT_ONCE) :]
        except BlockingIOError:
            return False
        return True

    def read(self) -> bytes | None:
        """What can be read now, ``b""`` at the end of the input, ``None`` if there is nothing yet."""
        try:
            return self._socket.recv(READ_SIZE, _AT_ONCE)
        except BlockingIOError:
            return None

    def read_soon(self, seconds: float | None) -> bytes | None:
        """The same, for a moment: what nearly always comes is read by one call, without a look at a selector before.

        Every call of the system lets another thread run, which costs more than the call.

        Args:
            seconds: What is left of the time to wait; ``None`` for no limit. If it is less than a moment nothing is
                read.
        """
        if not self._patient or (seconds is not None and seconds < _MOMENT):
            return None
        try:
            return self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return None

    def watch(self, bell: Bell | None) -> None:
        """Let this bell, and no other any more, end a `wait`."""
        if self._bell is not None:
            self._selector.unregister(self._bell)
        self._bell = bell
        if bell is not None:
            self._selector.register(bell, READ)

    def wait(self, events: int, seconds: float | None) -> bool:
        """Wait until one of the events is there (reading, writing, or 0 for neither) or the bell was rung.

        Returns:
            False if the time ran out; ``None`` for it is no limit.
        """
        if events != self._events:
            if not self._events:
                self._selector.register(self._socket, events)
            elif not events:
                self._selector.unregister(self._socket)
            else:
                self._selector.modify(self._socket, events)
            self._events = events
        return bool(self._selector.select(seconds))

    def finish(self, seconds: float) -> None:
        """Write what is left, end the output, and discard input until the peer has ended it too.

        Args:
            seconds: How long all of this may take; input is discarded up to `LINGER_OCTETS`.
        """
        self.watch(None)
        deadline = time.monotonic() + seconds
        open_for_writing, budget = True, LINGER_OCTETS
        while budget > 0:
            if open_for_writing and self.flush():
                self._socket.shutdown(socket.SHUT_WR)
                open_for_writing = False
            left = deadline - time.monotonic()
            if left <= 0 or not self.wait(READ | WRITE if open_for_writing else READ, left):
                return
            octets = self.read()
            if octets:
                budget -= len(octets)
            elif octets is not None:
                return

    def close(self) -> None:
        """Close the socket at once; safe to call again."""
        self._selector.close()
        self._socket.close()


def _make_patient(sock: socket.socket) -> bool:
    """Have a read of this socket wait for a moment at the most, and no longer; false where that cannot be had."""
    # Python repeats a read that a signal has interrupted, with a new moment. Signals come to the main thread, and where
    # they come often its reads would never end.
    if not _AT_ONCE or threading.current_thread() is threading.main_thread():
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(_MOMENT * 1_000_000)))
    except OSError:
        return False  # The system counts in another way.
    return True
