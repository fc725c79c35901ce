"""A client's session and a server's, each the other's peer, on one clock."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import Unpack

from smtpcore.handler import Handler
from smtpcore.session import ServerConfig
from smtpcore.session.client import ClientConfig, ClientObserver, ClientSession, Delivery, Message, Result

from .clock import Clock
from .driver import ClientDriver, Driver
from .pipe import Options

Cut = Callable[[bytes], Iterable[bytes]]
"""Cuts what one side has sent into the pieces in which the other gets it; none of them is empty."""


class Pair:
    """Both ends of a connection. Tell the sessions what they are to do, then `run`."""

    client: ClientDriver
    server: Driver

    def __init__(self, client: ClientDriver, server: Driver, cut: Cut | None) -> None:
        self.client = client
        self.server = server
        self._ways = (_Way(client, server, cut), _Way(server, client, cut))

    @property
    def clock(self) -> Clock:
        """The clock of both."""
        return self.server.clock

    @property
    def session(self) -> ClientSession:
        """The client's session, which is told what to do."""
        return self.client.session

    def send(self, message: Message, *, told: Callable[[Result], None] | None = None) -> Delivery:
        """Submit a message and run; what becomes of it is known unless a hook or the clock is waited for."""
        delivery = self.session.submit(message, told=told)
        self.run()
        return delivery

    def quit(self) -> None:
        """Let the client take leave when everything is done, and run."""
        self.session.quit()
        self.run()

    def run(self) -> None:
        """Carry octets both ways, a piece each way in turn, until both sides wait for the caller or the clock."""
        to_server, to_client = self._ways
        while to_server.carry() | to_client.carry():
            pass

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline of either session on the way."""
        clock = self.clock
        end = clock.now + seconds
        self.run()
        while (deadline := self._deadline()) is not None and deadline <= end:
            clock.now = max(clock.now, deadline)
            self.run()
        clock.advance(max(end - clock.now, 0.0))

    def _deadline(self) -> float | None:
        deadlines = (self.client.session.deadline, self.server.session.deadline)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)


class _Way:
    """One direction of the connection."""

    def __init__(self, sender: ClientDriver | Driver, receiver: ClientDriver | Driver, cut: Cut | None) -> None:
        self._sender = sender
        self._receiver = receiver
        self._cut = cut
        self._pieces: deque[bytes] = deque()
        self._ended = False

    def carry(self) -> bool:
        """Carry one piece, or the end behind the last; whether there was any."""
        if octets := self._sender.take():
            self._pieces.extend((octets,) if self._cut is None else self._cut(octets))
        if self._pieces:
            self._receiver.feed(self._pieces.popleft())
        elif self._sender.closed and not self._ended:
            self._ended = True
            self._receiver.feed(b"")
        else:
            return False
        return True


def pair(
    client_config: ClientConfig,
    server_config: ServerConfig,
    handler: Handler,
    *,
    client_tls_context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    client_observer: ClientObserver | None = None,
    client_window: int | None = None,
    cut: Cut | None = None,
    **options: Unpack[Options],
) -> Pair:
    """Connect a client's session to a server's, in memory and on one clock; nothing has happened yet.

    Args:
        client_config: The settings of the client.
        server_config: The settings of the server.
        handler: The server's application.
        client_tls_context: What the client trusts; by default what `smtpcore_tls.context_for` gives.
        server_name: The name that the client asks for and checks the certificate against.
        client_observer: Sees what happens in the client's session.
        client_window: The window in the direction to the server.
        cut: Cuts what either side has sent into the pieces in which the other gets it; by default it comes whole.
        options: Those of `Pipe`, for the server.

    Raises:
        ValueError: The server's settings offer TLS and there is no certificate.
    """
    server = Driver(server_config, handler, **options)
    client = ClientDriver(
        client_config,
        tls_context=client_tls_context,
        server_name=server_name,
        observer=client_observer,
        clock=server.clock,
        window=client_window,
    )
    return Pair(client, server, cut)
