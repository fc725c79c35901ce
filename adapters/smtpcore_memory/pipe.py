"""The peer's end of a pipe, and a whole dialogue in one call."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import TypedDict, Unpack

from smtpcore_tls import TlsEngine, TlsError

from smtpcore.errors import LocalProtocolError
from smtpcore.handler import Handler
from smtpcore.session import Ask, Gate, Observer, Peer, ServerConfig, ServerSession
from smtpcore.tls import TlsInfo

from .clock import Clock
from .driver import Driver, utcnow

Buffer = bytes | bytearray | memoryview


class Pipe:
    """The peer's end of a connection in memory; the other end is a session that runs inside these calls.

    Nothing runs before the first call: `receive` waits for the greeting as a client does, and who sends at once
    talks before it.
    """

    driver: Driver
    """The server's end: the session, its clock, and what is asked of the application."""

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
        """Connect to a new session; the arguments are those of `Driver`."""
        self.driver = Driver(
            config,
            handler,
            peer=peer,
            tls_context=tls_context,
            gate=gate,
            observer=observer,
            clock=clock,
            utcnow=utcnow,
            token_bytes=token_bytes,
            window=window,
        )
        self._engine: TlsEngine | None = None
        self._early = b""
        self._ended = self._deaf = False

    @property
    def session(self) -> ServerSession:
        """The session at the other end."""
        return self.driver.session

    @property
    def clock(self) -> Clock:
        """The session's clock."""
        return self.driver.clock

    @property
    def pending(self) -> Ask | None:
        """What a hook was asked and has not answered; see `answer` and `fail`."""
        return self.driver.pending

    @property
    def closed(self) -> bool:
        """The connection is over; what was sent before can still be received."""
        return self.driver.closed

    def send(self, data: Buffer) -> bytes:
        """Send octets, ``b""`` for the end of them, and return what comes back: `write` and `receive` in one.

        Raises:
            LocalProtocolError: The input was ended before.
        """
        self.write(data)
        return self.receive()

    def write(self, data: Buffer) -> None:
        """Send octets, ``b""`` for the end of them, and leave what comes back unread.

        Under TLS the end is that of the transport, without a close_notify: behind its own the engine reads nothing.

        Raises:
            LocalProtocolError: The input was ended before.
        """
        if self._ended:
            raise LocalProtocolError("the input was ended: nothing can be sent behind it")
        self._ended = not data
        if self._engine is None or not data:
            self.driver.feed(bytes(data))
        else:
            self._engine.send(data)
            self.driver.feed(self._engine.outgoing())

    def receive(self) -> bytes:
        """All that was sent and not yet received, under TLS decrypted; ``b""`` if there is nothing."""
        received = [self._early]
        self._early = b""
        while octets := self.driver.take():
            if self._engine is None:
                received.append(octets)
                continue
            received.append(self._engine.receive(octets))
            if answer := self._engine.outgoing():
                self.driver.feed(answer)
        return b"" if self._deaf else b"".join(received)

    def advance(self, seconds: float) -> bytes:
        """Let time pass, stopping at each deadline of the session on the way; return what it sends meanwhile.

        The peer does not read until the time is over, so a transport that is full stays full.
        """
        self.driver.advance(seconds)
        return self.receive()

    def start_tls(self, context: ssl.SSLContext, server_hostname: str | None = None) -> TlsInfo:
        """Do the client's side of a handshake; from then on `send` takes and `receive` gives plaintext.

        Call it behind the 220 that answers STARTTLS, or first of all where TLS begins with the first octet.

        Args:
            context: The client's configuration.
            server_hostname: The name to ask for and to check the certificate against.

        Returns:
            What was negotiated, as the client sees it.

        Raises:
            LocalProtocolError: TLS is on already.
            TlsError: The handshake failed; the session was told as well.
        """
        if self._engine is not None:
            raise LocalProtocolError("TLS is on already")
        self._early = self.receive()
        engine = TlsEngine(context, server_side=False, server_hostname=server_hostname)
        self.driver.feed(engine.outgoing())
        while not engine.handshaken:
            octets = self.driver.take()
            try:
                if octets:
                    self._early += engine.receive(octets)
                else:
                    engine.eof()
            except TlsError:
                if alert := engine.outgoing():
                    self.driver.feed(alert)
                raise
            if records := engine.outgoing():
                self.driver.feed(records)
        self._engine = engine
        return engine.info()

    def answer(self, value: object) -> bytes:
        """Answer the `pending` question in the place of the hook; return what is sent then.

        Raises:
            ValueError: Nothing is pending.
        """
        self.driver.answer(value)
        return self.receive()

    def fail(self, exception: Exception) -> bytes:
        """Have the hook behind the `pending` question raise this; return what is sent then.

        Raises:
            ValueError: Nothing is pending.
        """
        self.driver.fail(exception)
        return self.receive()

    def shutdown(self, grace: float) -> bytes:
        """Shut the server's session down, as its operator would; return what it sends at once."""
        self.driver.shutdown(grace)
        return self.receive()

    def close(self) -> None:
        """Hang up: the input ends, and what is sent from now on is lost."""
        if not self._ended:
            self.write(b"")
        self._deaf = True
        self.receive()

    def reset(self, exception: Exception | None = None) -> None:
        """Break the connection, as a TCP reset does; by default with a ConnectionResetError."""
        self._ended = self._deaf = True
        self.driver.broken(ConnectionResetError("reset by the peer") if exception is None else exception)


class Options(TypedDict, total=False):
    """The keyword arguments of `Pipe`, for `run` and `pair`."""

    peer: Peer | None
    """Who the session believes to talk to."""
    tls_context: ssl.SSLContext | None
    """The server's certificate; needed where the settings offer TLS."""
    gate: Gate | None
    """Counts and limits connections."""
    observer: Observer | None
    """Sees what happens."""
    clock: Clock | None
    """By default one that begins at 0 and belongs to this connection alone."""
    utcnow: Callable[[], datetime]
    """The time of day, for trace lines."""
    token_bytes: Callable[[int], bytes]
    """Random octets, for ids."""
    window: int | None
    """Octets that may lie unread on the way to the peer before the transport takes no more; None for any number."""


def run(config: ServerConfig, handler: Handler, *chunks: Buffer, **options: Unpack[Options]) -> bytes:
    """A whole dialogue: wait for the greeting, send the chunks one after the other and the end of the input.

    Where the session waits for its clock (a delayed greeting, a hook that never answers), the clock goes forward to
    the next deadline by itself.

    Returns:
        All that the server sent.
    """
    pipe = Pipe(config, handler, **options)
    sent = pipe.receive()
    while not sent and _go_on(pipe):
        sent += pipe.receive()
    for chunk in chunks:
        if not chunk:
            raise ValueError("an empty chunk would be the end of the input, which comes by itself")
        sent += pipe.send(chunk)
    sent += pipe.send(b"")
    while pipe.session.next_step() is not None and _go_on(pipe):
        sent += pipe.receive()
    return sent


def _go_on(pipe: Pipe) -> bool:
    """Move the clock to the session's next deadline, if there is one."""
    deadline = pipe.session.deadline
    if pipe.closed or deadline is None:
        return False
    pipe.driver.advance(max(deadline - pipe.clock.now, 0.0))
    return True
