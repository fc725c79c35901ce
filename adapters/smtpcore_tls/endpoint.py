"""The channel binding ``tls-server-end-point``: a hash of the server's certificate (RFC 5929 4)."""

from __future__ import annotations

import hashlib

_RSA = bytes.fromhex("06092a864886f70d0101")
_ECDSA = bytes.fromhex("06082a8648ce3d0403")

_HASHES = {
    # RFC 5929 4.1: MD5 and SHA-1 give way to SHA-256.
    _RSA + b"\x04": "sha256",
    _RSA + b"\x05": "sha256",
    bytes.fromhex("06072a8648ce3d0401"): "sha256",
    _RSA + b"\x0b": "sha256",
    _RSA + b"\x0c": "sha384",
    _RSA + b"\x0d": "sha512",
    _RSA + b"\x0e": "sha224",
    _ECDSA + b"\x01": "sha224",
    _ECDSA + b"\x02": "sha256",
    _ECDSA + b"\x03": "sha384",
    _ECDSA + b"\x04": "sha512",
}
"""Signature algorithms as DER object identifiers (RFC 3279, RFC 4055, RFC 5758), and the hash of each."""


def server_end_point(certificate: bytes) -> bytes | None:
    """The binding for a server certificate in DER.

    Returns:
        The hash, or ``None`` where the certificate's signature does not use a single hash function that its
        algorithm names (RSASSA-PSS, Ed25519), for which RFC 5929 defines nothing.
    """
    # RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, .. }, .. }
    content, _ = _element(certificate, 0)
    _, signature_algorithm = _element(certificate, content)
    algorithm, _ = _element(certificate, signature_algorithm)
    _, end = _element(certificate, algorithm)
    name = _HASHES.get(certificate[algorithm:end])
    return None if name is None else hashlib.new(name, certificate).digest()


def _element(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at `at` begins, and where it ends; lengths past the end are harmless."""
    length = int.from_bytes(der[at + 1 : at + 2], "big")
    content = at + 2
    if length & 0x80:
        width = length & 0x7F
        length = int.from_bytes(der[content : content + width], "big")
        content += width
    return content, content + length
