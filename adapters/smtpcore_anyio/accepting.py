"""Taking connections off a listening socket: in a task, or in callbacks of a reactor, which cost less."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from enum import Enum, auto

import anyio
import anyio.lowlevel

from .hooks import logger
from .reactor import Reactor
from .sockets import READ

# The listening socket itself is of no use any more.
_FATAL = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP})
# The system has nothing left for a new connection.
_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# Seconds until accepting is tried again then.
_RETRY = 0.2
# Connections that are accepted in a row; then those that stand have their turn.
_TURN = 100


class Halt(Enum):
    """Why no more connections are accepted for now."""

    EMPTY = auto()
    """There are none."""
    FULL = auto()
    """There are as many open as there may be."""
    SHORT = auto()
    """The system has nothing left for another."""
    TURN = auto()
    """Others have their turn."""


class Acceptor:
    """Accepts from one socket.

    Args:
        listening: The socket, which does not block.
        vacant: Whether there may be one more connection.
        begin: Is given each connection and the address of its peer; whatever goes wrong is its own affair.
    """

    def __init__(
        self, listening: socket.socket, vacant: Callable[[], bool], begin: Callable[[socket.socket, object], None]
    ) -> None:
        self._listening = listening
        self._vacant = vacant
        self._begin = begin
        self.context = copy_context()
        self._short = False
        self._watching = False
        self._error: OSError | None = None

    async def in_task(self, until_vacant: Callable[[], Awaitable[None]]) -> None:
        """Accept until this is cancelled.

        Args:
            until_vacant: Waits until there may be one more.

        Raises:
            OSError: The socket is broken.
        """
        while True:
            match self._take():
                case Halt.EMPTY:
                    await anyio.wait_readable(self._listening)
                case Halt.FULL:
                    await until_vacant()
                case Halt.SHORT:
                    await anyio.sleep(_RETRY)
                case Halt.TURN:
                    await anyio.lowlevel.checkpoint()

    async def in_callbacks(self, reactor: Reactor) -> None:
        """The same in a reactor; who was told that there is no room calls `resume`."""
        self._reactor = reactor
        self._descriptor = self._listening.fileno()
        self._over = anyio.Event()
        self.resume()
        # A socket that was broken by others may never become readable.
        self.ready(READ)
        try:
            await self._over.wait()
        finally:
            self._over.set()
            self._pause()
        if self._error is not None:
            raise self._error

    def wake(self) -> None:
        """The system may have something left again."""
        self.resume()

    def resume(self) -> None:
        """There may be room again."""
        if self._watching or self._over.is_set():
            return
        try:
            if self._listening.fileno() != self._descriptor:
                raise OSError(errno.EBADF, "the listening socket was closed")
            self._reactor.sockets.watch(self._descriptor, READ, self)
        except OSError as error:
            self._fail(error)
        else:
            self._watching = True

    def _pause(self) -> None:
        if self._watching:
            self._watching = False
            self._reactor.sockets.watch(self._descriptor, 0, self)

    def _fail(self, error: OSError) -> None:
        self._pause()
        self._error = error
        self._over.set()

    def ready(self, events: int) -> None:
        """There may be connections, or an error."""
        try:
            halt = self._take()
        except OSError as error:
            self._fail(error)
            return
        # Else the reactor calls again, for it looks whether there is something and not whether something came.
        if halt is Halt.FULL:
            self._pause()
        elif halt is Halt.SHORT:
            self._pause()
            self._reactor.wake_at(self._reactor.time() + _RETRY, self)

    def _take(self) -> Halt:
        for _ in range(_TURN):
            if not self._vacant():
                return Halt.FULL
            try:
                sock, remote = self._listening.accept()
            except BlockingIOError:
                return Halt.EMPTY
            except OSError as error:
                if error.errno in _FATAL:
                    raise
                if error.errno in _SHORTAGE:
                    if not self._short:
                        logger.warning("cannot accept connections: %s", error.strerror)
                    self._short = True
                    return Halt.SHORT
                # Else it is about one connection that was gone before it was accepted (accept(2)).
            else:
                self._short = False
                self._begin(sock, remote)
        return Halt.TURN
