"""Which peers are trusted, by the address the transport sees."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from smtpcore.session.peer import Peer

UNIX: Final = "unix"
"""Stands for the peers that have no address: those of unix sockets, and of memory."""


class Networks:
    """A set of peers, asked by ``peer in networks``.

    Args:
        names: IPv4 and IPv6 networks (``192.0.2.0/28``), single addresses, and ``unix``.

    Raises:
        ValueError: A name is none of these, or a network has bits set outside its prefix.
    """

    __slots__ = ("_networks", "_unix")

    def __init__(self, names: Iterable[str]) -> None:
        named = tuple(names)
        self._unix = UNIX in named
        self._networks = tuple(ip_network(name) for name in named if name != UNIX)

    def __contains__(self, peer: Peer) -> bool:
        if peer.host is None:
            return self._unix
        if not self._networks:
            return False
        address = ip_address(peer.host)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            # A listener for both families may show IPv4 so (RFC 4291 2.5.5.2).
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
