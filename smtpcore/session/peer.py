"""Who is at the other end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """The endpoints of a connection, as the transport knows them or as a trusted proxy names them."""

    host: str | None = None
    """The peer's IP address as text, without a zone; None where there is none (unix socket, memory)."""
    port: int | None = None
    """The peer's TCP port; None where there is none."""
    local_host: str | None = None
    """The address the peer connected to."""
    local_port: int | None = None
    """The port that the peer connected to."""

    def __str__(self) -> str:
        return f"[{self.host}]" if self.host is not None else "[local]"
