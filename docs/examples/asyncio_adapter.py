"""A whole adapter over plain ``asyncio.Protocol``: the worked example of docs/adapter.md.

It has every duty of an adapter, and ``smtpcore_testing.adapter_kit`` proves it. Nothing in it knows SMTP.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import assert_never

from smtpcore_tls import LINGER_OCTETS, TlsError, Wire, log_fault, peer_from

from smtpcore import Handler, Observer, ServerConfig, ServerSession
from smtpcore.session import Ask, Close, Gate, Receive, Send, StartTls

HIGH_WATER = 64 * 1024
"""Octets of replies that may wait in the transport before the session has to wait."""
MARGIN = 1.0
"""Seconds that a stop gives connections beyond grace and lingering before it breaks them."""


class SmtpProtocol(asyncio.Protocol):
    """One connection. Every callback tells the session what has happened, and then works."""

    def __init__(self, server: AsyncioServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._sending: Send | None = None
        self._asking: Ask | None = None
        self._hook: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._full = self._ended = False
        self._lingering: int | None = None

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        server = self._server
        self._session = ServerSession(
            server.config,
            peer_from(transport.get_extra_info("peername"), transport.get_extra_info("sockname")),
            server.handler,
            gate=server.gate,
            observer=None if server.observer is None else server.observer(),
            faults=log_fault,
            monotonic=self._loop.time,
            utcnow=lambda: datetime.now(UTC),
            token_bytes=secrets.token_bytes,
        )
        self._wire = Wire(self._session, server.tls_context)
        server.connections.add(self)
        if (grace := server.grace) is not None:
            self._session.shutdown(grace)
        self.work()

    def data_received(self, data: bytes) -> None:
        if self._lingering is None:
            self._receive(data)
            return
        self._lingering -= len(data)
        if self._lingering <= 0:
            self._transport.abort()

    def eof_received(self) -> bool:
        self._ended = True
        if self._lingering is not None:
            return False
        self._receive(b"")
        # The peer has ended its side only: what it is still owed can be written.
        return True

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self.work()

    def connection_lost(self, error: Exception | None) -> None:
        self._session.closed(error)
        self.work()

    def shutdown(self, grace: float) -> None:
        """End the session soon. Not now: this may be called by one of its own hooks."""
        self._session.shutdown(grace)
        self._loop.call_soon(self.work)

    def abort(self) -> None:
        """Break the connection."""
        self._transport.abort()

    # What the session wants.

    def work(self) -> None:
        """Do what the session wants until it waits, for the peer, the transport, a hook or the clock."""
        session = self._session
        while (step := session.next_step()) is not None:
            # A hook that is not waited for any more was settled by its deadline, or by the end of the grace.
            if self._hook is not None and step is not self._asking:
                self._hook.cancel()
                self._hook = self._asking = None
            if not self._do(step):
                break
        if step is None:
            self._over()
            return
        self._read_or_not()
        self._set_timer()

    def _do(self, step: Receive | Send | Ask | StartTls | Close) -> bool:
        """Do a step; false if there is nothing more to be done now."""
        match step:
            case Receive():
                return False
            case Send():
                return self._send(step)
            case Ask():
                if step is not self._asking:
                    self._asking = step
                    self._hook = self._loop.create_task(self._answer(step))
                return False
            case StartTls():
                news = self._wire.start_tls(step)
                self._answer_by_tls()
                return news
            case Close():
                return self._close(step)
            case _:
                assert_never(step)

    def _receive(self, data: bytes) -> None:
        self._wire.receive(data)
        self._answer_by_tls()
        self.work()

    def _answer_by_tls(self) -> None:
        """Send what TLS says by itself: its flights, and an alert, behind which there is nothing."""
        self._transport.write(self._wire.outgoing())
        if self._wire.failed:
            self._transport.close()

    def _send(self, step: Send) -> bool:
        if step is not self._sending:
            self._sending = step
            try:
                self._transport.write(self._wire.send(step.data))
            except TlsError as error:
                self._transport.close()
                self._session.closed(error)
                return True
        if self._full:
            return False
        self._session.sent()
        return True

    async def _answer(self, ask: Ask) -> None:
        try:
            value = await ask.pending
        except BaseException as error:
            # Ignored where it was cancelled because nobody waits for it any more.
            self._session.failed(ask, error)
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise
        else:
            self._session.answer(ask, value)
        self.work()

    def _close(self, step: Close) -> bool:
        if not step.graceful:
            self._transport.abort()
            self._session.closed()
            return True
        if self._lingering is None:
            # Closing over unread input would reset the connection, and the peer would lose the last replies.
            self._lingering = LINGER_OCTETS
            self._transport.write(self._wire.close())
            self._loop.call_later(self._server.config.timeouts.linger, self._transport.abort)
            try:
                self._transport.write_eof()
            except OSError:
                self._transport.abort()
            if self._ended:
                self._transport.close()
        # The session is told when the connection is lost.
        return False

    def _read_or_not(self) -> None:
        wanted = self._session.wants_data or self._wire.handshaking or self._lingering is not None
        if self._transport.is_closing() or wanted == self._transport.is_reading():
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _set_timer(self) -> None:
        """See that there is a timer; one that is too early looks again, so that not every command needs a new one."""
        deadline = self._session.deadline
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        deadline = self._session.deadline
        if deadline is not None and deadline <= self._loop.time():
            self._session.timed_out()
        self.work()

    def _over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._server.connections.discard(self)
        self._server.ended.set()


class AsyncioServer:
    """A server on one TCP port. All of it belongs to one event loop."""

    def __init__(
        self,
        config: ServerConfig,
        handler: Handler,
        *,
        tls_context: ssl.SSLContext | None = None,
        gate: Gate | None = None,
        observer: Callable[[], Observer] | None = None,
    ) -> None:
        if tls_context is None and (config.starttls or config.implicit_tls):
            raise ValueError("the configuration offers TLS: tls_context is needed")
        self.config = config
        self.handler = handler
        self.tls_context = tls_context
        self.gate = gate
        self.observer = observer
        self.connections: set[SmtpProtocol] = set()
        self.ended = asyncio.Event()
        self._stopping: float | None = None

    @property
    def grace(self) -> float | None:
        """Seconds that are left to sessions since the server was stopped; None before that."""
        if self._stopping is None:
            return None
        return max(self._stopping - asyncio.get_running_loop().time(), 0.0)

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen, and say where: port 0 is one that is free."""
        self.config.check_port(port)
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: SmtpProtocol(self), host, port)
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    def stop(self, grace: float = 30.0) -> None:
        """Accept nobody any more, and shut all sessions down; again, with another grace, to force them."""
        self._listener.close()
        self._stopping = asyncio.get_running_loop().time() + grace
        for connection in list(self.connections):
            connection.shutdown(grace)
        self.ended.set()

    async def serve(self) -> None:
        """Wait until the server was stopped and all connections are over; break those that do not end."""
        loop = asyncio.get_running_loop()
        while self._stopping is None or self.connections:
            patience = None
            if self._stopping is not None:
                patience = self._stopping + self.config.timeouts.linger + MARGIN - loop.time()
                if patience <= 0:
                    for connection in self.connections:
                        connection.abort()
                    patience = MARGIN
            self.ended.clear()
            try:
                await asyncio.wait_for(self.ended.wait(), patience)
            except TimeoutError:
                pass
