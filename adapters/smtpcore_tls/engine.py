"""The engine: an ``ssl.SSLObject`` between two memory buffers, with the ends of a connection told apart."""

from __future__ import annotations

import ssl

from smtpcore.errors import LocalProtocolError
from smtpcore.tls import TlsInfo

from .clienthello import HELLO_LIMIT, requested_name
from .facts import gather

Buffer = bytes | bytearray | memoryview

# A record carries at most 2^14 octets of plaintext (RFC 8446 5.1), so one read of this size empties one record.
_RECORD = 16384

# A MemoryBIO never gives memory back: it stays as large as the largest content it ever held. Input is therefore fed
# in small slices, and every record made is taken out at once, or an idle connection would keep what its busiest
# moment needed. Below this size the throughput of bulk input begins to suffer.
_SLICE = 8192


class TlsError(Exception):
    """TLS failed: the handshake, or a record after it. Write ``outgoing()``, it may hold the alert; then close.

    The message is a short phrase for a log. It never holds octets of the peer or key material; the
    ``ssl.SSLError`` behind it is the ``__cause__`` where there is one.
    """


class TlsEngine:
    """One TLS connection, server or client side. Every method returns at once; none does I/O.

    Octets of the transport go into `receive`, octets for the transport come out of `outgoing`; look there after
    every other call. After the end of TLS nothing is ever read as clear text: whatever still arrives is discarded
    (threat T-TLS).
    """

    __slots__ = (
        "_hello",
        "_incoming",
        "_outgoing",
        "_records",
        "_server_name",
        "_tls",
        "_unsent",
        "closed",
        "failure",
        "handshaken",
        "peer_closed",
        "truncated",
    )

    handshaken: bool
    """The handshake is complete: `send` and `info` may be used."""
    peer_closed: bool
    """The peer ended its direction in due form, by close_notify (RFC 8446 6.1). It may still be written to."""
    truncated: bool
    """The transport ended without close_notify: octets may be missing that the peer, or an attacker, knows of."""
    closed: bool
    """`close` was called."""
    failure: str | None
    """Why TLS failed, as in the message of the `TlsError`; ``None`` as long as it has not."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None) -> None:
        """Make the engine; on the client side the ClientHello is ready in `outgoing`.

        Args:
            context: The configuration. It is used as it is and never changed; see `server_context`, `client_context`.
            server_side: Which end of the connection this is.
            server_hostname: Client side: the name (or address) to ask for and to check the certificate against.

        Raises:
            TlsError: The context cannot begin a handshake, for instance because it allows no protocol version.
            ValueError: The context checks host names and there is none.
        """
        if context.check_hostname and server_hostname is None and not server_side:
            # For sockets ssl has this check, here it has not: any name would do.
            raise ValueError("a server_hostname is needed: the name to check the certificate against")
        self.handshaken = self.peer_closed = self.truncated = self.closed = False
        self.failure = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._records: list[bytes] = []
        self._unsent = bytearray()
        self._hello = bytearray()
        self._server_name = server_hostname
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        if not server_side:
            try:
                self._read([])
            except ssl.SSLError as error:
                raise self._fail(error) from error

    @property
    def ended(self) -> bool:
        """No plaintext will come any more: closed by either side, cut off, or failed."""
        return self.peer_closed or self.truncated or self.closed or self.failure is not None

    def receive(self, data: Buffer) -> bytes:
        """Take octets of the transport, drive the handshake, and return the plaintext that is complete.

        Args:
            data: Octets in order, of any number. Begin with those read before the engine existed, such as a
                ClientHello behind a PROXY header; nothing (``b""``) changes nothing, and is not the end: see `eof`.

        Returns:
            Plaintext, ``b""`` if there is none yet; never more than the length of `data` plus one record (16 KiB).

        Raises:
            TlsError: TLS failed. Plaintext in front of the fault is returned first, and the next call raises: how
                the octets were cut makes no difference to what can be read. `ended` is true at once.
        """
        if self.failure is not None:
            raise TlsError(self.failure)
        plaintext: list[bytes] = []
        try:
            if len(data) <= _SLICE:
                self._feed(data, plaintext)
            else:
                with memoryview(data) as view:
                    for start in range(0, len(view), _SLICE):
                        self._feed(view[start : start + _SLICE], plaintext)
        except ssl.SSLError as error:
            failure = self._fail(error)
            if not plaintext:
                raise failure from error
        return b"".join(plaintext)

    def eof(self) -> None:
        """Note the end of the transport. Behind a close_notify it is in order, else it sets `truncated`.

        Raises:
            TlsError: The handshake was not complete, or TLS had failed before.
        """
        if self.failure is None and not (self.handshaken or self.closed):
            self.failure = "the peer closed the connection during the handshake"
        if self.failure is not None:
            raise TlsError(self.failure)
        self.truncated = not (self.peer_closed or self.closed)

    def send(self, data: Buffer) -> None:
        """Encrypt plaintext; the records are in `outgoing`.

        Join what belongs together before the call: each call makes records of its own, of up to 16 KiB.

        Raises:
            LocalProtocolError: The handshake is not complete, or `close` was called.
            TlsError: TLS has failed.
        """
        if self.failure is not None:
            raise TlsError(self.failure)
        if self.closed:
            raise LocalProtocolError("the TLS layer is closed: send before close()")
        if not self.handshaken:
            raise LocalProtocolError("the handshake is not complete: wait until handshaken is true, then send")
        if self._unsent:
            self._unsent += data
            return
        with memoryview(data) as view:
            try:
                done = self._encrypt(view)
            except ssl.SSLError as error:
                raise self._fail(error) from error
            if done < len(view):
                self._unsent += view[done:]

    def outgoing(self) -> bytes:
        """Hand over the octets to write to the transport now, each once; ``b""`` if there are none."""
        if self._outgoing.pending:
            self._records.append(self._outgoing.read())
        octets = b"".join(self._records)
        self._records.clear()
        return octets

    def close(self) -> None:
        """End our direction with a close_notify (RFC 8446 6.1); the alert is in `outgoing`. Safe to call again.

        Nothing can be sent or read afterwards; what arrives is discarded unread. Without a complete handshake, or
        after a failure, there is no close_notify to send.
        """
        if self.closed:
            return
        self.closed = True
        if self.handshaken and self.failure is None:
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                # The alert is written first. Then OpenSSL looks for the peer's close_notify, and that it has not
                # come yet is what it complains about here. RFC 8446 6.1 does not ask to wait for it.
                pass

    def info(self) -> TlsInfo:
        """What was negotiated.

        Raises:
            LocalProtocolError: The handshake is not complete.
        """
        if not self.handshaken:
            raise LocalProtocolError("the handshake is not complete: wait until handshaken is true, then ask")
        return gather(self._tls, self._server_name)

    def _feed(self, data: Buffer, plaintext: list[bytes]) -> None:
        if self.ended:
            return
        if not self.handshaken and self._tls.server_side:
            self._hello += data[: HELLO_LIMIT - len(self._hello)]
        self._incoming.write(data)
        self._read(plaintext)

    def _read(self, plaintext: list[bytes]) -> None:
        """Let OpenSSL work on what is in the incoming buffer until it needs more."""
        try:
            if not self.handshaken:
                self._tls.do_handshake()
                self.handshaken = True
                if self._tls.server_side:
                    self._server_name = requested_name(self._hello)
                    self._hello = bytearray()
            # OpenSSL takes a record out of the buffer only when it is asked for it, so an empty buffer means that
            # there is nothing to read. Asking all the same would cost an exception for every command line.
            while self._incoming.pending:
                chunk = self._tls.read(_RECORD)
                if not chunk:
                    self.peer_closed = True
                    self._incoming.read()
                    return
                plaintext.append(chunk)
        except ssl.SSLWantReadError:
            pass
        if self._unsent:
            del self._unsent[: self._encrypt(bytes(self._unsent))]

    def _encrypt(self, data: Buffer) -> int:
        """Encrypt `data` and return how many octets could be."""
        done = 0
        try:
            while done < len(data):
                done += self._tls.write(data[done : done + _RECORD])
                self._records.append(self._outgoing.read())
        except ssl.SSLWantReadError:
            # In the middle of a renegotiation (TLS 1.2) that the peer of a client began: the rest has to wait until
            # the peer has answered. Contexts of `client_context` do not renegotiate.
            pass
        return done

    def _fail(self, error: ssl.SSLError) -> TlsError:
        # Only the words are kept: an engine that held the exception would be in a reference cycle with its frames.
        if isinstance(error, ssl.SSLCertVerificationError):
            self.failure = f"certificate verify failed: {error.verify_message}"
        else:
            # Only errors that OpenSSL itself raised have a reason.
            reason: str | None = getattr(error, "reason", None)
            self.failure = reason.lower().replace("_", " ") if reason else str(error)
        return TlsError(self.failure)
