"""The PROXY protocol, versions 1 and 2: who a load balancer says it speaks for (haproxy's ``proxy-protocol.txt``).

The header is the first thing on the connection, before SMTP and before TLS. It is a claim without any proof, so the
session asks for it only where the settings name the networks that may make it. A reader here knows nothing of trust;
it turns octets into a ``ProxyHeader``, or refuses them.
"""

from __future__ import annotations

from smtpcore.proxy.header import ProxyEndpoint, ProxyHeader, ProxySource, ProxySsl, SslClient, TlvType
from smtpcore.proxy.reader import LEAST_HEADER, ProxyReader

__all__ = [
    "LEAST_HEADER",
    "ProxyEndpoint",
    "ProxyHeader",
    "ProxyReader",
    "ProxySource",
    "ProxySsl",
    "SslClient",
    "TlvType",
]
