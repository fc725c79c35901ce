"""What all connections of a server have in common."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from smtpcore_tls import TlsEngine, log_fault

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, Peer, ServerConfig, ServerSession

from .hooks import Stopped

TURN = 200
"""Steps of one session in a row; then the others have their turn, however much is buffered."""


@dataclass(frozen=True, slots=True)
class Service:
    """The settings and the application.

    Raises:
        ValueError: The configuration offers TLS and there is no certificate, or the context is a client's.
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
        else:
            try:
                TlsEngine(self.tls_context, server_side=True)
            except ssl.SSLError as error:
                raise ValueError(f"the tls_context is none for servers: {error.reason or error}") from error

    def session(self, peer: Peer, monotonic: Callable[[], float]) -> ServerSession:
        """A session with this peer, on the clock of the running loop."""
        return ServerSession(
            self.config,
            peer,
            self.handler,
            gate=self.gate,
            observer=self.observer() if self.observer is not None else None,
            faults=_log_fault,
            monotonic=monotonic,
            utcnow=_utcnow,
            token_bytes=secrets.token_bytes,
        )


def _log_fault(session: ServerSession, stage: str, exception: BaseException) -> None:
    if not isinstance(exception, Stopped):
        log_fault(session, stage, exception)


def _utcnow() -> datetime:
    return datetime.now(UTC)
