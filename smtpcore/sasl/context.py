"""What a mechanism may know of its surroundings."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from smtpcore.sasl.keys import ITERATIONS
from smtpcore.sasl.queries import TokenError
from smtpcore.tls import TlsInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The surroundings of one exchange, and the settings that mechanisms have."""

    hostname: str
    """The server's own name."""
    token_bytes: Callable[[int], bytes] = field(repr=False)
    """So many random octets, good enough for nonces (RFC 4086)."""
    tls: TlsInfo | None = None
    """The TLS layer; None in clear text."""
    offered: Collection[str] = ()
    """The mechanisms that may be used now."""
    secret: bytes = field(default=b"", repr=False)
    """Known to this server alone and the same after a restart: what is made up for unknown users comes of it."""
    iterations: int = ITERATIONS
    """The iteration count that SCRAM announces for unknown users."""
    token_error: TokenError = field(default_factory=TokenError)
    """What a client is told whose token is refused without a reason."""
