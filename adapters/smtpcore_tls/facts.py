"""From an ``ssl.SSLObject`` whose handshake is complete to the core's `TlsInfo`."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator

from smtpcore.tls import TlsInfo

from .contexts import ServerContext
from .endpoint import server_end_point


def gather(tls: ssl.SSLObject, server_name: str | None) -> TlsInfo:
    """All that Python's ``ssl`` can tell; `server_name` is what it cannot."""
    version = tls.version() or ""
    cipher, _, bits = tls.cipher() or ("", "", 0)
    certificate = tls.getpeercert(binary_form=True)
    # With CERT_OPTIONAL a certificate that cannot be verified fails the handshake: one that is here was verified.
    verified = certificate is not None and tls.context.verify_mode is not ssl.CERT_NONE
    subject, alt_names = _names(tls) if verified else ((), ())
    return TlsInfo(
        version=version,
        cipher=cipher,
        bits=bits,
        server_name=None if server_name is None or _is_address(server_name) else server_name,
        alpn=tls.selected_alpn_protocol(),
        peer_certificate=certificate,
        peer_verified=verified,
        peer_subject=subject,
        peer_alt_names=alt_names,
        channel_bindings=_channel_bindings(tls, version, certificate),
    )


def _channel_bindings(tls: ssl.SSLObject, version: str, certificate: bytes | None) -> dict[str, bytes]:
    bindings: dict[str, bytes] = {}
    # RFC 9266 4: tls-unique is not defined for TLS 1.3, though OpenSSL would give something. The binding that takes
    # its place, tls-exporter, is out of reach: Python's ssl has no exporter.
    if version != "TLSv1.3" and (unique := tls.get_channel_binding("tls-unique")):
        bindings["tls-unique"] = unique
    # The certificate that counts is always the server's. The context is the one that the handshake ended with: a
    # callback of the application may have chosen another for the name that the client asked for.
    end_point: bytes | None = None
    if not tls.server_side:
        end_point = None if certificate is None else server_end_point(certificate)
    elif isinstance(tls.context, ServerContext):
        end_point = tls.context.end_point
    if end_point is not None:
        bindings["tls-server-end-point"] = end_point
    return bindings


def _names(tls: ssl.SSLObject) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    try:
        described = tls.getpeercert() or {}
    except (ValueError, ssl.SSLError):
        # A verified certificate may still hold names that ssl cannot decode. They are then nobody's names.
        return (), ()
    subject = described.get("subject", ())
    return (
        tuple(pair for relative_name in subject for pair in _pairs(relative_name)),
        tuple(_pairs(described.get("subjectAltName", ()))),
    )


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    """The pairs of text in what ``getpeercert`` gives; a ``DirName`` nests deeper and is left out."""
    if isinstance(value, tuple):
        for item in value:
            match item:
                case (str() as kind, str() as text):
                    yield kind, text
                case _:
                    pass


def _is_address(name: str) -> bool:
    # RFC 6066 3: an address is never sent as a server name.
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
