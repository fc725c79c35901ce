"""What a client checks servers against."""

from __future__ import annotations

import ssl

from smtpcore.session.client import ClientConfig, TlsMode

from .contexts import client_context


def context_for(config: ClientConfig, given: ssl.SSLContext | None = None) -> ssl.SSLContext | None:
    """The TLS configuration of a client's connections.

    Args:
        config: The settings of the sessions.
        given: What the application wants; it is taken where there is one.

    Returns:
        None where the settings know no TLS. Else what verifies the certificate and its name, and where TLS is
        opportunistic, and clear text would do as well, what takes any certificate (RFC 7435).
    """
    if given is not None or config.tls is TlsMode.NONE:
        return given
    return client_context(verify=config.tls is not TlsMode.OPPORTUNISTIC)


def name_of(host: str) -> str:
    """The name of a host as it stands in certificates: no dot at its end, and no zone, which is of this host only."""
    return host.partition("%")[0].removesuffix(".")
