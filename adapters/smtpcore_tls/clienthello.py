"""The server name out of a ClientHello.

``ssl`` tells a server the name only through a callback on the context, which belongs to the application; and that
callback prints a traceback to stderr whenever a peer sends a name that is not ASCII. So the name is read here, from the
octets that OpenSSL reads too. It is information only: OpenSSL has judged the hello, nothing is decided by this copy.
"""

from __future__ import annotations

import re

HELLO_LIMIT = 5 + 16384
"""Octets to keep for `requested_name`: one full record with its header, far above any hello in use."""

_HANDSHAKE_RECORD = b"\x16"
_CLIENT_HELLO = b"\x01"
_SERVER_NAME = b"\x00\x00"
_HOST_NAME = b"\x00"
_HELLO_HEADER = 4 + 2 + 32
"""Octets of a handshake message's header, legacy_version and random (RFC 8446 4, 4.1.2)."""
_HOST = re.compile(rb"[0-9A-Za-z._-]{1,255}")


def requested_name(records: bytes | bytearray) -> str | None:
    """The host name a client asked for (RFC 6066 3), as sent.

    Args:
        records: What the client sent first: TLS records, cut off anywhere.

    Returns:
        The name, or ``None`` if there is none, it is no host name, or the hello is not whole.
    """
    try:
        hello = _hello(bytes(records))
        end = len(hello)
        at = _HELLO_HEADER
        for width in (1, 2, 1):  # legacy_session_id, cipher_suites, legacy_compression_methods
            at = _behind(hello, at, width, end)
        end, at = _behind(hello, at, 2, end), at + 2
        while at < end:
            behind = _behind(hello, at + 2, 2, end)
            if hello[at : at + 2] == _SERVER_NAME:
                return _host_name(hello, at + 4, behind)
            at = behind
    except EOFError:
        pass
    return None


def _hello(records: bytes) -> bytes:
    """The first handshake message, with its header, joined from as many records as it is spread over."""
    message = b""
    at = 0
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        if records[at : at + 1] != _HANDSHAKE_RECORD:
            raise EOFError
        end = _behind(records, at + 3, 2, len(records))
        message += records[at + 5 : end]
        at = end
    if message[:1] != _CLIENT_HELLO:
        raise EOFError
    return message


def _host_name(hello: bytes, at: int, end: int) -> str | None:
    """The first name of the extension ``server_name``, if it is a host's."""
    end, at = _behind(hello, at, 2, end), at + 2
    behind = _behind(hello, at + 1, 2, end)
    if hello[at : at + 1] != _HOST_NAME:
        return None
    found = _HOST.fullmatch(hello, at + 3, behind)
    return found[0].decode("ascii") if found is not None else None


def _behind(data: bytes, at: int, width: int, end: int) -> int:
    """Where a vector of RFC 8446 3.4 ends: its length in `width` octets, then its content.

    Raises:
        EOFError: That is behind the end of what it is in.
    """
    behind = at + width + int.from_bytes(data[at : at + width], "big")
    if behind > end:
        raise EOFError
    return behind
