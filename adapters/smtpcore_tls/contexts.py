"""Ready configurations with safe defaults; any other ``ssl.SSLContext`` serves as well."""

from __future__ import annotations

import os
import ssl
import warnings
from collections.abc import Callable, Sequence

from .endpoint import first_certificate, key_algorithm, server_end_point

StrPath = str | os.PathLike[str]

_OBSOLETE = frozenset(
    (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.SSLv3, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
)


class ServerContext(ssl.SSLContext):
    """A server's configuration that knows the binding of its certificate; ``ssl`` does not tell a server its own."""

    def __init__(self, protocol: int) -> None:
        """Begin without a certificate; the protocol is an argument of ``ssl.SSLContext``, which is given it first."""
        self._end_points: dict[bytes, bytes | None] = {}

    @property
    def end_point(self) -> bytes | None:
        """The channel binding ``tls-server-end-point`` (RFC 5929 4) of what is shown to clients, if it is known.

        A context may hold a certificate for each kind of key. Which of several a handshake has taken cannot be told,
        and then there is no binding. Where a certificate is renewed in place, a handshake that is under way shows the
        old one and has the binding of the new; a client that binds to that is refused, and succeeds when it tries
        again.
        """
        return next(iter(self._end_points.values())) if len(self._end_points) == 1 else None

    def load_cert_chain(
        self,
        certfile: StrPath | bytes | os.PathLike[bytes],
        keyfile: StrPath | bytes | os.PathLike[bytes] | None = None,
        password: Callable[[], str | bytes | bytearray] | str | bytes | bytearray | None = None,
    ) -> None:
        """Load a certificate, as ``ssl.SSLContext`` does; it takes the place of another for the same kind of key."""
        super().load_cert_chain(certfile, keyfile, password)
        with open(certfile, "rb") as file:
            certificate = first_certificate(file.read())
        self._end_points[key_algorithm(certificate)] = server_end_point(certificate)


def server_context(
    certfile: StrPath,
    keyfile: StrPath | None = None,
    *,
    password: str | None = None,
    minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    client_ca: StrPath | None = None,
    require_client_certificate: bool = False,
    alpn: Sequence[str] = (),
) -> ssl.SSLContext:
    """A configuration for the server side.

    Sessions under it know the channel binding ``tls-server-end-point``, which SCRAM-*-PLUS needs under TLS 1.3. Under a
    context that was made in another way they do not, for only the maker of a context knows its certificate.

    Args:
        certfile: PEM file with the certificate and those of its issuers.
        keyfile: PEM file with the private key; by default it is in `certfile`.
        password: Opens an encrypted key. Nobody is ever asked for one at the terminal.
        minimum_version: RFC 8996 forbids less than TLS 1.2. Some old relays know nothing newer and fall back to clear
            text; a lower value lets them in, and allows the weak signatures and ciphers they need.
        client_ca: PEM file of authorities. With it clients are asked for a certificate, and one that does not verify
            fails the handshake.
        require_client_certificate: Fail the handshake of clients that show none; needs `client_ca`.
        alpn: Application protocols to choose from, best first (RFC 7301).

    Raises:
        OSError: A file cannot be read.
        ValueError: What is in the files is no usable certificate or key, or `client_ca` is missing.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    _load_chain(context, certfile, keyfile, password)
    _harden(context, minimum_version, alpn)
    if client_ca is not None:
        _load_authorities(context, client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if require_client_certificate else ssl.CERT_OPTIONAL
    elif require_client_certificate:
        raise ValueError("require_client_certificate needs client_ca: name the authorities to check against")
    return context


def client_context(
    cafile: StrPath | None = None,
    *,
    verify: bool = True,
    certfile: StrPath | None = None,
    keyfile: StrPath | None = None,
    password: str | None = None,
    minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    alpn: Sequence[str] = (),
) -> ssl.SSLContext:
    """A configuration for the client side; certificate and host name are verified (RFC 7817, RFC 9525).

    Args:
        cafile: PEM file of authorities to trust; by default those of the system.
        verify: ``False`` takes any certificate: encryption against listeners, none against impostors, which is what
            opportunistic TLS between relays amounts to (RFC 7435).
        certfile: PEM file with a client certificate to show, `keyfile` and `password` as in `server_context`.
        keyfile: PEM file with its private key.
        password: Opens an encrypted key.
        minimum_version: As in `server_context`.
        alpn: Application protocols to offer, best first (RFC 7301).

    Raises:
        OSError: A file cannot be read.
        ValueError: What is in the files is no usable certificate or key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif cafile is not None:
        _load_authorities(context, cafile)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if certfile is not None:
        _load_chain(context, certfile, keyfile, password)
    _harden(context, minimum_version, alpn)
    return context


def _harden(context: ssl.SSLContext, minimum_version: ssl.TLSVersion, alpn: Sequence[str]) -> None:
    # Renegotiation has no use in SMTP; RFC 8446 abolished it, and RFC 9325 3.5 advises against it below that.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if minimum_version in _OBSOLETE:
        # The choice was made by name in our caller's code; the standard library's warning would only repeat it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = minimum_version
        # OpenSSL 3 has the SHA-1 signatures of TLS 1.0 and 1.1 at security level 0 only.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    else:
        context.minimum_version = minimum_version
    if alpn:
        context.set_alpn_protocols(list(alpn))


def _load_chain(context: ssl.SSLContext, certfile: StrPath, keyfile: StrPath | None, password: str | None) -> None:
    _check_readable(certfile)
    if keyfile is not None:
        _check_readable(keyfile)
    try:
        # An empty password is wrong for every encrypted key; without one OpenSSL would prompt for it.
        context.load_cert_chain(certfile, keyfile, password or "")
    except ssl.SSLError as error:
        files = certfile if keyfile is None else f"{certfile}, {keyfile}"
        raise ValueError(f"{files}: no usable certificate and key ({error.reason or error})") from error


def _load_authorities(context: ssl.SSLContext, cafile: StrPath) -> None:
    _check_readable(cafile)
    try:
        context.load_verify_locations(cafile)
    except ssl.SSLError as error:
        raise ValueError(f"{cafile}: no usable authorities ({error.reason or error})") from error


def _check_readable(path: StrPath) -> None:
    # The OSError of the ssl module does not say which file it is about.
    with open(path, "rb"):
        pass
