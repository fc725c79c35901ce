"""Who is at the other end of a socket."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from smtpcore.session import Peer


def peer_from(remote: object, local: object) -> Peer:
    """A peer as sessions want it, from the two socket addresses of a connection.

    Args:
        remote: What ``accept`` or ``getpeername`` gave.
        local: What ``getsockname`` gave.

    Returns:
        IP addresses without a zone, and as IPv4 where they are that; nothing for a Unix socket, whose names are paths.
    """
    return Peer(*_endpoint(remote), *_endpoint(local))


def _endpoint(address: object) -> tuple[str | None, int | None]:
    match address:
        case (str() as host, int() as port, *_):
            return _plain(host), port
        case _:
            return None, None


def _plain(host: str) -> str:
    if ":" not in host:
        return host
    # The zone is of this host only and says nothing about the peer.
    address = ip_address(host.partition("%")[0])
    # A socket for both families shows an IPv4 peer in an IPv6 address (RFC 4291 2.5.5.2).
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)
