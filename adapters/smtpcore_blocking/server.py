"""A server of threads: listeners, a thread for each connection, and a stop in good order."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, ServerConfig

from . import listeners
from .bell import Bell, selector
from .connection import Connection, check_tls
from .peers import peer_of

FORCE_MARGIN = 1.0
"""Seconds beyond grace and lingering that connections have before a stop breaks them."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RETRY = 1.0
"""Seconds until the next try when the system had no resources for a connection and none of ours ends meanwhile."""


class Server:
    """Serves any number of listeners. Call `bind` or its like first, then `serve_forever`, or `start`, or ``with``::

        with Server(config, handler).bind("127.0.0.1", 0) as server:
            deliver_to(server.addresses[0])

    `stop` may be called from any thread, a hook and a signal handler. All the rest belongs to one thread.
    """

    def __init__(
        self,
        config: ServerConfig,
        handler: Handler,
        *,
        tls_context: ssl.SSLContext | None = None,
        gate: Gate | None = None,
        observer: Callable[[], Observer] | None = None,
        max_connections: int | None = None,
    ) -> None:
        """Make a server that does not listen yet.

        Args:
            config: The settings of all sessions.
            handler: The application; its hooks have to be plain, and are called by many threads at once.
            tls_context: The certificate; needed where the settings or a listener offer TLS.
            gate: Counts and limits connections and greets those above with a 421; made with ``lock=threading.Lock()``.
            observer: Makes the observer of each session.
            max_connections: Connections, and threads, at a time. Those above wait unaccepted in the system's queue
                until one ends.

        Raises:
            ValueError: The settings offer TLS and there is no certificate.
        """
        check_tls(config, tls_context)
        self._config = config
        self._handler = handler
        self._tls_context = tls_context
        self._gate = gate
        self._observer = observer
        self._max_connections = max_connections
        self._listeners: dict[socket.socket, ServerConfig] = {}
        self._connections: dict[threading.Thread, Connection] = {}
        self._lock = threading.Lock()
        self._background: threading.Thread | None = None
        # A stop is told twice at the most: the second may shorten the grace of the first.
        self._stops = (Bell(), Bell())
        self._deadlines = [0.0, 0.0]
        self._ended = Bell()

    @property
    def addresses(self) -> list[listeners.Address]:
        """Where the server listens, in the order of the calls: ``(host, port)``, or the path of a Unix socket."""
        return list(listeners.addresses(list(self._listeners)))

    def bind(self, host: str | None, port: int, *, implicit_tls: bool = False) -> Server:
        """Listen on all addresses of a host.

        Args:
            host: A name or an address; ``None`` for all addresses of this machine.
            port: 0 for one that is free; `addresses` tells which.
            implicit_tls: TLS from the first octet (RFC 8314 3.3), whatever the settings say.

        Raises:
            OSError: The host is not known, or an address cannot be used.
            ValueError: There is no certificate.
        """
        config = self._config_for(implicit_tls)
        self._listeners.update(dict.fromkeys(listeners.tcp_listeners(host, port), config))
        return self

    def listen_socket(self, sock: socket.socket, *, implicit_tls: bool = False) -> Server:
        """Take over a socket that listens already, for instance one that was passed by a service manager."""
        self._listeners[sock] = self._config_for(implicit_tls)
        return self

    def listen_unix(self, path: str | os.PathLike[str], *, implicit_tls: bool = False) -> Server:
        """Listen on a Unix socket; one at this path on which nobody listens any more is replaced.

        Raises:
            OSError: There is something else at this path, or it cannot be used.
        """
        config = self._config_for(implicit_tls)
        self._listeners[listeners.unix_listener(os.fspath(path))] = config
        return self

    def serve_forever(self) -> None:
        """Accept connections until `stop`, then wait for them to end, for the grace and a little more.

        The listeners are closed when this returns. A connection whose hook still does not return is left to itself.
        """
        with selector() as watched:
            try:
                watched.register(self._stops[0], selectors.EVENT_READ)
                watched.register(self._ended, selectors.EVENT_READ)
                for sock in self._listeners:
                    sock.setblocking(False)
                while not self._stops[0].rung:
                    self._accept_next(watched)
            finally:
                self._close_listeners()
        self._see_them_out()

    def start(self) -> Server:
        """Run `serve_forever` in a thread of its own."""
        if self._background is None:
            self._background = threading.Thread(target=self.serve_forever, name="smtpcore server", daemon=True)
            self._background.start()
        return self

    def stop(self, grace: float = 30.0) -> None:
        """Stop accepting and shut all sessions down; return at once.

        A session outside a mail transaction ends now, one inside it when the transaction is over, at the latest after
        `grace` seconds. When called again the second grace counts, so ``stop(0)`` forces; further calls change nothing.
        """
        for level, bell in enumerate(self._stops):
            if not bell.rung:
                self._deadlines[level] = time.monotonic() + grace
                bell.ring()
                return

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a server that was started, for so many seconds; false if it has not ended by then."""
        if self._background is not None:
            self._background.join(timeout)
            return not self._background.is_alive()
        return True

    def __enter__(self) -> Server:
        """Start in a thread, if that was not done."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop with the usual grace, and wait for the end."""
        self.stop()
        self.wait()

    def _config_for(self, implicit_tls: bool) -> ServerConfig:
        if not implicit_tls or self._config.implicit_tls:
            return self._config
        config = replace(self._config, implicit_tls=True)
        check_tls(config, self._tls_context)
        return config

    def _accept_next(self, watched: selectors.BaseSelector) -> None:
        """Wait for connections, or for one of ours to end, and accept them while there is room."""
        full = self._max_connections is not None and len(self._connections) >= self._max_connections
        room = not full and all([self._accept(sock) for sock in self._ready(watched)])
        if not room:
            for sock in self._listeners:
                watched.unregister(sock)
    def _see_them_out(self) -> None: ...
