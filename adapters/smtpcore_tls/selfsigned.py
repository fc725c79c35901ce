"""A certificate made on the spot, for trying a server out.

The standard library cannot sign, so this one module needs the package ``cryptography``. It is imported when it is
needed, and nothing else in the project uses it.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import tempfile
from dataclasses import dataclass

from .contexts import server_context


class MissingDependency(ImportError):
    """An optional package is not installed; the message, one line, says how to get it."""


@dataclass(frozen=True, slots=True)
class SelfSigned:
    """A server configuration with a fresh certificate. The private key is in memory only and dies with it."""

    context: ssl.SSLContext
    """For `TlsEngine`; TLS 1.2 or later."""
    certificate: bytes
    """The certificate in PEM: what a client has to be given as its authority to trust this server."""


def self_signed(hostname: str, *, days: int = 30) -> SelfSigned:
    """Make a key and a certificate for `hostname` and for this host's own names.

    Args:
        hostname: A domain name in ASCII, or an IP address.
        days: How long the certificate is valid; it begins an hour ago, for clients whose clock is behind.

    Raises:
        MissingDependency: The package ``cryptography`` is not installed.
        ValueError: `hostname` is not ASCII.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        raise MissingDependency(
            "a self-signed certificate needs the package 'cryptography': pip install 'smtpcore[selfsigned]'"
        ) from error

    def general_name(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    key = ec.generate_private_key(ec.SECP256R1())
    # The host name stands in the alternative names, where RFC 9525 looks; a common name could not hold a long one.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smtpcore self-signed")])
    names = dict.fromkeys((hostname, "localhost", "127.0.0.1", "::1"))
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([general_name(each) for each in names]), critical=False)
        # Not an authority: whoever trusts this certificate trusts one server, and nothing that its key could sign.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # ssl loads certificates from files only. The folder is the user's alone (mode 0700) and gone a moment later.
    with tempfile.TemporaryDirectory(prefix="smtpcore-") as folder:
        path = os.path.join(folder, "server.pem")
        with open(path, "wb") as file:
            file.write(private + certificate)
        context = server_context(path)
    return SelfSigned(context, certificate)
