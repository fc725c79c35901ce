"""How many connections at once: in all, from one address, from one network."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from ipaddress import ip_address, ip_network

from smtpcore.session.peer import Peer


class Admission(Enum):
    """What a gate says to a connection."""

    ADMITTED = "admitted"
    FULL = "full"
    """Too many connections in all: 421 4.3.2."""
    FULL_HERE = "full here"
    """Too many from this address or its network: 421 4.7.0."""


class Gate:
    """Counts the open connections of all sessions that share it.

    Args:
        total: Connections in all; None: no limit.
        per_address: Connections from one address. Connections without one (unix sockets) are not counted here.
        per_network: Connections from one network, whose sizes the next two give.
        ipv4_prefix: Bits of an IPv4 network.
        ipv6_prefix: Bits of an IPv6 network. A single subscriber has one of at least this size, so
            ``per_address`` counts IPv6 addresses by it too.
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
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._total = total
        self._per_address = per_address
        self._per_network = per_network
        self._prefixes = {4: ipv4_prefix, 6: ipv6_prefix}
        self._lock = lock if lock is not None else nullcontext()
        self._open = 0
        self._counts: dict[Hashable, int] = {}

    @property
    def open(self) -> int:
        """Connections that were admitted and not yet released."""
        return self._open

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

    def _limits(self, peer: Peer) -> list[tuple[Hashable, int]]:
        if peer.host is None:
            return []
        address = ip_address(peer.host)
        network = ip_network((address, self._prefixes[address.version]), strict=False)
        limits: list[tuple[Hashable, int]] = []
        if self._per_address is not None:
            limits.append((("address", address if address.version == 4 else network), self._per_address))
        if self._per_network is not None:
            limits.append((("network", network), self._per_network))
        return limits
