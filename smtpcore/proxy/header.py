"""What a PROXY header says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias


class TlvType(IntEnum):
    """The registered types of the additional fields of version 2 (proxy-protocol.txt 2.2)."""

    ALPN = 0x01
    AUTHORITY = 0x02
    CRC32C = 0x03
    NOOP = 0x04
    UNIQUE_ID = 0x05
    SSL = 0x20
    SSL_VERSION = 0x21
    """Within ``SSL``, as the next four are."""
    SSL_CN = 0x22
    SSL_CIPHER = 0x23
    SSL_SIG_ALG = 0x24
    SSL_KEY_ALG = 0x25
    NETNS = 0x30


class SslClient(IntFlag):
    """How the client was connected to the proxy (proxy-protocol.txt 2.2.6). Unknown bits are kept."""

    SSL = 0x01
    """Over SSL or TLS."""
    CERT_CONN = 0x02
    """It showed a certificate on this connection."""
    CERT_SESS = 0x04
    """It showed a certificate at least once in the TLS session that this connection belongs to."""


@dataclass(frozen=True, slots=True)
class ProxyEndpoint:
    """One end of a TCP connection."""

    host: str
    """An IP address in its shortest spelling; an IPv4 one within IPv6 (RFC 4291 2.5.5.2) is written as IPv4."""
    port: int
    """0 to 65535."""

    @classmethod
    def of(cls, address: IPv4Address | IPv6Address, port: int) -> ProxyEndpoint:
        """Write the address in its one spelling: what counts or compares addresses sees a client only once."""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return cls(str(mapped or address), port)


ProxySource: TypeAlias = ProxyEndpoint | bytes
"""One end of the client's connection to the proxy: of TCP, or the path of a unix socket.

A path is octets without its padding. It is empty for a socket without a name, and begins with NUL in Linux' abstract
namespace.
"""


@dataclass(frozen=True, slots=True)
class ProxySsl:
    """The TLS between the client and the proxy, in the proxy's words. It protects nothing between proxy and server.

    Text that is not UTF-8, or has control characters in it, is None here; its octets stand in ``tlvs``.
    """

    client: SslClient
    verify: int
    """0 if the client showed a certificate and the proxy could verify it; else a number that means nothing."""
    version: str | None = None
    """As the proxy's library writes it, for instance ``TLSv1.3``."""
    cn: str | None = None
    """Common name of the client's certificate: text that whoever issued it has chosen."""
    cipher: str | None = None
    """For instance ``ECDHE-RSA-AES128-GCM-SHA256``."""
    sig_alg: str | None = None
    """Algorithm that the proxy's certificate is signed with, for instance ``SHA256``."""
    key_alg: str | None = None
    """Algorithm of the key in the proxy's certificate, for instance ``RSA2048``."""
    tlvs: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    """All fields, in order, as type and octets."""

    @property
    def verified(self) -> bool:
        """The client showed a certificate, now or earlier in its TLS session, and the proxy has verified it."""
        return self.verify == 0 and bool(self.client & (SslClient.CERT_CONN | SslClient.CERT_SESS))


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A header that could be read. Text is treated as in ``ProxySsl``."""

    version: Literal[1, 2]
    local: bool = False
    """The proxy speaks for itself (version 2, LOCAL: a health check); the real endpoints hold."""
    source: ProxySource | None = None
    """The client. None if the header names none: LOCAL, UNKNOWN and UNSPEC, where the real endpoints hold."""
    destination: ProxySource | None = None
    """What the client connected to; None if, and only if, ``source`` is."""
    authority: str | None = None
    """The host name the client asked for, usually by SNI (RFC 6066 3); the client's word."""
    unique_id: bytes | None = None
    """Names the connection at the proxy; at most 128 octets."""
    ssl: ProxySsl | None = None
    """The TLS that ended at the proxy, None if nothing was said of any."""
    alpn: bytes | None = None
    """The application protocol that was negotiated with the proxy (RFC 7301)."""
    netns: str | None = None
    """The network namespace at the proxy."""
    tlvs: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    """All additional fields, in order, as type and octets; those of LOCAL and UNSPEC are skipped unread."""
