"""The transport of a connection: what asyncio's loops give to a protocol, over a socket in a reactor."""

from __future__ import annotations

import socket
from contextvars import copy_context
from functools import partial

from .hooks import logger
from .protocol import Connection
from .reactor import Reactor
from .sockets import READ, READ_SIZE, WRITE


class SocketTransport:
    """Carries octets between a socket and a `Connection`, in the manner of asyncio and in this order.

    ``connection_made`` comes first and ``connection_lost`` last, from the reactor and never from within a call of the
    connection. What the kernel does not take at once is kept here; ``resume_writing`` tells that it is gone.

    Args:
        reactor: Whose task calls the connection.
        sock: The socket, which does not block. It is closed behind ``connection_lost``.
        connection: Whose octets these are.
    """

    # Compiled classes let nothing be deleted that is not named here.
    __deletable__ = ("_connection",)
    __slots__ = ("_closing", "_connection", "_end", "_events", "_paused", "_reactor", "_socket", "_unsent", "context")

    def __init__(self, reactor: Reactor, sock: socket.socket, connection: Connection) -> None:
        self._reactor = reactor
        self._socket = sock
        self._connection = connection
        self.context = copy_context()
        """Where the connection is called: what its hooks set in context variables is no business of another's."""
        self._unsent = b""
        self._events = 0
        self._paused = self._end = self._closing = False

    def begin(self) -> None:
        """Tell the connection that it stands, and read."""
        # First what may fail: a connection that was told so stands.
        self._watch()
        self.context.run(self._connection.connection_made, self)

    # What the connection asks for.

    def is_closing(self) -> bool:
        """Whether the end has begun."""
        return self._closing

    def pause_reading(self) -> None:
        """Leave in the kernel what comes."""
        self._paused = True
        self._watch()

    def resume_reading(self) -> None:
        """Read again."""
        self._paused = False
        self._watch()

    def look(self) -> None:
        """Read what is there, if it is wanted."""
        self.ready(READ)

    def write(self, data: bytes) -> bool:
        """Write, now or when the kernel takes it.

        Returns:
            Whether the kernel has all of it. If not, ``resume_writing`` or ``connection_lost`` follows.
        """
        if self._unsent:
            self._unsent += data
            return False
        if self._closing:
            return False
        if data:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._break(error)
                return False
            if sent < len(data):
                self._unsent = data[sent:]
                self._watch()
                return False
        return True

    def write_eof(self) -> None:
        """End our direction behind what was written.

        Raises:
            OSError: The peer has reset the connection.
        """
        self._end = True
        if not self._unsent:
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Read no more, and end the connection behind what was written."""
        if not self._closing:
            self._closing = True
            self._watch()
            if not self._unsent:
                self._lose(None)

    def abort(self) -> None:
        """End the connection now."""
        self._break(None)

    # What the reactor says.

    def ready(self, events: int) -> None:
        """The socket is ready, or was when it was looked at."""
        # What is wanted may have become less since. An error and a hang-up come by bits of their own.
        try:
            if self._events & READ and events != WRITE:
                self._read()
            if self._events & WRITE and events != READ:
                self._write_on()
        except Exception as error:
            # No peer can cause this, and it must not cost the other connections anything.
            logger.exception("internal error, the connection is closed")
            self._connection.abandon(error)

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._break(error)
            return
        if data:
            self._connection.data_received(data)
        else:
            self.pause_reading()
            self._connection.eof_received()

    def _write_on(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
            if self._end and not self._unsent:
                self._socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError as error:
            self._break(error)
            return
        if not self._unsent:
            self._watch()
            if self._closing:
                self._lose(None)
            else:
                self._connection.resume_writing()

    # The end.

    def _watch(self) -> None:
        events = (0 if self._paused or self._closing else READ) | (WRITE if self._unsent else 0)
        if events != self._events:
            self._reactor.sockets.watch(self._socket.fileno(), events, self)
            self._events = events

    def _break(self, error: OSError | None) -> None:
        """The connection is gone, or is to be: nothing more is written."""
        if self._unsent or not self._closing:
            self._closing = True
            self._unsent = b""
            self._watch()
            self._lose(error)
        elif self._events:
            # All was written, and the end behind it failed.
            self._watch()
            self._lose(error)

    def _lose(self, error: OSError | None) -> None:
        self._reactor.call_soon(partial(self._lost, error), self.context)

    def _lost(self, error: OSError | None) -> None:
        try:
            self._connection.connection_lost(error)
        finally:
            self._socket.close()
            # Each has the other, and neither is to wait for the collector.
            del self._connection
