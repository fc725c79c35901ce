"""Reading a header from octets as they come."""

from __future__ import annotations

from typing import Final

from smtpcore.errors import LocalProtocolError, ParseError
from smtpcore.lines import Buffer
from smtpcore.proxy import v1, v2
from smtpcore.proxy.header import ProxyHeader

LEAST_HEADER: Final = v2.LONGEST_ADDRESSES
"""The lowest limit that refuses no header for its addresses alone: two paths of unix sockets, 232 octets in all."""


class ProxyReader:
    """Reads one header, of either version, from the beginning of a connection.

    The first octet tells the version; what fits neither is refused at once. What comes out never depends on how the
    octets were cut. Memory is bounded by ``max_header`` and the longest piece that is fed, time is linear.

    Args:
        max_header: The longest header in octets. A length over it is refused before the rest has come.

    Raises:
        ValueError: ``max_header`` is less than ``LEAST_HEADER``.
    """

    __slots__ = ("_data", "_fault", "_header", "_max_header")

    def __init__(self, max_header: int = 4096) -> None:
        if max_header < LEAST_HEADER:
            raise ValueError(f"a PROXY header may need {LEAST_HEADER} octets for its addresses alone")
        self._max_header = max_header
        self._data = bytearray()
        self._header: ProxyHeader | None = None
        self._fault: str | None = None

    @property
    def header(self) -> ProxyHeader | None:
        """The header, once it is complete."""
        return self._header

    @property
    def rest(self) -> bytes:
        """The octets behind the header: SMTP, or TLS. Nothing as long as it is not complete."""
        return bytes(self._data) if self._header is not None else b""

    def feed(self, data: Buffer) -> ProxyHeader | None:
        """Take octets.

        Returns:
            The header, or None when more octets are needed. ``rest`` then has what came behind it.

        Raises:
            ParseError: This is no PROXY header and never will be; so says every later call too.
            LocalProtocolError: The header was complete before; what comes now is for whoever got ``rest``.
        """
        if self._header is not None:
            raise LocalProtocolError("the PROXY header is complete; feed what follows to TLS or the dialogue")
        if self._fault is not None:
            raise ParseError(self._fault)
        self._data += data
        try:
            found = self._read()
        except ParseError as error:
            self._fault = str(error)
            self._data.clear()
            raise
        if found is None:
            return None
        self._header, length = found
        del self._data[:length]
        return self._header

    def _read(self) -> tuple[ProxyHeader, int] | None:
        if not self._data:
            return None
        # Two different first octets, so nothing is ever a candidate for both.
        return v1.read(self._data) if self._data[0] == v1.PREFIX[0] else v2.read(self._data, self._max_header)
