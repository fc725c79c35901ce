"""Version 1: one line of text (proxy-protocol.txt 2.1)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from smtpcore.errors import ParseError
from smtpcore.proxy.header import ProxyEndpoint, ProxyHeader

PREFIX: Final = b"PROXY "
LONGEST: Final = 107
"""Octets of the longest line, CRLF included."""

# Single spaces; no sign, no leading zero, no digit that is not ASCII. The library judges the addresses, but it would
# take an IPv6 zone with any octets in it, so the octets are limited first (T-PY).
_PORT = rb"(0|[1-9][0-9]{0,4})"
_TCP: Final = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) %b %b" % (_PORT, _PORT))
_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: .*)?", re.DOTALL)


def read(data: bytearray) -> tuple[ProxyHeader, int] | None:
    """Read the line that the octets begin with.

    Returns:
        The header and its length, or None when more octets are needed.

    Raises:
        ParseError: It is no such line, whatever else may come.
    """
    if data[: len(PREFIX)] != PREFIX[: len(data)]:
        raise ParseError("not a PROXY header")
    end = data.find(b"\n", 0, LONGEST)
    if end < 0:
        if len(data) >= LONGEST:
            raise ParseError("the PROXY line is too long")
        return None
    # UNKNOWN may have anything behind it, but not a bare LF: where the header ends is no matter of opinion.
    if data[end - 1 : end] != b"\r":
        raise ParseError("the PROXY line does not end with CRLF")
    return _header(bytes(data[: end - 1])), end + 1


def _header(line: bytes) -> ProxyHeader:
    if _UNKNOWN.fullmatch(line):
        return ProxyHeader(1)
    match = _TCP.fullmatch(line)
    if match is None:
        raise ParseError("a PROXY line that cannot be read")
    kind = IPv4Address if match[1] == b"4" else IPv6Address
    try:
        # Proxies print an IPv4 client on an IPv6 socket as ``::ffff:192.0.2.1`` (RFC 4291 2.2), which passes here.
        hosts = [kind(text.decode("ascii")) for text in (match[2], match[3])]
    except ValueError:
        raise ParseError("no address of the family that the PROXY line names") from None
    ports = [int(text) for text in (match[4], match[5])]
    if max(ports) > 0xFFFF:
        raise ParseError("a port over 65535 in the PROXY line")
    source, destination = map(ProxyEndpoint.of, hosts, ports)
    return ProxyHeader(1, source=source, destination=destination)
