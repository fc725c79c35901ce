"""Who is at the other end of a socket."""

from __future__ import annotations

import ipaddress
import socket

from smtpcore.session import Peer


def peer_of(sock: socket.socket) -> Peer:
    """The endpoints of a connected socket.

    Raises:
        OSError: It is not connected any more.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return Peer()
    remote, local = sock.getpeername(), sock.getsockname()
    return Peer(plain_address(remote[0]), remote[1], plain_address(local[0]), local[1])


def plain_address(host: str) -> str:
    """An address as the system writes it, without a zone, and as IPv4 where it is that (RFC 4291 2.5.5.2)."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
