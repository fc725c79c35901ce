"""The server: listeners in, connections over, all of them ended when it stops."""

from __future__ import annotations

import dataclasses
import math
import socket
import ssl
from collections.abc import Callable
from functools import partial

import anyio
import anyio.abc
from smtpcore_tls import peer_from

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, Peer, ServerConfig

from .accepting import Acceptor
from .hooks import logger
from .listeners import Address, Listener
from .protocol import Connection
from .reactor import Reactor, reactor_of_this_loop
from .service import Service
from .streams import StreamConnection
from .transport import SocketTransport

_INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})


class Server:
    """Accepts connections and runs a session on each, on asyncio (with any event loop) or trio.

    Args:
        config: The settings of all sessions.
        handler: The application; its hooks run in the event loop, plain ones must not block it.
        tls_context: The certificate, for STARTTLS and for listeners with implicit TLS.
        gate: Counts connections and turns away those over its limits, with 421.
        observer: Called for each connection; what it returns watches the session.
        max_connections: While so many are open no more are accepted; they wait in the kernel's queue. The bound on
            files and memory behind the `gate`, whose total should be lower.

    Raises:
        ValueError: The configuration offers TLS and there is no `tls_context`.
    """

    def __init__(
        self,
        config: ServerConfig,
        handler: Handler,
        *,
        tls_context: ssl.SSLContext | None = None,
        gate: Gate | None = None,
        observer: Callable[[], Observer | None] | None = None,
        max_connections: int | None = None,
    ) -> None:
        if max_connections is not None and max_connections < 1:
            raise ValueError("max_connections is at least 1")
        self.service = Service(config, handler, tls_context, gate, observer)
        self.tasks: anyio.abc.TaskGroup
        self._max_connections = max_connections
        self._addresses: list[Address] = []
        self._connections: set[Connection | StreamConnection] = set()
        self._acceptors: list[Acceptor] = []
        self._reactor: Reactor | None = None
        self._open = 0
        self._change: anyio.Event | None = None
        self._accepting: anyio.CancelScope | None = None
        self._all: anyio.CancelScope | None = None
        self._closed = self._stopped = self._aborted = False
        self._grace_ends = math.inf

    @property
    def addresses(self) -> list[Address]:
        """Where the server listens, in the order of the listeners: host and port, or the path of a unix socket."""
        return list(self._addresses)

    async def serve(
        self, *listeners: Listener, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Accept connections until `stop`, and return when all of them are over. The listeners are closed.

        Cancelling it ends everything at once: hooks are cancelled, nothing more is sent.

        Args:
            listeners: Where connections arrive, one or more.
            task_status: ``started()`` is called when all of them accept.

        Raises:
            ValueError: There is no listener, one is for implicit TLS and there is no certificate, or one is at a port
                that the settings are not for.
            RuntimeError: The server has served before.
            OSError: A listening socket was closed or broken by somebody else; in an exception group.
        """
        try:
            if self._all is not None:
                raise RuntimeError("a server serves once: make another, or give all listeners in one call")
            if not listeners:
                raise ValueError("nothing to serve: give at least one listener")
            services = self._services(listeners)
            self._addresses = [address for listener in listeners for address in listener.addresses]
            for address in self._addresses:
                self.service.config.check_port(address[1] if isinstance(address, tuple) else None)
            self._accepting, self._all = anyio.CancelScope(), anyio.CancelScope()
            if self._closed or self._stopped:
                self._accepting.cancel()
            with self._all:
                async with anyio.create_task_group() as self.tasks:
                    self._reactor = reactor_of_this_loop()
                    if self._reactor is not None:
                        self.tasks.start_soon(self._reactor.run)
                    await self._serve(services, task_status)
                    if self._reactor is not None:
                        self._reactor.stop()
        finally:
            for listener in listeners:
                listener.close()

    def stop_accepting(self) -> None:
        """Accept no more; `serve` returns when the sessions that stand have ended, and `stop` may still end them.

        The listeners are closed. Where another process has the same sockets, it takes what waits in their queues.
        """
        self._closed = True
        if self._accepting is not None:
            self._accepting.cancel()

    def stop(self, grace: float = 30.0) -> None:
        """Stop accepting and let every session end; `serve` returns when they have. Safe to call again.

        Sessions without a mail transaction end at once, the others may finish theirs. Those that have not when the
        grace is over are told so and ended, their hooks cancelled. What stands in spite of that when another
        ``timeouts.linger`` has passed is cut off.

        Args:
            grace: Seconds. A further call can only shorten it; 0 forces the end.
        """
        self._stopped = True
        if self._all is None or self._accepting is None:
            return
        now = anyio.current_time()
        self._grace_ends = min(self._grace_ends, now + grace)
        self._accepting.cancel()
        self._all.deadline = self._grace_ends + self.service.config.timeouts.linger
        for connection in tuple(self._connections):
            connection.shutdown(self._grace_ends - now)

    # What connections say.

    def opened(self, connection: Connection | StreamConnection) -> None:
        """A connection stands; its session has not begun."""
        self._connections.add(connection)
        if self._aborted and isinstance(connection, Connection):
            connection.abandon()
        elif self._stopped:
            # It was accepted in the last moment.
            connection.session.shutdown(max(0.0, self._grace_ends - anyio.current_time()))

    def over(self, connection: Connection) -> None:
        """A connection is over, its place free."""
        self._connections.discard(connection)
        self._release()

    # Accepting.

    def _services(self, listeners: tuple[Listener, ...]) -> list[tuple[socket.socket, Service]]:
        plain = secure = self.service
        if any(listener.implicit_tls for listener in listeners):
            secure = dataclasses.replace(plain, config=dataclasses.replace(plain.config, implicit_tls=True))
        return [
            (each, secure if listener.implicit_tls else plain) for listener in listeners for each in listener.sockets
        ]

    async def _serve(
        self, services: list[tuple[socket.socket, Service]], task_status: anyio.abc.TaskStatus[None]
    ) -> None:
        assert self._accepting is not None
        try:
            with self._accepting:
                async with anyio.create_task_group() as accepting:
                    for listening, service in services:
                        accepting.start_soon(self._accept, listening, service)
                    task_status.started()
            for listening, _ in services:
                listening.close()
            await self._until(lambda: self._open == 0)
        except BaseException:
            self._aborted = True
            self.tasks.cancel_scope.cancel()
            for connection in tuple(self._connections):
                if isinstance(connection, Connection):
                    connection.abandon()
            if self._reactor is not None:
                self._reactor.drain()
            with anyio.CancelScope(shield=True):
                await self._until(lambda: self._open == 0)
            raise

    async def _accept(self, listening: socket.socket, service: Service) -> None:
        if self._reactor is None:
            acceptor = Acceptor(listening, self._vacant, partial(self._begin, self._start, service))
            await acceptor.in_task(lambda: self._until(self._vacant))
        else:
            acceptor = Acceptor(listening, self._vacant, partial(self._begin, self._attach, service))
            self._acceptors.append(acceptor)
            await acceptor.in_callbacks(self._reactor)

    def _begin(
        self,
        begin: Callable[[socket.socket, Service, Peer], None],
        service: Service,
        sock: socket.socket,
        remote: object,
    ) -> None:
        self._open += 1
        try:
            sock.setblocking(False)
            if sock.family in _INTERNET:
                # Replies are small, and wait for nothing.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begin(sock, service, peer_from(remote, sock.getsockname()))
        except Exception as error:
            self._failed(sock, error)

    def _failed(self, sock: socket.socket, error: BaseException) -> None:
        """A connection could not begin. The next one may fare better."""
        sock.close()
        self._release()
        if not isinstance(error, OSError):
            # The application's observer, perhaps.
            logger.error("a connection could not begin", exc_info=error)

    def _attach(self, sock: socket.socket, service: Service, peer: Peer) -> None:
        """Begin a connection in the reactor."""
        assert self._reactor is not None
        SocketTransport(self._reactor, sock, Connection(self, service, peer, self._reactor)).begin()

    def _start(self, sock: socket.socket, service: Service, peer: Peer) -> None:
        self.tasks.start_soon(self._run, sock, service, peer)

    async def _run(self, sock: socket.socket, service: Service, peer: Peer) -> None:
        """The task of a connection where there is no reactor."""
        try:
            connection = await self._wrap(sock, service, peer)
            if connection is not None:
                self.opened(connection)
                try:
                    await connection.run()
                finally:
                    self._connections.discard(connection)
        finally:
            self._release()

    async def _wrap(self, sock: socket.socket, service: Service, peer: Peer) -> StreamConnection | None:
        try:
            stream = await anyio.abc.SocketStream.from_socket(sock)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError | ValueError):
                # The peer has gone again, and the socket is none that is connected.
                return None
            raise
        try:
            return StreamConnection(stream, service, peer)
        except Exception:
            logger.exception("a connection could not begin")
            await anyio.aclose_forcefully(stream)
            return None

    # Counting.

    def _vacant(self) -> bool:
        if self._closed or self._stopped:
            return False
        return self._max_connections is None or self._open < self._max_connections

    def _release(self) -> None:
        self._open -= 1
        if self._change is not None:
            self._change.set()
            self._change = None
        if self._max_connections is not None:
            for acceptor in self._acceptors:
                acceptor.resume()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._change is None:
                self._change = anyio.Event()
            await self._change.wait()
