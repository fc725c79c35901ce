"""What the flags of ``smtpcore serve`` amount to, checked before anything is opened to the world."""

from __future__ import annotations

import argparse
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from smtpcore import Limits, ServerConfig, Timeouts
from smtpcore.paths import is_helo_name
from smtpcore.session.limits import MIB

from . import forwarding, protocol, tls
from .authentication import Authentication, authentication
from .binds import Bind, Service
from .delivery import Maildir
from .errors import UsageError, reason
from .flags import given, in_flags
from .hop import Hop
from .policies import Policies, policies

_BIND = Bind("127.0.0.1", 1025)
_MAILDIR = "Maildir"
_SHARED = {"standard": (1000, 50, None), "hardened": (500, 20, 512 * MIB)}
"""Of each profile: connections in all and from one address, and octets of content in memory (``Gate``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that serving needs to know."""

    binds: Sequence[Bind]
    """Where to listen; nowhere: the one session is on the standard input and output."""
    service: Service
    """What is spoken where a bind says nothing else."""
    configs: Mapping[Service, ServerConfig]
    """Of each service that is spoken anywhere."""
    tls_context: ssl.SSLContext | None
    fingerprint: str | None
    """Of a certificate made on the spot: its SHA-256 in hexadecimal, for people to compare."""
    delivery: Maildir | Hop | Literal["print", "discard"]
    authentication: Authentication
    policies: Policies
    workers: int
    """Processes that serve. The numbers below are for each of them."""
    max_connections: int | None
    max_connections_per_address: int | None
    max_connections_per_network: int | None
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
    binds = _binds(arguments)
    service: Service = arguments.service or "smtp"
    # A dict for its order.
    services = list(dict.fromkeys(bind.service or service for bind in binds)) or [service]
    found = authentication(arguments)
    _check(arguments, services, found.mechanisms)
    if arguments.workers > 1:
        _check_workers(arguments)
    hostname = arguments.hostname if arguments.hostname is not None else own_name()
    configs = _configs(arguments, hostname, services, found)
    chosen = policies(arguments)
    context, fingerprint = tls.context(arguments, hostname)
    total, per_address, collected = _SHARED[arguments.profile]
    return Settings(
        binds=binds,
        service=service,
        configs=configs,
        tls_context=context,
        fingerprint=fingerprint,
        delivery=_delivery(arguments, hostname),
        authentication=found,
        policies=chosen,
        workers=arguments.workers,
        max_connections=_share(getattr(arguments, "max_connections", total), arguments.workers),
        max_connections_per_address=getattr(arguments, "max_connections_per_address", per_address),
        max_connections_per_network=arguments.max_connections_per_network,
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


def _binds(arguments: argparse.Namespace) -> list[Bind]:
    if not arguments.stdio:
        return arguments.bind or [_BIND]
    if arguments.bind:
        raise UsageError("--stdio and --bind do not go together")
    if arguments.print:
        raise UsageError("--stdio and --print do not go together: the standard output is the connection")
    return []


def _check(arguments: argparse.Namespace, services: Sequence[Service], mechanisms: Sequence[str]) -> None:
    if any(bind.port == 25 and (bind.service or arguments.service) == "lmtp" for bind in arguments.bind or ()):
        raise UsageError("LMTP must not be spoken on port 25 (RFC 2033 5)")
    if "submission" in services:
        if not mechanisms:
            raise UsageError("submission needs --auth-file, --token-file or --client-ca (RFC 6409 4.3)")
        if "ANONYMOUS" in mechanisms:
            raise UsageError("--mechanism ANONYMOUS lets everybody in, and submission is for users (RFC 6409 4.3)")


def _check_workers(arguments: argparse.Namespace) -> None:
    if not hasattr(os, "fork"):
        raise UsageError("--workers is not to be had on this system: it cannot copy a process (fork)")
    if arguments.stdio:
        raise UsageError("--stdio and --workers do not go together: there is one session")
    if arguments.print:
        raise UsageError("--print and --workers do not go together: messages of several processes would mingle")
    if arguments.greylist is not None and arguments.greylist_db is None:
        # Else who comes again would most likely be new to the process that he comes to.
        raise UsageError("--greylist with --workers needs --greylist-db: the processes have no memory in common")


def _share(total: int | None, workers: int) -> int | None:
    """What each worker may have of a number, rounded up."""
    return -(-total // workers) if total is not None else None


def _configs(
    arguments: argparse.Namespace, hostname: str, services: Sequence[Service], found: Authentication
) -> dict[Service, ServerConfig]:
    hardened = arguments.profile == "hardened"
    limits = Limits.hardened() if hardened else Limits.standard()
    timeouts = Timeouts.hardened() if hardened else Timeouts.standard()
    try:
        common = {
            "hostname": hostname,
            "limits": replace(limits, **given(arguments, Limits)),
            "timeouts": replace(timeouts, **given(arguments, Timeouts)),
            "starttls": tls.offered(arguments),
            "require_tls": arguments.require_tls,
            "mechanisms": found.mechanisms,
            "sasl_secret": found.secret,
            "plaintext_auth_without_tls": arguments.auth_without_tls,
            "require_auth": arguments.require_auth,
        }
        return protocol.configs(arguments, services, common)
    except ValueError as error:
        raise UsageError(in_flags(str(error))) from error


def _delivery(arguments: argparse.Namespace, hostname: str) -> Maildir | Hop | Literal["print", "discard"]:
    next_hop = forwarding.hop(arguments, hostname)
    if next_hop is not None:
        return next_hop
    if arguments.print:
        return "print"
    if arguments.discard:
        return "discard"
    maildir = Maildir(arguments.maildir if arguments.maildir is not None else _MAILDIR)
    try:
        maildir.prepare()
    except OSError as error:
        raise UsageError(f"cannot deliver into {maildir.path}: {reason(error)}") from error
    return maildir
