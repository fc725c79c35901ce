"""The transport of a connection in a reactor: what asyncio's loops give to a protocol, over a socket of our own."""

from __future__ import annotations

import asyncio
import selectors
import socket
from contextvars import copy_context
from functools import partial

from .hooks import logger
from .protocol import Connection
from .reactor import Reactor

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class SocketTransport(asyncio.Transport):
    """Carries octets between a socket and a `Connection`, in the manner of asyncio and in this order.

    ``connection_made`` comes first and ``connection_lost`` last, from the reactor and never from within a call of the
    connection. What the kernel does not take at once is kept here, and then writing pauses.

    Args:
        reactor: Whose task calls the connection.
        sock: The socket, which does not block. It is closed behind ``connection_lost``.
        connection: Whose octets these are.
    """

    __slots__ = ("_closing", "_connection", "_context", "_end", "_events", "_paused", "_reactor", "_socket", "_unsent")

    def __init__(self, reactor: Reactor, sock: socket.socket, connection: Connection) -> None:
        super().__init__()
        self._reactor = reactor
        self._socket = sock
        self._connection = connection
        # What one connection's hooks set in context variables is no business of another's.
        self._context = copy_context()
        self._unsent = b""
        self._events = 0
        self._paused = self._end = self._closing = False

    def begin(self) -> None:
        """Tell the connection that it stands, and read."""
        # First what may fail: a connection that was told so stands.
        self._watch()
        self._context.run(self._connection.connection_made, self)

    # What the connection asks for.

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is kept back in any case."""

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

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, now or when the kernel takes it."""
        if self._unsent:
            self._unsent += data
        elif data and not self._closing:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._break(error)
                return
            if sent < len(data):
                self._unsent = bytes(data[sent:])
                self._connection.pause_writing()
                self._watch()

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

    def _ready(self, events: int) -> None:
        try:
            self._context.run(self._do, events)
        except Exception as error:
            # No peer can cause this, and it must not cost the other connections anything.
            logger.exception("internal error, the connection is closed")
            self._connection.abandon(error)

    def _do(self, events: int) -> None:
        # What is wanted may have become less since the reactor has looked.
        if events & self._events & _READ:
            self._read()
        if events & self._events & _WRITE:
            self._write_on()

    def _read(self) -> None:
        connection = self._connection
        try:
            count = self._socket.recv_into(connection.get_buffer(-1))
        except BlockingIOError:
            return
        except OSError as error:
            self._break(error)
            return
        if count:
            connection.buffer_updated(count)
        else:
            self.pause_reading()
            connection.eof_received()

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
            self._connection.resume_writing()
            if self._closing:
                self._lose(None)

    # The end.

    def _watch(self) -> None:
        events = (0 if self._paused or self._closing else _READ) | (_WRITE if self._unsent else 0)
        if events != self._events:
            self._reactor.watch(self._socket, self._events, events, self._ready)
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
        self._reactor.call_soon(partial(self._lost, error))

    def _lost(self, error: OSError | None) -> None:
        try:
            self._connection.connection_lost(error)
        finally:
            self._socket.close()
