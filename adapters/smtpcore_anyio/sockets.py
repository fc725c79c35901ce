"""Many sockets that are waited for at once: one descriptor is ready when any of them is."""

from __future__ import annotations

import select
import selectors
from contextvars import Context
from typing import Final, Protocol

READ: Final = 1
WRITE: Final = 4
"""What a socket can be ready for, in the numbers of epoll (epoll_ctl(2)). An error or a hang-up is told by other bits,
which come unasked and stand for both."""

READ_SIZE: Final = 65536
"""Octets of one read. Larger blocks of memory the C library takes from the system one by one, with page faults."""

_MOST = 256
"""Sockets that are told in one look; then others have their turn."""
_BATCH = 32
"""Of these, so many before what they have to say is written."""


class Watched(Protocol):
    """Whoever waits for a socket."""

    context: Context
    """Where it is called."""

    def ready(self, events: int) -> None:
        """The socket is, or was when it was looked at; it may be another's by now, or not be watched any more."""


class Writer(Protocol):
    """Whoever has put off a write."""

    context: Context
    """Where it is called."""

    def flush(self) -> None:
        """Write now."""


class Poll(Protocol):
    """What is used of epoll."""

    def register(self, fd: int, events: int) -> object:
        """Wait for a descriptor too."""

    def modify(self, fd: int, events: int) -> object:
        """Wait for other events of it."""

    def unregister(self, fd: int) -> object:
        """Wait for it no more."""

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """The descriptors that are ready, and for what."""

    def fileno(self) -> int:
        """What is ready when one of them is."""

    def close(self) -> None:
        """Let go of all."""


class SelectorPoll:
    """The same by what the system has in the place of epoll, such as kqueue."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fd: int, events: int) -> None:
        """Wait for a descriptor too."""
        self._selector.register(fd, _of_selectors(events))

    def modify(self, fd: int, events: int) -> None:
        """Wait for other events of it."""
        self._selector.modify(fd, _of_selectors(events))

    def unregister(self, fd: int) -> None:
        """Wait for it no more."""
        self._selector.unregister(fd)

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """The descriptors that are ready, and for what, however many they are."""
        return [
            (key.fd, (READ if events & selectors.EVENT_READ else 0) | (WRITE if events & selectors.EVENT_WRITE else 0))
            for key, events in self._selector.select(timeout)
        ]

    def fileno(self) -> int:
        """What is ready when one of them is."""
        return int(self._selector.fileno())  # see can_be_waited_for()

    def close(self) -> None:
        """Let go of all."""
        self._selector.close()


class Sockets:
    """Sockets that somebody waits for, and who."""

    def __init__(self) -> None:
        # Without the module selectors between: it makes an object of each event, at the price of a short hook.
        self._poll: Poll = select.epoll() if hasattr(select, "epoll") else SelectorPoll()
        self._watched: dict[int, Watched] = {}
        self._writers: list[Writer] = []
        self._closed = False
        self.holding = False
        """Several are called in a row, and what they have to write is put off by `write_later`."""

    def fileno(self) -> int:
        """The descriptor that is readable when one of the sockets is ready."""
        return self._poll.fileno()

    def watch(self, fd: int, events: int, who: Watched) -> None:
        """Call somebody when a socket is ready for these events, and no others that were watched for; 0 is for none.

        A socket that nothing is wanted of is not among those looked at, which would tell of an error again and again.
        Behind `close` nothing is done, nor for a socket that was closed by others and whose number is another's now.

        Raises:
            OSError: The socket cannot be watched.
        """
        if self._closed:
            return
        watched = self._watched.get(fd) is who
        if events and watched:
            self._poll.modify(fd, events)
        elif events:
            self._poll.register(fd, events)
            self._watched[fd] = who
        elif watched:
            del self._watched[fd]
            try:
                self._poll.unregister(fd)
            except OSError:
                pass  # It is closed, and the system has forgotten it.

    def look(self) -> bool:
        """Call whoever has something to do; whether anybody has."""
        found = self._poll.poll(0, _MOST)
        watched = self._watched.get
        for start in range(0, len(found), _BATCH):
            self.holding = len(found) > 1
            try:
                for fd, events in found[start : start + _BATCH]:
                    # The one before may have ended it.
                    if (who := watched(fd)) is not None:
                        who.context.run(who.ready, events)
            finally:
                self.release()
        return bool(found)

    def hold(self) -> None:
        """Put off what is written from now on.

        A peer on this machine is woken by what is sent to it, and that costs more than the sending. Of several that
        wait in one process only the first has to be woken if the others are answered right behind it.
        """
        self.holding = True

    def write_later(self, who: Writer) -> None:
        """Call somebody at the release."""
        self._writers.append(who)

    def release(self) -> None:
        """Have all written that was put off."""
        self.holding = False
        writers, self._writers = self._writers, []
        for who in writers:
            who.context.run(who.flush)

    def close(self) -> None:
        """Look at none any more."""
        self._closed = True
        self._watched.clear()
        self._poll.close()


def can_be_waited_for() -> bool:
    """Whether the system waits for many sockets at once by something that can be waited for itself; not on Windows."""
    return hasattr(selectors.DefaultSelector, "fileno")


def _of_selectors(events: int) -> int:
    return (selectors.EVENT_READ if events & READ else 0) | (selectors.EVENT_WRITE if events & WRITE else 0)
