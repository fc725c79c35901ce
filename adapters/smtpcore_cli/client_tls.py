"""TLS as a client has it: the flags, and the TLS configuration that comes of them."""

from __future__ import annotations

import argparse
import ssl
from typing import get_args

from smtpcore_tls import client_context

from smtpcore.session.client import TlsMode

from .errors import UsageError, reason
from .places import Place, Tls, parse_server_name


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say who is trusted, and what this side shows."""
    group = parser.add_argument_group("TLS")
    group.add_argument(
        "--ca", metavar="FILE", help="PEM file with the authorities to trust (default: those of the system)"
    )
    group.add_argument(
        "--server-name",
        type=parse_server_name,
        metavar="NAME",
        help="the name that the server's certificate has to be for (default: the host that is connected to)",
    )
    group.add_argument("--certfile", metavar="FILE", help="PEM file with a client certificate to show")
    group.add_argument("--keyfile", metavar="FILE", help="PEM file with its private key, if it is not in --certfile")


def add_mode(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say when TLS begins and how much it has to be."""
    group = parser.add_argument_group("when there is TLS")
    group.add_argument(
        "--tls",
        choices=get_args(Tls),
        help="from the first octet; by STARTTLS or not at all; by STARTTLS where that can be had, certificate unseen; "
        "or never (default: implicit for smtps://, submissions:// and lmtps://, starttls for submission:, else "
        "opportunistic)",
    )
    group.add_argument(
        "--insecure",
        action="store_true",
        help="take any certificate, with --tls implicit and starttls too: whoever is in between can read and change "
        "everything",
    )


def mode(arguments: argparse.Namespace, place: Place) -> TlsMode:
    """When TLS begins."""
    return TlsMode(arguments.tls if arguments.tls is not None else place.tls)


def context(arguments: argparse.Namespace, place: Place) -> ssl.SSLContext | None:
    """The TLS configuration, None where there is no TLS.

    Raises:
        UsageError: A file cannot be had, or the flags do not go together.
    """
    chosen = mode(arguments, place)
    if arguments.insecure and arguments.ca is not None:
        raise UsageError("--insecure and --ca do not go together: the one trusts everybody")
    if chosen is TlsMode.NONE:
        for flag in ("ca", "insecure", "server_name", "certfile"):
            if getattr(arguments, flag):
                raise UsageError(f"--{flag.replace('_', '-')} and --tls none do not go together")
        return None
    # RFC 7435: clear text would do as well, so that a certificate that proves nothing is no reason to go without TLS.
    verify = not arguments.insecure and (chosen is not TlsMode.OPPORTUNISTIC or arguments.ca is not None)
    return make_context(arguments, place, verify=verify)


def make_context(arguments: argparse.Namespace, place: Place, *, verify: bool) -> ssl.SSLContext:
    """The TLS configuration, where there is TLS.

    Raises:
        UsageError: A file cannot be had, or the flags do not go together.
    """
    if arguments.keyfile is not None and arguments.certfile is None:
        raise UsageError("--keyfile needs --certfile")
    if verify and place.path is not None and arguments.server_name is None:
        raise UsageError("a unix socket has no name that a certificate could be for: give --server-name or --insecure")
    try:
        return client_context(
            arguments.ca if verify else None, verify=verify, certfile=arguments.certfile, keyfile=arguments.keyfile
        )
    except OSError as error:
        raise UsageError(f"cannot read a certificate: {reason(error)}") from error
    except ValueError as error:
        raise UsageError(str(error)) from error
