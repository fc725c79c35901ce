"""The network a peer belongs to, as the key under which it is counted."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtpcore.session.peer import Peer


def network_of(peer: Peer, ipv4_prefix: int, ipv6_prefix: int) -> str | None:
    """The peer's network as text, None for a peer without an address.

    Args:
        peer: Whose network; the claimed identity behind PROXY and XCLIENT.
        ipv4_prefix: Bits of an IPv4 network; 32 is the address alone.
        ipv6_prefix: Bits of an IPv6 network; a single subscriber has one of 64 at least.
    """
    if peer.host is None:
        return None
    address = ip_address(peer.host)
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ip_network((address, ipv4_prefix if address.version == 4 else ipv6_prefix), strict=False))
