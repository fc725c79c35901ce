"""Servers under test: what the kit wants of one, and how it starts them and connects to them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, ServerConfig

from .clients import Client, SocketClient


class Running(Protocol):
    """A server that serves. Its methods are called from the thread of the tests."""

    def connect(self, receive_buffer: int | None = None) -> Client:
        """A new client. The buffer, in octets, is that of its transport; small, it is soon full."""

    def stop(self, grace: float) -> None:
        """Begin to stop: accept nobody any more, and shut the sessions down with so many seconds of grace."""

    def ended(self) -> bool:
        """Whether the server has ended, all its connections too."""


@dataclass(frozen=True)
class Listening:
    """A server on a TCP port, whatever runs it."""

    address: tuple[str, int]
    """Where it listens: host and port."""
    stop: Callable[[float], None]
    """Begins to stop, with so many seconds of grace; may be called again with another."""
    ended: Callable[[], bool]
    """Whether it has ended, all its connections too."""

    def connect(self, receive_buffer: int | None = None) -> Client:
        """A client on a new connection."""
        return SocketClient(self.address, receive_buffer)


class Serve(Protocol):
    """Runs an adapter: the server serves while the context is open, and has ended when it is closed."""

    def __call__(
        self,
        config: ServerConfig,
        handler: Handler,
        *,
        tls_context: ssl.SSLContext,
        gate: Gate | None,
        observer: Callable[[], Observer] | None,
    ) -> AbstractContextManager[Running]:
        """Begin to serve.

        Args:
            config: The settings of all sessions; with ``implicit_tls`` TLS begins with the first octet.
            handler: The application.
            tls_context: The server's certificate.
            gate: Counts and limits connections; it has a lock.
            observer: Makes the observer of each session.
        """


Start: TypeAlias = Callable[..., Running]
"""Starts a server from a handler and settings of `ServerConfig`, and with ``gate`` and ``observer``."""
Connect: TypeAlias = Callable[..., Client]
"""Connects to a server; the client hangs up when the test is over."""


@contextmanager
def starting(serve: Serve, tls_context: ssl.SSLContext) -> Iterator[Start]:
    """Start servers over an adapter; all of them stop at the end."""
    with ExitStack() as stack:

        def start(
            handler: Handler,
            *,
            gate: Gate | None = None,
            observer: Callable[[], Observer] | None = None,
            **settings: object,
        ) -> Running:
            config = ServerConfig(hostname="mx.test", **settings)  # type: ignore[arg-type]
            return stack.enter_context(serve(config, handler, tls_context=tls_context, gate=gate, observer=observer))

        yield start


@contextmanager
def connecting() -> Iterator[Connect]:
    """Connect to servers; all clients hang up at the end, which has to come before that of the servers."""
    with ExitStack() as stack:

        def connect(server: Running, receive_buffer: int | None = None) -> Client:
            client = server.connect(receive_buffer)
            stack.callback(client.close)
            return client

        yield connect
