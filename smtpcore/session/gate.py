"""What all sessions together may take: connections in all, from one address and network, and memory."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from ipaddress import ip_address, ip_network

from smtpcore.session.limits import MIB
from smtpcore.session.peer import Peer


class Admission(Enum):
    """What a gate says to a connection."""

    ADMITTED = "admitted"
    FULL = "full"
    """Too many connections in all: 421 4.3.2."""
    FULL_HERE = "full here"
    """Too many from this address or its network: 421 4.7.0."""


class Gate:
    """Counts the open connections of all sessions that share it, and the octets of content they keep.

    Args:
        total: Connections in all; None: no limit.
        per_address: Connections from one address. Connections without one (unix sockets) are not counted here.
        per_network: Connections from one network, whose sizes the next two give.
        ipv4_prefix: Bits of an IPv4 network.
        ipv6_prefix: Bits of an IPv6 network. A single subscriber has one of at least this size, so
            ``per_address`` counts IPv6 addresses by it too.
        max_collected: Octets of content in memory, of all sessions together; what goes to a sink is not counted.
        lock: Held for each count; give ``threading.Lock()`` where sessions run in threads.
    """

    def __init__(
        self,
        total: int | None = 1000,
        per_address: int | None = 50,
        per_network: int | None = None,
        *,
        ipv4_prefix: int = 24,
        ipv6_prefix: int = 64,
        max_collected: int | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._total = total
        self._per_address = per_address
        self._per_network = per_network
        self._prefixes = {4: ipv4_prefix, 6: ipv6_prefix}
        self._max_collected = max_collected
        self._lock = lock if lock is not None else nullcontext()
        self._locked = lock is not None
        self._open = 0
        self._counts: dict[Hashable, int] = {}
        self._collected = 0

    @classmethod
    def hardened(cls, *, lock: AbstractContextManager[object] | None = None) -> Gate:
        """For a server that faces the open internet."""
        return cls(500, 20, max_collected=512 * MIB, lock=lock)

    @property
    def open(self) -> int:
        """Connections that were admitted and not yet released."""
        return self._open

    @property
    def collected(self) -> int:
        """Octets of content in memory."""
        return self._collected

    def admit(self, peer: Peer) -> Admission:
        """Ask for a connection; what is admitted has to be released once."""
        limits = self._limits(peer)
        with self._lock:
            if self._total is not None and self._open >= self._total:
                return Admission.FULL
            if any(self._counts.get(key, 0) >= limit for key, limit in limits):
                return Admission.FULL_HERE
            self._open += 1
            for key, _ in limits:
                self._counts[key] = self._counts.get(key, 0) + 1
        return Admission.ADMITTED

    def release(self, peer: Peer) -> None:
        """The connection is over."""
        limits = self._limits(peer)
        with self._lock:
            self._open -= 1
            for key, _ in limits:
                # What counts nothing is not kept: memory is bounded by the connections that are open.
                if self._counts[key] == 1:
                    del self._counts[key]
                else:
                    self._counts[key] -= 1

    @property
    def full(self) -> bool:
        """Whether there is no memory left for content."""
        return self._max_collected is not None and self._collected >= self._max_collected

    def reserve(self, octets: int) -> bool:
        """Ask for memory for content; what is granted has to be freed. False, and nothing taken: there is none."""
        # Asked for every piece of content, and nullcontext() costs more than the count.
        if not self._locked:
            return self._reserve(octets)
        with self._lock:
            return self._reserve(octets)

    def free(self, octets: int) -> None:
        """Content is no longer in memory."""
        if not self._locked:
            self._collected -= octets
            return
        with self._lock:
            self._collected -= octets

    def _reserve(self, octets: int) -> bool:
        if self._max_collected is not None and self._collected + octets > self._max_collected:
            return False
        self._collected += octets
        return True

    def _limits(self, peer: Peer) -> list[tuple[Hashable, int]]:
        if peer.host is None:
            return []
        address = ip_address(peer.host)
        if address.version == 6 and address.ipv4_mapped is not None:
            # A listener for both families sees IPv4 so, and it would all be one IPv6 network.
            address = address.ipv4_mapped
        network = ip_network((address, self._prefixes[address.version]), strict=False)
        limits: list[tuple[Hashable, int]] = []
        if self._per_address is not None:
            limits.append((("address", address if address.version == 4 else network), self._per_address))
        if self._per_network is not None:
            limits.append((("network", network), self._per_network))
        return limits
