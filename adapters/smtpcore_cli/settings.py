"""What the flags of ``smtpcore serve`` amount to, checked before anything is opened to the world."""

from __future__ import annotations

import argparse
import secrets
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal, NoReturn

from smtpcore_tls import MissingDependency, self_signed, server_context

from smtpcore import Leniencies, Limits, ServerConfig, Timeouts
from smtpcore.paths import is_helo_name
from smtpcore.session.limits import MIB

from .authfile import Users, read_users
from .binds import Bind
from .delivery import Maildir
from .errors import UsageError, reason
from .flags import given

_BIND = Bind("127.0.0.1", 1025)
_MAILDIR = "Maildir"
_SHARED = {"standard": (1000, 50, None), "hardened": (500, 20, 512 * MIB)}
"""Of each profile: connections in all and from one address, and octets of content in memory (``Gate``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that serving needs to know."""

    binds: Sequence[Bind]
    config: ServerConfig
    tls_context: ssl.SSLContext | None
    fingerprint: str | None
    """Of a certificate made on the spot: its SHA-256 in hexadecimal, for people to compare."""
    delivery: Maildir | Literal["print", "discard"]
    users: Users | None
    max_connections: int | None
    max_connections_per_address: int | None
    max_collected: int | None
    grace: float
    """Seconds."""
    transcript: str | None
    """The name of a file, ``-`` for the standard error."""


def settings(arguments: argparse.Namespace) -> Settings:
    """Make the settings of what was asked for.

    Raises:
        UsageError: Something of it cannot be had, or does not go together.
    """
    _check_combinations(arguments)
    hostname = arguments.hostname if arguments.hostname is not None else own_name()
    config = _config(arguments, hostname)
    users = read_users(arguments.auth_file) if arguments.auth_file is not None else None
    context, fingerprint = _tls(arguments, hostname)
    total, per_address, collected = _SHARED[arguments.profile]
    return Settings(
        binds=arguments.bind or [_BIND],
        config=config,
        tls_context=context,
        fingerprint=fingerprint,
        delivery=_delivery(arguments),
        users=Users(users, secrets.token_bytes) if users is not None else None,
        max_connections=getattr(arguments, "max_connections", total),
        max_connections_per_address=getattr(arguments, "max_connections_per_address", per_address),
        max_collected=getattr(arguments, "max_collected", collected),
        grace=arguments.grace,
        transcript=arguments.transcript,
    )


def own_name() -> str:
    """This host's name if it is one that others can use, else ``localhost``."""
    name = socket.gethostname()
    if "." not in name:
        # This may ask the DNS, so it comes second.
        name = socket.getfqdn(name)
    return name if "." in name and is_helo_name(name.encode("utf-8")) else "localhost"


def _check_combinations(arguments: argparse.Namespace) -> None:
    certificate = arguments.certfile is not None or arguments.tls_self_signed
    if arguments.certfile is not None and arguments.tls_self_signed:
        _refuse("--certfile and --tls-self-signed do not go together")
    if arguments.keyfile is not None and arguments.certfile is None:
        _refuse("--keyfile needs --certfile")
    if arguments.require_tls and not certificate:
        _refuse("--require-tls needs --certfile or --tls-self-signed")
    if any(bind.implicit_tls for bind in arguments.bind or ()) and not certificate:
        _refuse("smtps:// needs --certfile or --tls-self-signed")
    if arguments.auth_file is None and (arguments.require_auth or arguments.auth_without_tls):
        _refuse(f"{'--require-auth' if arguments.require_auth else '--auth-without-tls'} needs --auth-file")
    if arguments.auth_file is not None and not (certificate or arguments.auth_without_tls):
        _refuse("--auth-file needs --certfile or --tls-self-signed, or --auth-without-tls for clear text")


def _config(arguments: argparse.Namespace, hostname: str) -> ServerConfig:
    make = ServerConfig.hardened if arguments.profile == "hardened" else ServerConfig
    limits = Limits.hardened() if arguments.profile == "hardened" else Limits.standard()
    timeouts = Timeouts.hardened() if arguments.profile == "hardened" else Timeouts.standard()
    try:
        return make(
            hostname=hostname,
            limits=replace(limits, **given(arguments, Limits)),
            timeouts=replace(timeouts, **given(arguments, Timeouts)),
            leniencies=Leniencies.strict() if arguments.strict else Leniencies(),
            proxy_networks=arguments.proxy or (),
            starttls=arguments.certfile is not None or arguments.tls_self_signed,
            require_tls=arguments.require_tls,
            mechanisms=("PLAIN", "LOGIN") if arguments.auth_file is not None else (),
            plaintext_auth_without_tls=arguments.auth_without_tls,
            require_auth=arguments.require_auth,
            bare_newlines=arguments.bare_newlines,
        )
    except ValueError as error:
        _refuse(str(error), error)


def _tls(arguments: argparse.Namespace, hostname: str) -> tuple[ssl.SSLContext | None, str | None]:
    try:
        if arguments.certfile is not None:
            return server_context(arguments.certfile, arguments.keyfile), None
        if arguments.tls_self_signed:
            # An address literal has brackets, an address in a certificate has none.
            made = self_signed(hostname.strip("[]").removeprefix("IPv6:"))
            certificate = ssl.PEM_cert_to_DER_cert(made.certificate.decode("ascii"))
            return made.context, sha256(certificate).hexdigest()
    except OSError as error:
        _refuse(f"cannot read the certificate: {reason(error)}", error)
    except (MissingDependency, ValueError) as error:
        _refuse(str(error), error)
    return None, None


def _delivery(arguments: argparse.Namespace) -> Maildir | Literal["print", "discard"]:
    if arguments.print:
        return "print"
    if arguments.discard:
        return "discard"
    maildir = Maildir(arguments.maildir if arguments.maildir is not None else _MAILDIR)
    try:
        maildir.prepare()
    except OSError as error:
        _refuse(f"cannot deliver into {maildir.path}: {reason(error)}", error)
    return maildir


def _refuse(message: str, cause: Exception | None = None) -> NoReturn:
    raise UsageError(message) from cause
