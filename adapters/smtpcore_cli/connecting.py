"""Connecting as a client: the flags that both subcommands have, and the connection they amount to."""

from __future__ import annotations

import argparse
import ssl
from contextlib import AbstractContextManager

from smtpcore_blocking import Client, connect, connect_unix

from smtpcore.session.client import ClientConfig, ClientObserver, ClientTimeouts

from .flags import add_fields, given, seconds
from .places import Place
from .settings import own_name


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flag of the client's own name, and one for each timeout."""
    parser.add_argument(
        "--hostname", metavar="NAME", help="this client's own name, for EHLO (default: that of this host)"
    )
    parser.add_argument(
        "--show", action="store_true", help="the dialogue on the standard error, secrets and content left out"
    )
    add_fields(parser, "timeouts", {"standard": ClientTimeouts()}, lambda name: f"--timeout-{name.replace('_', '-')}")
    parser.add_argument(
        "--timeout-connect",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="for the connection to be made (default: 30)",
    )


def hostname(arguments: argparse.Namespace) -> str:
    """The client's own name."""
    name: str | None = arguments.hostname
    return name if name is not None else own_name()


def timeouts(arguments: argparse.Namespace) -> ClientTimeouts:
    """How long is waited for what."""
    return ClientTimeouts(**given(arguments, ClientTimeouts))


def connection(
    arguments: argparse.Namespace,
    config: ClientConfig,
    context: ssl.SSLContext | None,
    observer: ClientObserver | None,
) -> AbstractContextManager[Client]:
    """A connection to the server that was named; whoever enters it gets a client that is ready, or a SessionError."""
    place: Place = arguments.server
    if place.path is not None:
        return connect_unix(
            place.path,
            config,
            tls_context=context,
            server_name=arguments.server_name,
            observer=observer,
            connect_timeout=arguments.timeout_connect,
        )
    return connect(
        place.host,
        place.port,
        config,
        tls_context=context,
        server_name=arguments.server_name,
        observer=observer,
        connect_timeout=arguments.timeout_connect,
    )
