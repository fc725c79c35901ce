"""The path of every other stream: a task for each connection, and the five steps in it one by one."""

from __future__ import annotations

import ssl

import anyio
from anyio.abc import ByteStream
from smtpcore_tls import Wire

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, Peer, ServerConfig, ServerSession

from .hooks import abandon, logger
from .loop import StepLoop
from .service import Service


async def serve_stream(
    stream: ByteStream,
    config: ServerConfig,
    handler: Handler,
    *,
    peer: Peer,
    tls_context: ssl.SSLContext | None = None,
    gate: Gate | None = None,
    observer: Observer | None = None,
) -> None:
    """Serve one connection over a stream of any kind, and close it; returns when the session is over.

    Args:
        stream: A connection that is open already. What it raises when it breaks ends the session, not the caller.
        config: The settings; with ``implicit_tls`` the first octets are those of a TLS handshake.
        handler: The application.
        peer: Who is at the other end.
        tls_context: The certificate, where the configuration offers TLS.
        gate: Counts the connections of all who share it.
        observer: Watches this session.

    Raises:
        ValueError: The configuration offers TLS and there is no `tls_context`, or it is not for the local port.
    """
    config.check_port(peer.local_port)
    service = Service(config, handler, tls_context, gate, lambda: observer)
    await StreamConnection(stream, service, peer).run()


class StreamConnection(StepLoop[ServerSession]):
    """One connection of a server in a task of its own."""

    __slots__ = ()

    def __init__(self, stream: ByteStream, service: Service, peer: Peer) -> None:
        session = service.session(peer, anyio.current_time)
        super().__init__(stream, session, Wire(session, service.tls_context), service.config.timeouts.linger)

    def shutdown(self, grace: float) -> None:
        """Let the session end within so many seconds."""
        self.session.shutdown(grace)
        self._wake()

    async def run(self) -> None:
        """Take the steps until there is none; the stream is closed then, whatever happened."""
        try:
            await self.take_steps()
        except Exception as error:
            # No peer can cause this, and it must not cost the other connections anything.
            logger.exception("internal error, the connection is closed")
            abandon(self.session, cause=error)
        except BaseException:
            abandon(self.session)
            raise
        finally:
            await self.shut()
