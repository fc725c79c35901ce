"""The two ends of a connection in memory: a session each, and the loop that runs it."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from smtpcore_tls import context_for, log_fault

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, Peer, ServerConfig, ServerSession
from smtpcore.session.client import ClientConfig, ClientObserver, ClientSession

from .clock import Clock
from .loop import StepLoop


def utcnow() -> datetime:
    """The time of day in UTC."""
    return datetime.now(UTC)


class Driver(StepLoop[ServerSession]):
    """The server's end: makes a session and runs it between octets of the peer and octets for it."""

    def __init__(
        self,
        config: ServerConfig,
        handler: Handler,
        *,
        peer: Peer | None = None,
        tls_context: ssl.SSLContext | None = None,
        gate: Gate | None = None,
        observer: Observer | None = None,
        clock: Clock | None = None,
        utcnow: Callable[[], datetime] = utcnow,
        token_bytes: Callable[[int], bytes] = secrets.token_bytes,
        window: int | None = None,
    ) -> None:
        """Make the session; it runs from the first call of another method on.

        Args:
            config: The settings of the session.
            handler: The application.
            peer: Who the session believes to talk to.
            tls_context: The server's certificate; needed where the settings offer TLS.
            gate: Counts and limits connections.
            observer: Sees what happens.
            clock: By default one that begins at 0 and belongs to this connection alone.
            utcnow: The time of day, for trace lines.
            token_bytes: Random octets, for ids.
            window: Octets that may lie unread on the way to the peer before the transport takes no more; ``None``
                for any number.

        Raises:
            ValueError: The settings offer TLS and there is no certificate, or they are not for the local port.
        """
        config.check_port(None if peer is None else peer.local_port)
        if tls_context is None and (config.starttls or config.implicit_tls):
            raise ValueError("the configuration offers TLS: tls_context is needed")
        clock = Clock() if clock is None else clock
        session = ServerSession(
            config,
            Peer() if peer is None else peer,
            handler,
            gate=gate,
            observer=observer,
            faults=log_fault,
            monotonic=clock,
            utcnow=utcnow,
            token_bytes=token_bytes,
        )
        super().__init__(session, clock, tls_context, window=window)


class ClientDriver(StepLoop[ClientSession]):
    """The client's end, likewise. The session says what it waits for: `smtpcore.session.Idle` for something to do."""

    # A server may stop reading until its replies are read.
    _reads_while_sending: ClassVar[bool] = True

    def __init__(
        self,
        config: ClientConfig,
        *,
        tls_context: ssl.SSLContext | None = None,
        server_name: str | None = None,
        observer: ClientObserver | None = None,
        clock: Clock | None = None,
        token_bytes: Callable[[int], bytes] = secrets.token_bytes,
        window: int | None = None,
    ) -> None:
        """Make the session; it runs from the first call of another method on.

        Args:
            config: The settings of the session.
            tls_context: What to trust; by default what `smtpcore_tls.context_for` gives.
            server_name: The name to ask for and to check the certificate against.
            observer: Sees what happens.
            clock: By default one that begins at 0 and belongs to this connection alone.
            token_bytes: Random octets, for the nonces of SASL.
            window: As for `Driver`.
        """
        clock = Clock() if clock is None else clock
        session = ClientSession(config, observer=observer, monotonic=clock, token_bytes=token_bytes)
        context = context_for(config, tls_context)
        super().__init__(session, clock, context, server_name=server_name, window=window)
