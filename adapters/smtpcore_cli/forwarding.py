"""The next hop of ``smtpcore serve --forward``: the flags, and the settings that come of them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import get_args

from smtpcore.session.client import ClientConfig

from . import client_login, client_tls
from .errors import UsageError
from .hop import Hop
from .places import Place, Tls, parse_place, parse_server_name

_FLAGS = ("tls", "ca", "insecure", "server_name", "user", "password_file", "auth_without_tls", "xforward", "xclient")


def add_flag(group: argparse._MutuallyExclusiveGroup) -> None:
    """Add the flag that asks for it, to those that say where messages go."""
    group.add_argument(
        "--forward",
        type=parse_place,
        metavar="URL",
        help="the next hop, smtp://host, smtps://host, submission://user@host, lmtp://host:port or lmtp:unix:/path and "
        "so on: its answers are ours, and 250 means that it has the message",
    )


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags about the next hop, in a group of their own."""
    group = parser.add_argument_group("the next hop of --forward")
    group.add_argument(
        "--forward-tls",
        choices=get_args(Tls),
        help="from the first octet; by STARTTLS or not at all; by STARTTLS where that can be had, certificate unseen; "
        "or never (default: by the URL, else opportunistic)",
    )
    group.add_argument("--forward-ca", metavar="FILE", help="PEM file with the authorities to trust")
    group.add_argument("--forward-insecure", action="store_true", help="take any certificate")
    group.add_argument(
        "--forward-server-name",
        type=parse_server_name,
        metavar="NAME",
        help="the name that its certificate has to be for (default: the host)",
    )
    group.add_argument("--forward-user", metavar="NAME", help="who authenticates there")
    group.add_argument(
        "--forward-password-file",
        metavar="FILE",
        help=f"a file whose first line is the password (default: the environment variable {client_login.VARIABLE})",
    )
    group.add_argument(
        "--forward-auth-without-tls", action="store_true", help="let the password pass without verified TLS"
    )
    group.add_argument(
        "--forward-xforward", action="store_true", help="tell it by XFORWARD who has sent each message, for its logs"
    )
    group.add_argument(
        "--forward-xclient", action="store_true", help="tell it by XCLIENT who is served, for its decisions"
    )


def hop(arguments: argparse.Namespace, hostname: str) -> Hop | None:
    """The next hop, if there is one.

    Raises:
        UsageError: Something of it cannot be had, or the flags do not go together.
    """
    place: Place | None = arguments.forward
    if place is None:
        for flag in _FLAGS:
            if getattr(arguments, f"forward_{flag}"):
                raise UsageError(f"--forward-{flag.replace('_', '-')} needs --forward")
        return None
    client = _as_client(arguments)
    try:
        return Hop(
            place,
            ClientConfig(
                hostname=hostname,
                dialect=place.dialect,
                tls=client_tls.mode(client, place),
                credentials=client_login.credentials(client, place),
                plaintext_auth_without_tls=client.auth_without_tls,
                long_lines="pass",
            ),
            tls_context=client_tls.context(client, place),
            server_name=client.server_name,
            xforward=arguments.forward_xforward,
            xclient=arguments.forward_xclient,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _as_client(arguments: argparse.Namespace) -> Namespace:
    """The arguments under the names that the subcommands of a client have for them."""
    named = {flag: getattr(arguments, f"forward_{flag}") for flag in _FLAGS}
    return Namespace(**named, certfile=None, keyfile=None, oauth_token_file=None, mechanism=None)
