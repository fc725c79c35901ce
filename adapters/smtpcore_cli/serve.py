"""``smtpcore serve``: receive mail. What the flags amount to is in ``settings``, what is done in ``serving``."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from smtpcore import Limits, Timeouts

from . import authentication, forwarding, policies, protocol, tls
from .binds import parse_bind
from .errors import UsageError
from .flags import add_fields, count, optional, seconds
from .settings import settings

if TYPE_CHECKING:
    from .parser import Subcommands

_DESCRIPTION = """Receive mail and deliver it into a Maildir. A line on the standard error says where the server
listens once it does, and another one sums up each session. SIGTERM or SIGINT ends it when the transactions under way
are done; a second one ends it at once. With --workers, SIGHUP replaces the processes that serve, one by one."""


def add(commands: Subcommands) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "serve",
        help="receive mail",
        usage="%(prog)s [option ...]",
        description=_DESCRIPTION,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--bind",
        action="append",
        type=parse_bind,
        metavar="WHERE",
        help="host:port or [v6]:port, with smtp://, lmtp:// or submission:// before it, or smtps:// and so on for TLS "
        "from the first octet; or unix:path, with lmtp: or submission: before it; port 0 takes a free one; may be "
        "repeated (default: 127.0.0.1:1025)",
    )
    parser.add_argument(
        "--stdio", action="store_true", help="serve one session on the standard input and output, and end with it"
    )
    parser.add_argument("--hostname", help="the server's own name (default: that of this host)")
    _add_delivery(parser)
    forwarding.add_flags(parser)
    protocol.add_flags(parser)
    tls.add_flags(parser)
    authentication.add_flags(parser)
    policies.add_flags(parser)
    _add_profile(parser)
    _add_running(parser)
    limits = {"standard": Limits.standard(), "hardened": Limits.hardened()}
    add_fields(parser, "limits (K, M and G are powers of 1024)", limits, _flag)
    timeouts = {"standard": Timeouts.standard(), "hardened": Timeouts.hardened()}
    add_fields(parser, "timeouts", timeouts, _timeout_flag, {"min_rate": "OCTETS"})


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes.

    Raises:
        UsageError: Something of what was asked for cannot be had.
    """
    made = settings(arguments)
    try:
        from .serving import serve
        from .stdio import serve_stdio
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("smtpcore"):
            raise
        raise UsageError(f"serve needs the package {error.name!r}: pip install 'smtpcore[anyio]'") from error
    if arguments.stdio:
        return serve_stdio(made)
    if made.workers > 1:
        # Not every system has what it needs.
        from .supervisor import supervise

        return supervise(made, lambda: settings(arguments))
    return serve(made)


def _add_delivery(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where messages go").add_mutually_exclusive_group()
    group.add_argument(
        "--maildir",
        metavar="PATH",
        help="a Maildir, made if it is missing; 250 means that the message is on the disk (default: ./Maildir)",
    )
    group.add_argument("--print", action="store_true", help="the standard output")
    group.add_argument("--discard", action="store_true", help="nowhere")
    forwarding.add_flag(group)


def _add_profile(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("profile and connections")
    group.add_argument(
        "--profile",
        choices=("standard", "hardened"),
        default="standard",
        help="limits and timeouts: the RFC minimum everywhere, or for a server that faces the open internet "
        "(default: standard)",
    )
    group.add_argument(
        "--max-connections",
        type=optional(count),
        default=argparse.SUPPRESS,
        metavar="N",
        help="open connections in all, or none for no limit (standard: 1000, hardened: 500)",
    )
    group.add_argument(
        "--max-connections-per-address",
        type=optional(count),
        default=argparse.SUPPRESS,
        metavar="N",
        help="open connections from one address, or none for no limit (standard: 50, hardened: 20)",
    )
    group.add_argument(
        "--max-connections-per-network",
        type=optional(count),
        metavar="N",
        help="open connections from one network, 24 bits of IPv4 and 64 of IPv6, or none for no limit (default: none)",
    )
    group.add_argument(
        "--max-collected",
        type=optional(count),
        default=argparse.SUPPRESS,
        metavar="N",
        help="octets of content that all sessions together keep in memory for --print, or none for no limit "
        "(standard: none, hardened: 512M)",
    )


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("running")
    group.add_argument(
        "--grace",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="what a signal leaves to transactions under way (default: 30)",
    )
    group.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N",
        help="serve by so many processes that share the ports, one for each core; one that dies is replaced, and all "
        "are on SIGHUP, without a connection lost; --max-connections is divided, rates and limits for an address or a "
        "network hold in each process (default: 1)",
    )
    group.add_argument(
        "--transcript",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write the dialogue of every session, without secrets and content, to the end of a file "
        "(without FILE: the standard error)",
    )


def _workers(text: str) -> int:
    if re.fullmatch("[1-9][0-9]{0,2}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes, 1 to 999")
    return int(text)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _timeout_flag(name: str) -> str:
    # A rate is no duration, and the window belongs to it.
    return _flag(name) if "rate" in name else _flag(f"timeout_{name}")
