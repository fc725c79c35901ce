"""One connection of a server, in one thread."""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from smtpcore_tls import Wire, log_fault, peer_from

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, Peer, ServerConfig, ServerSession

from .channel import Channel
from .loop import Alarm, StepLoop


def serve_socket(
    sock: socket.socket,
    config: ServerConfig,
    handler: Handler,
    *,
    tls_context: ssl.SSLContext | None = None,
    gate: Gate | None = None,
    observer: Observer | None = None,
) -> None:
    """Serve one connection, in the calling thread and until it is over.

    Args:
        sock: The connection, as ``accept`` gives it. It is closed at the end, whatever that is.
        config: The settings of the session.
        handler: The application; its hooks have to be plain.
        tls_context: The server's certificate; needed where the settings offer TLS.
        gate: Counts and limits connections; made with a lock if other threads share it.
        observer: Sees what happens.

    Raises:
        ValueError: The settings offer TLS and there is no certificate, or they are not for its port.
    """
    with sock:
        check_tls(config, tls_context)
        try:
            peer = peer_of(sock)
        except OSError:
            return  # It was reset before anything could be said.
        config.check_port(peer.local_port)
        Connection(sock, peer, config, handler, tls_context, gate, observer, ()).run()


def check_tls(config: ServerConfig, tls_context: ssl.SSLContext | None) -> None:
    """See that there is a certificate where one is needed.

    Raises:
        ValueError: There is none.
    """
    if tls_context is None and (config.starttls or config.implicit_tls):
        raise ValueError("the configuration offers TLS: tls_context is needed")


def peer_of(sock: socket.socket, remote: object = None) -> Peer:
    """Who is at the other end of a connected socket.

    Args:
        sock: The socket.
        remote: What ``accept`` has given, if that is known.

    Raises:
        OSError: It is not connected any more.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        # A Unix socket has no address to tell, and one whose peer has left is no longer connected, although all that
        # the peer has sent can still be read.
        return Peer()
    return peer_from(remote or sock.getpeername(), sock.getsockname())


class Connection:
    """Runs a session on a connected socket, in the one thread that calls `run`."""

    def __init__(
        self,
        sock: socket.socket,
        peer: Peer,
        config: ServerConfig,
        handler: Handler,
        tls_context: ssl.SSLContext | None,
        gate: Gate | None,
        observer: Observer | None,
        alarms: Sequence[Alarm],
    ) -> None:
        self._socket = sock
        self._linger = config.timeouts.linger
        self._alarms = alarms
        self._session = ServerSession(
            config,
            peer,
            handler,
            gate=gate,
            observer=observer,
            faults=log_fault,
            monotonic=time.monotonic,
            utcnow=lambda: datetime.now(UTC),
            token_bytes=secrets.token_bytes,
        )
        self._wire = Wire(self._session, tls_context)

    def run(self) -> None:
        """Run the session to its end and close the socket."""
        session, channel = self._session, Channel(self._socket)
        try:
            loop = StepLoop(
                channel,
                session,
                self._wire,
                next_step=session.next_step,
                linger=self._linger,
                alarms=self._alarms,
            )
            loop.run()
        finally:
            channel.close()
