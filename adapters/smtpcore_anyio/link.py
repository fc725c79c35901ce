"""A client's end of a connection: a stream, the session on it, and the steps between two uses of it."""

from __future__ import annotations

import secrets
import select
import ssl
from dataclasses import dataclass

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from smtpcore_tls import TlsEngine, TlsError, Wire, context_for

from smtpcore.session import Idle, Send, Step
from smtpcore.session.client import ClientConfig, ClientObserver, ClientSession, SessionError

from .hooks import Abandoned, abandon
from .loop import MOMENT, StepLoop

_LINGER = 2.0
"""Seconds that the server has to close behind QUIT."""
_LOOK_EVERY = 256 * 1024
"""Octets of content behind which a look is taken at what the server has to say."""
_MOST_RECORDS = 1024 * 1024
"""Octets of TLS that are read during one write: more than the replies to any group of commands."""


@dataclass(frozen=True, slots=True)
class ClientService:
    """The settings that connections to a server have in common.

    Raises:
        ValueError: The TLS context is a server's, or it checks names and there is no name.
    """

    config: ClientConfig
    tls_context: ssl.SSLContext | None
    server_name: str | None
    observer: ClientObserver | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tls_context", context_for(self.config, self.tls_context))
        if self.tls_context is not None:
            try:
                TlsEngine(self.tls_context, server_side=False, server_hostname=self.server_name)
            except (ssl.SSLError, TlsError) as error:
                raise ValueError(f"the tls_context is none for clients: {error}") from error

    async def open(self, stream: ByteStream) -> Link:
        """Begin a session on a connection, which is closed where that fails.

        Raises:
            SessionError: The server does not let the client in, or gives less than the settings ask for.
        """
        link = Link(stream, self)
        await link.run()
        failure, cause = link.session.failure, link.session.cause
        if failure is not None:
            raise failure from (None if isinstance(cause, SessionError) else cause)
        return link


class Link(StepLoop[ClientSession]):
    """One connection of a client; the steps are taken in the task of whoever wants something of it."""

    __slots__ = ("_arrivals", "_unheard", "over")

    _most_records = _MOST_RECORDS

    def __init__(self, stream: ByteStream, service: ClientService) -> None:
        session = ClientSession(
            service.config,
            observer=service.observer,
            monotonic=anyio.current_time,
            token_bytes=secrets.token_bytes,
        )
        wire = Wire(session, service.tls_context, server_name=service.server_name)
        super().__init__(stream, session, wire, _LINGER)
        # asyncio reads nothing more from a connection that it could not write to, so it has to be asked before.
        self._arrivals = _arrivals(stream) if self._raw is None else None
        self._unheard = 0  # octets sent since the session has waited for a reply, or looked for one
        self.over = False
        """The session has ended, and the stream is closed."""

    async def run(self) -> None:
        """Take steps until the session is idle or over.

        Whatever ends it otherwise, a cancellation above all, ends the connection too: nobody could tell how far the
        dialogue had come.
        """
        try:
            await self.take_steps()
        except BaseException as error:
            await self.break_off(error if isinstance(error, Exception) else Abandoned("the task was cancelled"))
            raise
        if self.over:
            await self.shut()

    async def break_off(self, cause: Exception) -> None:
        """End the connection at once and without a word; what is not known to be delivered is settled by that."""
        self.over = True
        abandon(self.session, cause=cause)
        await self.shut()

    def _next_step(self) -> Step | None:
        step = super()._next_step()
        self.over = step is None
        # Nothing is owed on either side: it is the caller's turn.
        return None if type(step) is Idle else step

    async def _receive(self) -> Step | None:
        self._unheard = 0
        return await super()._receive()

    async def _send(self, step: Send) -> None:
        # Where writing never has to wait nothing is read beside it, and the server may have refused long ago.
        if self._unheard >= _LOOK_EVERY or (self._unheard and self._has_arrivals()):
            self._unheard = 0
            await self._look()
            if self._next_step() is not step:
                return
        self._unheard += len(step.data)
        await super()._send(step)

    def _has_arrivals(self) -> bool:
        return self._arrivals is not None and bool(self._arrivals.poll(0))

    async def _look(self) -> None:
        """Read what has arrived already, and wait for nothing."""
        came = 0
        while self._has_arrivals() and self.session.wants_data and came < _MOST_RECORDS:
            came += await self._read()
        if not came and self.session.wants_data and not self._read_raw() and self._raw is None:
            with anyio.move_on_after(MOMENT):
                await self._read()

    def _broken(self, error: Exception) -> None:
        # What came before may say why the server has closed.
        self._next_step()
        super()._broken(error)

    def _write_failed(self, error: Exception) -> None:
        # Replies that came before a reset are there still.
        while (self._wire.handshaking or self.session.wants_data) and self._read_raw():
            pass
        self._broken(error)


def _arrivals(stream: ByteStream) -> select.poll | None:
    """What tells whether octets have arrived at a socket; None where it is none, or the system has no poll()."""
    if not isinstance(stream, SocketStream) or not hasattr(select, "poll"):
        return None
    arrivals = select.poll()
    arrivals.register(stream.extra(SocketAttribute.raw_socket), select.POLLIN)  # noqa: S610 (not Django's)
    return arrivals
