"""Version 2: a binary header (proxy-protocol.txt 2.2)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Final

from smtpcore.errors import ParseError
from smtpcore.proxy.header import ProxyEndpoint, ProxyHeader, ProxySource, TlvType
from smtpcore.proxy.tlv import Fields

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = 16
"""Octets up to the addresses: signature, version and command, family and protocol, length of the rest."""
_LOCAL: Final = 0x20
_PROXY: Final = 0x21

_UNSPEC: Final = 0x00
_TCP4: Final = 0x11
_TCP6: Final = 0x21
_UNIX: Final = 0x31
# Source address, destination address, source port, destination port. All other families and protocols, datagrams
# among them, carry no SMTP.
_LAYOUTS: Final = {_UNSPEC: Struct(""), _TCP4: Struct("!4s4sHH"), _TCP6: Struct("!16s16sHH"), _UNIX: Struct("108s108s")}

LONGEST_ADDRESSES: Final = _FIXED + _LAYOUTS[_UNIX].size
"""Octets of the longest header without additional fields."""


def read(data: bytearray, longest: int) -> tuple[ProxyHeader, int] | None:
    """Read the header that the octets begin with.

    Args:
        data: The octets, and perhaps more behind them.
        longest: The longest header that is read, in octets.

    Returns:
        The header and its length, or None when more octets are needed.

    Raises:
        ParseError: It is no such header, whatever else may come.
    """
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise ParseError("not a PROXY header")
    # What can be judged is judged now and not when all has come: each answer depends on the octets in front alone.
    command, layout = data[12:13], _LAYOUTS[_UNSPEC]
    if command and command[0] not in (_LOCAL, _PROXY):
        raise ParseError("a version or a command of PROXY that nobody knows")
    local = command == bytes((_LOCAL,))
    # LOCAL: the block is skipped whatever it holds, and its family means nothing.
    if len(data) > 13 and not local:
        if data[13] not in _LAYOUTS:
            raise ParseError("a PROXY header for something else than a stream over IP or unix sockets")
        layout = _LAYOUTS[data[13]]
    if len(data) < _FIXED:
        return None
    end = _FIXED + int.from_bytes(data[14:16], "big")
    if end > longest:
        raise ParseError("the PROXY header is too long")
    if end < _FIXED + layout.size:
        raise ParseError("the PROXY header is too short for its addresses")
    if len(data) < end:
        return None
    # UNSPEC says nothing of how its block is laid out, so it is skipped as well.
    header = ProxyHeader(2, local) if not layout.size else _header(bytes(data[:end]), data[13], layout)
    return header, end


def _header(data: bytes, family: int, layout: Struct) -> ProxyHeader:
    source: ProxySource
    destination: ProxySource
    if family == _UNIX:
        source, destination = map(_path, layout.unpack_from(data, _FIXED))
    else:
        kind = IPv4Address if family == _TCP4 else IPv6Address
        client, server, client_port, server_port = layout.unpack_from(data, _FIXED)
        source = ProxyEndpoint.of(kind(client), client_port)
        destination = ProxyEndpoint.of(kind(server), server_port)
    fields = Fields(data, _FIXED + layout.size)
    fields.verify_checksum()
    return ProxyHeader(
        2,
        source=source,
        destination=destination,
        authority=fields.text(TlvType.AUTHORITY),
        unique_id=fields.unique_id(),
        ssl=fields.ssl(),
        alpn=fields.octets(TlvType.ALPN),
        netns=fields.text(TlvType.NETNS),
        tlvs=fields.all,
    )


def _path(padded: bytes) -> bytes:
    # An abstract name begins with NUL and may hold others; a path ends at the first.
    return padded.rstrip(b"\0") if padded[0] == 0 else padded.partition(b"\0")[0]
