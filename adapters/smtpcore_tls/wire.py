"""What lies between the octets of a transport and a session: nothing at first, TLS from StartTls on."""

from __future__ import annotations

import ssl

from smtpcore.session import ServerSession, StartTls
from smtpcore.session.client import ClientSession

from .engine import TlsEngine, TlsError

Buffer = bytes | bytearray | memoryview

LINGER_OCTETS = 1024 * 1024
"""How much is read and discarded behind the last reply, at most: a peer that talks on does not keep us."""


class Wire:
    """Carries octets both ways and tells the session about them; a `ServerSession` is the server's side of TLS.

    It does no I/O and never asks for the next step.

    Whatever `receive` and `start_tls` were given, `outgoing` may hold an answer to write: a flight of the handshake,
    an alert, a key update.
    """

    __slots__ = ("_context", "_ended", "_engine", "_handshake", "_server_name", "_session", "failed")

    failed: bool
    """TLS has failed and the session was told. There may be an alert in `outgoing`; there is nothing more to read."""

    def __init__(
        self,
        session: ServerSession | ClientSession,
        context: ssl.SSLContext | None,
        *,
        server_name: str | None = None,
    ) -> None:
        """Begin in clear text.

        Args:
            session: Is told of all that comes.
            context: The server's certificate, or what a client trusts; ``None`` will do for a session whose settings
                know no TLS.
            server_name: For a client: the name or address to ask for and to check the certificate against.
        """
        self._server_name = server_name
        self.failed = False
        self._session = session
        self._context = context
        self._engine: TlsEngine | None = None
        self._handshake: StartTls | None = None
        self._ended = False

    @property
    def secure(self) -> bool:
        """TLS has begun."""
        return self._engine is not None

    @property
    def handshaking(self) -> bool:
        """The handshake is not complete: reading goes on, whatever the session wants."""
        return self._handshake is not None

    def receive(self, data: Buffer) -> None:
        """Hand on octets of the transport, ``b""`` at its end. The buffer is free again on return."""
        if self._ended:
            return
        if self._engine is None:
            self._ended = not data
            self._session.receive_data(data)
            return
        plaintext = b""
        try:
            if data:
                plaintext = self._engine.receive(data)
            else:
                self._engine.eof()
        except TlsError as error:
            self._fail(error)
            return
        if self._handshake is not None and self._engine.handshaken:
            self._handshake = None
            self._session.tls_started(self._engine.info())
        if plaintext:
            self._session.receive_data(plaintext)
        if self._engine.ended:
            self._ended = True
            self._session.receive_data(b"")

    def start_tls(self, step: StartTls) -> bool:
        """Begin the handshake that the session asks for; whether it was news. The same step again changes nothing."""
        if self._handshake is step:
            return False
        self._handshake = step
        eof, self._ended = self._ended, False
        assert self._context is not None, "an adapter takes no configuration with TLS without a context for it"
        server_side = isinstance(self._session, ServerSession)
        try:
            self._engine = TlsEngine(self._context, server_side=server_side, server_hostname=self._server_name)
        except TlsError as error:
            self._fail(error)
            return True
        # What came before the handshake could begin: all of it, or even the end.
        if step.received:
            self.receive(step.received)
        if eof:
            self.receive(b"")
        return True

    def send(self, data: bytes) -> bytes:
        """The octets to write for these.

        Raises:
            TlsError: TLS has failed; nothing can be said any more.
        """
        if self._engine is None:
            return data
        self._engine.send(data)
        return self._engine.outgoing()

    def outgoing(self) -> bytes:
        """What TLS itself has to write now, ``b""`` if nothing."""
        return b"" if self._engine is None else self._engine.outgoing()

    def close(self) -> bytes:
        """End our direction; the octets to write for that (RFC 8446 6.1: close_notify)."""
        if self._engine is None:
            return b""
        self._engine.close()
        return self._engine.outgoing()

    def _fail(self, error: TlsError) -> None:
        self.failed = self._ended = True
        if self._handshake is not None:
            self._handshake = None
            self._session.tls_failed(error)
        else:
            self._session.closed(error)
