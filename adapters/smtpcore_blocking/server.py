"""A server of threads: it listens, accepts, and stops in good order."""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, ServerConfig

from . import listeners
from .bell import Bell, selector
from .connection import Connection, check_tls, peer_of
from .loop import Alarm
from .workers import Workers

_RETRY = 1.0
"""Seconds until the next try when the system had no resources for a connection and none of ours ends meanwhile."""
_MARGIN = 1.0
"""Seconds that a stop gives connections beyond grace and lingering before it breaks them."""


class Server:
    """A server for any number of listeners.

    Call `bind` or its like first, then `serve_forever`, or `start`, or use it in a ``with`` statement::

        with Server(config, handler).bind("127.0.0.1", 0) as server:
            deliver_to(server.addresses[0])

    `stop` may be called from any thread, a hook or a signal handler; all the rest belongs to one thread. A server that
    has stopped stays so.
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
        """Make a server that does not listen yet.

        Args:
            config: The settings of all sessions.
            handler: The application; its hooks have to be plain, and many threads call them at once.
            tls_context: The certificate; needed where the settings or a listener offer TLS.
            gate: Counts and limits connections, and answers those above; made with ``lock=threading.Lock()``.
            observer: Makes the observer of each session.
            max_connections: Connections, and threads, at a time. Those above wait unaccepted until one ends.

        Raises:
            ValueError: The settings offer TLS and there is no certificate, or `max_connections` leaves no room.
        """
        check_tls(config, tls_context)
        if max_connections is not None and max_connections < 1:
            raise ValueError("max_connections is at least 1")
        self._config = config
        self._handler = handler
        self._tls_context = tls_context
        self._gate = gate
        self._observer = observer
        self._max_connections = max_connections
        self._listeners: dict[socket.socket, ServerConfig] = {}
        self._addresses: list[listeners.Address] = []
        self._paths: list[str] = []
        self._workers = Workers()
        self._background: threading.Thread | None = None
        # A stop is told twice at the most; the second may shorten the grace of the first.
        self._stops = (Bell(), Bell())
        self._deadlines = [0.0, 0.0]

    @property
    def addresses(self) -> list[listeners.Address]:
        """Where the server listens, in the order of the calls: ``(host, port)``, or the path of a Unix socket."""
        return list(self._addresses)

    def bind(self, host: str | None, port: int, *, implicit_tls: bool = False) -> Self:
        """Listen on all addresses of a host.

        Args:
            host: A name or an address; ``None`` for all addresses of this machine.
            port: 0 for one that is free; `addresses` tells which.
            implicit_tls: TLS from the first octet (RFC 8314 3.3), whatever the settings say.

        Raises:
            OSError: The host is not known, or an address cannot be used.
            ValueError: There is no certificate, or the settings are not for this port.
        """
        config = self._config_for(implicit_tls)
        config.check_port(port)
        for sock in listeners.tcp_listeners(host, port):
            self._add(sock, config)
        return self

    def listen_unix(self, path: str | os.PathLike[str], *, implicit_tls: bool = False) -> Self:
        """Listen on a Unix socket; one at this path on which nobody listens any more is replaced.

        Raises:
            OSError: There is something else at this path, or it cannot be used.
            ValueError: There is no certificate.
        """
        config = self._config_for(implicit_tls)
        self._add(listeners.unix_listener(os.fspath(path)), config)
        self._paths.append(os.fspath(path))
        return self

    def listen_socket(self, sock: socket.socket, *, implicit_tls: bool = False) -> Self:
        """Take over a socket that listens already, for instance one that a service manager has passed on.

        Raises:
            ValueError: There is no certificate, or the settings are not for its port.
        """
        config = self._config_for(implicit_tls)
        config.check_port(listeners.port(sock))
        self._add(sock, config)
        return self

    def serve_forever(self) -> None:
        """Accept connections until `stop`, then wait for them to end, for the grace and a little more.

        The listeners are closed when this returns. A connection whose hook still has not returned is left to itself.
        """
        with self._workers.ended.rung_by_signals():
            try:
                self._accept_until_stopped()
            finally:
                for sock in self._listeners:
                    sock.close()
                for path in self._paths:
                    listeners.remove(path)
            self._workers.see_out(self._end, self._stops[1])

    def start(self) -> Self:
        """Run `serve_forever` in a thread of its own."""
        if self._background is None:
            self._background = threading.Thread(target=self.serve_forever, name="smtpcore server", daemon=True)
            self._background.start()
        return self

    def stop(self, grace: float = 30.0) -> None:
        """Stop accepting and shut all sessions down; return at once.

        A session outside a mail transaction ends now, or in a tenth of a second if its peer has just spoken, one inside
        it when the transaction is over, at the latest after `grace` seconds. Called again, the second grace counts, so
        ``stop(0)`` forces; further calls change nothing.
        """
        for level, bell in enumerate(self._stops):
            if not bell.rung:
                self._deadlines[level] = time.monotonic() + grace
                bell.ring()
                return

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a server that was started, for so many seconds; false if it has not ended by then."""
        if self._background is None:
            return True
        self._background.join(timeout)
        return not self._background.is_alive()

    def __enter__(self) -> Self:
        """Start in a thread, if that was not done."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop with the usual grace, and wait for the end."""
        self.stop()
        self.wait()

    def _add(self, sock: socket.socket, config: ServerConfig) -> None:
        self._listeners[sock] = config
        self._addresses.append(listeners.address(sock))

    def _config_for(self, implicit_tls: bool) -> ServerConfig:
        config = self._config
        if implicit_tls and not config.implicit_tls:
            config = replace(config, implicit_tls=True)
            check_tls(config, self._tls_context)
        return config

    def _accept_until_stopped(self) -> None:
        with selector() as watched:
            for bell in (self._stops[0], self._workers.ended):
                watched.register(bell, selectors.EVENT_READ)
            exhausted = listening = False
            self._workers.awaited = self._max_connections is not None
            while not self._stops[0].rung:
                room = not exhausted and not self._full
                if room != listening:
                    listening = room
                    for sock in self._listeners:
                        if room:
                            sock.setblocking(False)
                            watched.register(sock, selectors.EVENT_READ)
                        else:
                            watched.unregister(sock)
                ready = watched.select(_RETRY if exhausted else None)
                exhausted = False
                for key, _ in ready:
                    if key.fileobj is self._workers.ended:
                        self._workers.ended.clear()
                    elif isinstance(key.fileobj, socket.socket) and not (exhausted or self._full):
                        exhausted = not self._accept(key.fileobj)
                # Set before it is looked at again whether there is room.
                self._workers.awaited = exhausted or self._max_connections is not None

    @property
    def _full(self) -> bool:
        return self._max_connections is not None and len(self._workers) >= self._max_connections

    def _accept(self, listener: socket.socket) -> bool:
        """Accept one connection; false if the system has no resources for it now (EMFILE and its like, threads)."""
        try:
            sock, remote = listener.accept()
        except (BlockingIOError, ConnectionError):
            return True  # The peer has gone again.
        except OSError:
            return False
        config = self._listeners[listener]
        try:
            self._workers.start(lambda sock: self._serve(sock, remote, config), sock)
        except RuntimeError:
            sock.close()
            return False
        return True

    def _serve(self, sock: socket.socket, remote: object, config: ServerConfig) -> None:
        with sock:
            try:
                peer = peer_of(sock, remote)
            except OSError:
                return  # It was reset before anything could be said.
            observer = None if self._observer is None else self._observer()
            alarms: list[Alarm] = [(bell, self._left(level)) for level, bell in enumerate(self._stops)]
            Connection(sock, peer, config, self._handler, self._tls_context, self._gate, observer, alarms).run()

    def _left(self, level: int) -> Callable[[], float]:
        """What is left of the grace of a stop."""
        return lambda: max(self._deadlines[level] - time.monotonic(), 0.0)

    def _end(self) -> float:
        """When a stop breaks the connections that are still there."""
        told = self._deadlines[1 if self._stops[1].rung else 0]
        return told + self._config.timeouts.linger + _MARGIN
