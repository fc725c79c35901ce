"""The listening sockets of several workers: each worker has a slot, whose sockets outlive it.

The sockets are made once, before there is any worker, and inherited. A connection that waits in the queue of a socket
is lost only when nobody has the socket any more; so one that comes while a worker is replaced, or after it has died, is
served by the worker that takes the slot next.
"""

from __future__ import annotations

import socket
import sys
from dataclasses import replace

from smtpcore_anyio import Listener

from .errors import UsageError, reason
from .serving import Places

_BACKLOG = 1024
_SPREADS = sys.platform == "linux"
"""Whether the kernel spreads connections over the sockets of one port (SO_REUSEPORT). On other systems the option means
something else, mostly that one of the sockets gets them all: there the workers share a socket and race for it."""


class Slots:
    """The sockets of so many workers.

    Args:
        places: Where to listen; the first worker has these sockets.
        count: Of workers.

    Raises:
        UsageError: There are no more sockets to be had.
    """

    def __init__(self, places: Places, count: int) -> None:
        self._places = places
        self._slots: list[Places] = []
        try:
            for number in range(count):
                # Without its path, for the file of a unix socket goes with the last worker and not with the first.
                self._slots.append(
                    [
                        (service, replace(listener, sockets=_sockets(listener, number), path=None))
                        for service, listener in places
                    ]
                )
        except OSError as error:
            self.close()
            raise UsageError(f"cannot listen with {count} workers: {reason(error)}") from error

    def __getitem__(self, number: int) -> Places:
        return self._slots[number]

    def keep(self, number: int) -> None:
        """Close all that is not of this slot. What others have inherited stays open."""
        kept = {sock for _, listener in self._slots[number] for sock in listener.sockets}
        for sock in self._sockets() - kept:
            sock.close()

    def close(self) -> None:
        """Close all, and remove the files of unix sockets. What others have inherited stays open."""
        for sock in self._sockets():
            sock.close()
        # Once: a file that has this path later may well have the same inode.
        places, self._places = self._places, ()
        for _, listener in places:
            listener.close()

    def _sockets(self) -> set[socket.socket]:
        return {sock for places in self._slots for _, listener in places for sock in listener.sockets}


def _sockets(listener: Listener, number: int) -> tuple[socket.socket, ...]:
    if number == 0 or listener.path is not None or not _SPREADS:
        return listener.sockets
    return tuple(_sibling(sock) for sock in listener.sockets)


def _sibling(sock: socket.socket) -> socket.socket:
    """Another socket that listens at the same address."""
    # The first one was bound without the option, so that a port on which others listen is an error and not shared.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made = socket.socket(sock.family, sock.type, sock.proto)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sock.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(sock.getsockname())
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
