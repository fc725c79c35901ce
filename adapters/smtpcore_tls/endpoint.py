"""The channel binding ``tls-server-end-point``: a hash of the server's certificate (RFC 5929 4)."""

from __future__ import annotations

import binascii
import hashlib
import re

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

# The three labels under which OpenSSL takes a certificate for the first of a chain.
_PEM = re.compile(rb"^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)^-----END ", re.DOTALL | re.MULTILINE)

_VERSION = b"\xa0"


def server_end_point(certificate: bytes) -> bytes | None:
    """The binding for a server certificate in DER.

    Returns:
        The hash, or ``None`` where the certificate's signature does not use a single hash function that its
        algorithm names (RSASSA-PSS, Ed25519), for which RFC 5929 defines nothing.
    """
    # RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, .. }, .. }
    content, _ = _element(certificate, 0)
    _, signature_algorithm = _element(certificate, content)
    name = _HASHES.get(_algorithm(certificate, signature_algorithm))
    return None if name is None else hashlib.new(name, certificate).digest()


def key_algorithm(certificate: bytes) -> bytes:
    """What kind of key a certificate in DER is for, as an object identifier; nothing sensible for what is none."""
    # RFC 5280 4.1: tbsCertificate SEQUENCE { [0] version OPTIONAL, serialNumber, signature, issuer, validity, subject,
    # subjectPublicKeyInfo SEQUENCE { algorithm SEQUENCE { OID, .. }, .. }, .. }
    content, _ = _element(certificate, 0)
    at, _ = _element(certificate, content)
    for _ in range(6 if certificate[at : at + 1] == _VERSION else 5):
        _, at = _element(certificate, at)
    key_info, _ = _element(certificate, at)
    return _algorithm(certificate, key_info)


def first_certificate(pem: bytes) -> bytes:
    """The certificate that a file of a server's begins with, in DER; ``b""`` if there is none.

    It is the server's own: OpenSSL too takes the first for that, and all others for those of its issuers.
    """
    found = _PEM.search(pem)
    if found is None:
        return b""
    try:
        der = binascii.a2b_base64(found[1])
    except binascii.Error:
        return b""
    # Behind a TRUSTED CERTIFICATE stands what it is trusted for.
    _, end = _element(der, 0)
    return der[:end]


def _algorithm(der: bytes, at: int) -> bytes:
    """The object identifier in the AlgorithmIdentifier (RFC 5280 4.1.1.2) at `at`."""
    algorithm, _ = _element(der, at)
    _, end = _element(der, algorithm)
    return der[algorithm:end]


def _element(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at `at` begins, and where it ends; lengths past the end are harmless."""
    length = int.from_bytes(der[at + 1 : at + 2], "big")
    content = at + 2
    if length & 0x80:
        width = length & 0x7F
        length = int.from_bytes(der[content : content + width], "big")
        content += width
    return content, content + length
