"""One connection in one thread: the loop over the five steps of a session."""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import assert_never

from smtpcore_tls import TlsError, Wire, abandon, peer_from

from smtpcore.handler import Handler
from smtpcore.session import (
    Ask,
    Close,
    Gate,
    Observer,
    Peer,
    Receive,
    Send,
    ServerConfig,
    ServerSession,
    StartTls,
    Step,
)

from .bell import Bell
from .channel import READ, WRITE, Channel

Alarm = tuple[Bell, Callable[[], float]]
"""A bell that tells of a shutdown, and the grace it gives, in seconds."""


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


def peer_of(sock: socket.socket) -> Peer:
    """Who is at the other end of a connected socket.

    Raises:
        OSError: It is not connected any more.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        # A Unix socket has no address to tell, and one whose peer has left is no longer connected, although all that
        # the peer has sent can still be read.
        return Peer()
    return peer_from(sock.getpeername(), sock.getsockname())


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
        self._alarms = list(alarms)
        self._sending: Send | None = None
        self._session = ServerSession(
            config,
            peer,
            handler,
            gate=gate,
            observer=observer,
            monotonic=time.monotonic,
            utcnow=lambda: datetime.now(UTC),
            token_bytes=secrets.token_bytes,
        )
        self._wire = Wire(self._session, tls_context)

    def run(self) -> None:
        """Run the session to its end and close the socket."""
        self._channel = Channel(self._socket)
        try:
            self._channel.watch(self._alarms[0][0] if self._alarms else None)
            while (step := self._session.next_step()) is not None:
                try:
                    self._do(step)
                except (OSError, TlsError) as error:
                    self._channel.close()
                    self._session.closed(error)
                if self._wire.failed:
                    # Not when the session is over: the hooks that are still to come may keep this thread for long.
                    self._channel.close()
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            self._channel.close()

    def _do(self, step: Step) -> None:
        """Do a step, or as much of it as can be done without waiting, or wait."""
        match step:
            case Receive():
                self._receive()
            case Send():
                self._send(step)
            case Ask():
                self._refuse(step)
            case StartTls():
                self._start_tls(step)
            case Close():
                self._close(step)
            case _:
                assert_never(step)

    def _receive(self) -> None:
        # The TLS layer may have something left to say before it can read: its last flight, tickets, a key update.
        if not self._flush():
            return
        # Looked at before the read: what is here by now came in time, however late this thread is. And without the
        # look a peer that always has something to read would never meet a deadline.
        overdue = self._overdue()
        wanted = self._wire.handshaking or self._session.wants_data
        octets = self._channel.read() if wanted else None
        if octets is not None:
            self._wire.receive(octets)
            self._answer()
        elif not overdue:
            self._wait(READ if wanted else 0)
        if overdue:
            self._session.timed_out()
        self._listen()

    def _start_tls(self, step: StartTls) -> None:
        if self._wire.start_tls(step):
            self._answer()
        else:
            self._receive()

    def _answer(self) -> None:
        """Send what TLS says by itself, as far as the transport takes it now."""
        # Not with the next flush: of a TLS that has failed it is the alert, and there will be no other.
        self._channel.put(self._wire.outgoing())
        self._channel.flush()

    def _send(self, step: Send) -> None:
        if step is not self._sending:
            self._sending = step
            self._channel.put(self._wire.send(step.data))
        if self._flush():
            self._sending = None
            self._session.sent()

    def _refuse(self, step: Ask) -> None:
        # A future or a promise is left alone: the event loop it belongs to is another thread's.
        if isinstance(step.pending, Coroutine):
            step.pending.close()
        self._session.failed(
            step, TypeError(f"the hook {step.stage} returned an awaitable, and threads do not await: make it plain")
        )

    def _close(self, step: Close) -> None:
        if step.graceful:
            self._channel.put(self._wire.close())
            try:
                self._channel.finish(self._linger)
            except OSError:
                pass  # The peer has reset the connection, and nothing more can be sent.
        self._channel.close()
        self._session.closed()

    def _flush(self) -> bool:
        """Write what there is to write. If the transport does not take all of it, wait, and return false."""
        if self._channel.flush():
            return True
        if self._overdue():
            self._session.timed_out()
        else:
            self._wait(WRITE)
        return False

    def _overdue(self) -> bool:
        deadline = self._session.deadline
        return deadline is not None and time.monotonic() >= deadline

    def _wait(self, events: int) -> None:
        """Wait for the socket, an alarm or the session's deadline; tell the session of the last two."""
        deadline = self._session.deadline
        if not self._channel.wait(events, None if deadline is None else max(deadline - time.monotonic(), 0.0)):
            self._session.timed_out()
        self._listen()

    def _listen(self) -> None:
        """Tell the session of a shutdown, if there is one that it was not told of."""
        while self._alarms and self._alarms[0][0].rung:
            _, grace = self._alarms.pop(0)
            self._channel.watch(self._alarms[0][0] if self._alarms else None)
            self._session.shutdown(grace())

    def _abandon(self, error: BaseException) -> None:
        """Let the session end in order (its gate, its handler) when something that must not fail has failed."""
        try:
            abandon(self._session, error if isinstance(error, Exception) else None, self._refuse)
        except Exception:  # noqa: S110
            pass  # The first error is the one that is raised.
