"""The next hop of a forwarding server, as plain values."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from smtpcore.session.client import ClientConfig
from smtpcore.spec import Dialect

from .places import Place


@dataclass(frozen=True, slots=True)
class Hop:
    """Where messages are forwarded to, and how."""

    place: Place
    config: ClientConfig
    tls_context: ssl.SSLContext | None = None
    server_name: str | None = None
    xforward: bool = False
    """Tell it by XFORWARD who has sent each message, for its logs."""
    xclient: bool = False
    """Tell it by XCLIENT who is served, for its decisions."""
    connect_timeout: float = 30.0
    """Seconds."""

    @property
    def lmtp(self) -> bool:
        """Whether it has a verdict for each recipient behind the content (RFC 2033 4.2)."""
        return self.config.dialect is Dialect.LMTP
