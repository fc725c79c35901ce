"""What the session and the application may know of a TLS layer, as plain values.

The layer itself lives outside the core (``smtpcore_tls``); nothing here knows the ``ssl`` module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """The facts of one finished TLS handshake (RFC 8446, RFC 5246)."""

    version: str
    """The protocol version, as OpenSSL writes it: ``"TLSv1.3"``."""
    cipher: str
    """The cipher suite, as OpenSSL writes it: ``"TLS_AES_256_GCM_SHA384"``."""
    bits: int
    """Secret bits of the cipher suite, for instance 256."""
    server_name: str | None = None
    """The host name the client asked for (SNI, RFC 6066 3), case as sent; ``None`` if it asked for none.

    Only letters, digits, ``.``, ``-`` and ``_``; on the server side it is the peer's word and proves nothing.
    """
    alpn: str | None = None
    """The application protocol agreed on (RFC 7301), ``None`` if there was no such negotiation."""
    peer_certificate: bytes | None = field(default=None, repr=False)
    """The peer's own certificate in DER (RFC 5280 4.1), ``None`` if it showed none."""
    peer_verified: bool = False
    """Whether ``peer_certificate`` was checked against trusted authorities; ``False`` without a certificate.

    On the client side this includes the host name only if the TLS configuration asked for that check (RFC 9525).
    """
    peer_subject: tuple[tuple[str, str], ...] = ()
    """Attributes of the certificate's subject, in order: ``(("commonName", "mx.example.org"), ...)``.

    Empty unless ``peer_verified``. The values are text chosen by whoever issued the certificate; filter them
    before they reach a header or a log.
    """
    peer_alt_names: tuple[tuple[str, str], ...] = ()
    """The subject alternative names (RFC 5280 4.2.1.6): ``(("DNS", "mx.example.org"), ("email", "a@b"))``.

    Empty unless ``peer_verified``; the same caution as for ``peer_subject``.
    """
    channel_bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False, hash=False)
    """Channel binding data by registered type: ``tls-unique`` and ``tls-server-end-point`` (RFC 5929),
    ``tls-exporter`` (RFC 9266). A type that could not be had is absent; never shown in a repr.
    """
