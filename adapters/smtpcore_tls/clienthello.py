"""The server name out of a ClientHello.

``ssl`` tells a server the name only through a callback on the context, which belongs to the application; and that
callback prints a traceback to stderr whenever a peer sends a name that is not ASCII. So the name is read here, from the
octets that OpenSSL reads too. It is information only: OpenSSL has judged the hello, nothing is decided by this copy.
"""

from __future__ import annotations

import re

HELLO_LIMIT = 5 + 16384
"""Octets to keep for `requested_name`: one full record with its header, far above any hello in use."""

_HANDSHAKE_RECORD = 22
_CLIENT_HELLO = b"\x01"
_SERVER_NAME = b"\x00\x00"
_HOST_NAME = b"\x00"
_HOST = re.compile(rb"[0-9A-Za-z._-]{1,255}")


def requested_name(records: bytes | bytearray) -> str | None:
    """The host name a client asked for (RFC 6066 3), as sent.

    Args:
        records: What the client sent first: TLS records, cut off anywhere.

    Returns:
        The name, or ``None`` if there is none, it is no host name, or the hello is not whole.
    """
    try:
        hello = _hello(_Octets(bytes(records)))
        hello.take(2 + 32)  # RFC 8446 4.1.2: legacy_version, random
        for width in (1, 2, 1):  # legacy_session_id, cipher_suites, legacy_compression_methods
            hello.vector(width)
        extensions = _Octets(hello.vector(2))
        while extensions:
            kind, body = extensions.take(2), extensions.vector(2)
            if kind == _SERVER_NAME:
                names = _Octets(_Octets(body).vector(2))
                name = names.vector(2) if names.take(1) == _HOST_NAME else b""
                return name.decode("ascii") if _HOST.fullmatch(name) else None
    except EOFError:
        pass
    return None


class _Octets:
    """Octets to be taken from the front."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise EOFError
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        """A vector of RFC 8446 3.4: its length in `width` octets, then its content."""
        return self.take(self.number(width))


def _hello(records: _Octets) -> _Octets:
    """The body of the first handshake message, joined from as many records as it is spread over."""
    message = b""
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        if records.number(1) != _HANDSHAKE_RECORD:
            raise EOFError
        records.take(2)
        message += records.vector(2)
    if message[:1] != _CLIENT_HELLO:
        raise EOFError
    return _Octets(message[4:])
