"""What all connections of a server have in common, and how a session of it begins and is given up."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from smtpcore.handler import Handler
from smtpcore.session import Ask, Gate, Observer, Peer, ServerConfig, ServerSession


@dataclass(frozen=True, slots=True)
class Service:
    """The settings and the application.

    Raises:
        ValueError: The configuration offers TLS and there is no certificate.
    """

    config: ServerConfig
    handler: Handler
    tls_context: ssl.SSLContext | None
    gate: Gate | None
    observer: Callable[[], Observer | None] | None

    def __post_init__(self) -> None:
        if self.tls_context is None:
            if self.config.implicit_tls:
                raise ValueError("implicit TLS needs a tls_context: a certificate to show")
            if self.config.starttls:
                raise ValueError("starttls needs a tls_context: a certificate to show")

    def session(self, peer: Peer, monotonic: Callable[[], float]) -> ServerSession:
        """A session with this peer, on the clock of the running loop."""
        return ServerSession(
            self.config,
            peer,
            self.handler,
            gate=self.gate,
            observer=self.observer() if self.observer is not None else None,
            monotonic=monotonic,
            utcnow=_utcnow,
            token_bytes=secrets.token_bytes,
        )


class Abandoned(Exception):
    """The server was stopped by force, or cancelled, before this hook had answered."""


def abandon(session: ServerSession, awaited: Ask | None = None, cause: Exception | None = None) -> None:
    """Bring a session to its end where nothing can be waited for any more.

    Args:
        session: The session; it is told that the connection is closed.
        awaited: The hook that somebody is waiting for already. All others are dropped before they have begun.
        cause: What went wrong; None for a server that stops.
    """
    session.closed(cause)
    while (step := session.next_step()) is not None:
        if isinstance(step, Ask):
            if step is not awaited:
                drop(step.pending)
            session.failed(step, Abandoned("the server was stopped"))
        else:
            session.closed(cause)


def drop(pending: Awaitable[object]) -> None:
    """Let go of what nobody will await: a coroutine is closed, lest Python complain; a future is cancelled."""
    for name in ("close", "cancel"):
        method = getattr(pending, name, None)
        if callable(method):
            method()
            return


def _utcnow() -> datetime:
    return datetime.now(UTC)
