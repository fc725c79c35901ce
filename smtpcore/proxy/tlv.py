"""The additional fields of version 2: type, length, value (proxy-protocol.txt 2.2)."""

from __future__ import annotations

from typing import Final

from smtpcore.errors import ParseError
from smtpcore.proxy.crc32c import crc32c
from smtpcore.proxy.header import ProxySsl, SslClient, TlvType

_LONGEST_ID: Final = 128
_CRC_SIZE: Final = 4
_SSL_SIZE: Final = 5
"""Octets of the flags and the result of the verification, in front of the fields within ``SSL``."""
_ONCE: Final = frozenset(TlvType) - {TlvType.NOOP}
"""Types that have one value: of two nobody could say which one is meant. Types that nobody knows may repeat."""


class Fields:
    """The fields in ``data`` from ``start`` to its end.

    Raises:
        ParseError: A field runs past the end, or a type that has one value is there twice.
    """

    __slots__ = ("_data", "_places", "all")

    all: tuple[tuple[int, bytes], ...]
    """Every field in order, as type and octets."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._places: dict[int, slice] = {}
        found = []
        while start < len(data):
            value = start + 3
            end = value + int.from_bytes(data[start + 1 : value], "big")
            if end > len(data):
                raise ParseError("a field of the PROXY header runs past its end")
            kind = data[start]
            if kind in _ONCE:
                if kind in self._places:
                    raise ParseError("a field of the PROXY header is there twice")
                self._places[kind] = slice(value, end)
            found.append((kind, data[value:end]))
            start = end
        self.all = tuple(found)

    def octets(self, kind: TlvType) -> bytes | None:
        """The value of a type, None without such a field."""
        place = self._places.get(kind)
        return None if place is None else self._data[place]

    def text(self, kind: TlvType) -> str | None:
        """The value of a type as text, None too if it is none that may be shown."""
        try:
            text = (self.octets(kind) or b"").decode("utf-8")
        except UnicodeDecodeError:
            return None
        # The client has a hand in some of these, and they end in logs and header lines (T-HEADER).
        return text if text and text.isprintable() else None

    def unique_id(self) -> bytes | None:
        """The proxy's name for the connection.

        Raises:
            ParseError: It is too long.
        """
        value = self.octets(TlvType.UNIQUE_ID)
        if value is not None and len(value) > _LONGEST_ID:
            raise ParseError("the unique id in the PROXY header is too long")
        return value

    def ssl(self) -> ProxySsl | None:
        """The TLS between the client and the proxy.

        Raises:
            ParseError: It cannot be read.
        """
        value = self.octets(TlvType.SSL)
        if value is None:
            return None
        if len(value) < _SSL_SIZE:
            raise ParseError("the SSL field of the PROXY header is too short")
        inner = Fields(value, _SSL_SIZE)
        return ProxySsl(
            SslClient(value[0]),
            int.from_bytes(value[1:_SSL_SIZE], "big"),
            version=inner.text(TlvType.SSL_VERSION),
            cn=inner.text(TlvType.SSL_CN),
            cipher=inner.text(TlvType.SSL_CIPHER),
            sig_alg=inner.text(TlvType.SSL_SIG_ALG),
            key_alg=inner.text(TlvType.SSL_KEY_ALG),
            tlvs=inner.all,
        )

    def verify_checksum(self) -> None:
        """Compare the checksum, if there is one; ``data`` has to be the whole header.

        Raises:
            ParseError: It does not match.
        """
        place = self._places.get(TlvType.CRC32C)
        if place is None:
            return
        value = self._data[place]
        # The sum is made with zeros in the place of its own result.
        if len(value) != _CRC_SIZE or int.from_bytes(value, "big") != crc32c(
            self._data[: place.start] + bytes(_CRC_SIZE) + self._data[place.stop :]
        ):
            raise ParseError("the checksum of the PROXY header does not match")
