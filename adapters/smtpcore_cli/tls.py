"""The certificate: the flags, and the TLS configuration that comes of them."""

from __future__ import annotations

import argparse
import ssl
from hashlib import sha256

from smtpcore_tls import MissingDependency, self_signed, server_context

from .errors import UsageError, reason


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags, in a group of their own."""
    group = parser.add_argument_group("TLS")
    group.add_argument("--certfile", metavar="FILE", help="PEM file with the certificate chain: offer STARTTLS")
    group.add_argument("--keyfile", metavar="FILE", help="PEM file with the private key, if it is not in --certfile")
    group.add_argument(
        "--tls-self-signed", action="store_true", help="a certificate made on the spot, to try things out"
    )
    group.add_argument("--require-tls", action="store_true", help="take no mail without TLS")


def offered(arguments: argparse.Namespace) -> bool:
    """Whether there is to be a certificate.

    Raises:
        UsageError: The flags do not go together.
    """
    certificate = arguments.certfile is not None or bool(arguments.tls_self_signed)
    if arguments.certfile is not None and arguments.tls_self_signed:
        raise UsageError("--certfile and --tls-self-signed do not go together")
    if arguments.keyfile is not None and arguments.certfile is None:
        raise UsageError("--keyfile needs --certfile")
    if arguments.require_tls and not certificate:
        raise UsageError("--require-tls needs --certfile or --tls-self-signed")
    if any(bind.implicit_tls for bind in arguments.bind or ()) and not certificate:
        raise UsageError("TLS from the first octet needs --certfile or --tls-self-signed")
    return certificate


def context(arguments: argparse.Namespace, hostname: str) -> tuple[ssl.SSLContext | None, str | None]:
    """The TLS configuration, and the SHA-256 fingerprint of a certificate that was made on the spot.

    Raises:
        UsageError: It is not to be had.
    """
    try:
        if arguments.certfile is not None:
            return server_context(arguments.certfile, arguments.keyfile, client_ca=arguments.client_ca), None
        if arguments.tls_self_signed:
            # An address literal has brackets, an address in a certificate has none.
            made = self_signed(hostname.strip("[]").removeprefix("IPv6:"))
            certificate = ssl.PEM_cert_to_DER_cert(made.certificate.decode("ascii"))
            return made.context, sha256(certificate).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read the certificate: {reason(error)}") from error
    except (MissingDependency, ValueError) as error:
        raise UsageError(str(error)) from error
    return None, None
