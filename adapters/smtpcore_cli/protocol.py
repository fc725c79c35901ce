"""What is spoken: the dialect, the extensions on offer and the choices an RFC leaves, as flags of the command line.

Most are fields of ``ServerConfig``, which says what they mean; the flags are made of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any, get_args

from smtpcore import Leniencies, ServerConfig
from smtpcore.session.config import BareNewlines, LongLines
from smtpcore.spec import Dialect

from .binds import Service
from .flags import add_switches, count, dest, given, help_of

_EXTENSIONS = (
    "chunking", "binarymime", "dsn", "smtputf8", "requiretls", "announce_limits", "deliver_by", "mt_priority", "rrvs",
    "mtrk", "submitter", "conperm", "help", "enhanced_codes",
)  # fmt: skip
_STRICTNESS = ("close_on_line_fault", "close_on_pipelined_data", "forbid_http", "refuse_early_talk")
_NETWORKS = {
    "proxy": ("proxy_networks", "expect a PROXY header on each connection, and serve nobody else than"),
    "xclient": ("xclient_networks", "who may say by XCLIENT who the client really is:"),
    "xforward": ("xforward_networks", "who may say by XFORWARD, for the logs, where a message came from:"),
}
_LENIENCIES = tuple(field.name.replace("_", "-") for field in fields(Leniencies))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags, in groups of their own."""
    group = parser.add_argument_group("what is spoken")
    default = group.add_mutually_exclusive_group()
    default.add_argument(
        "--lmtp",
        action="store_const",
        const="lmtp",
        dest="service",
        help="LMTP wherever --bind names no scheme: a reply for each recipient (RFC 2033)",
    )
    default.add_argument(
        "--submission",
        action="store_const",
        const="submission",
        dest="service",
        help="message submission wherever --bind names no scheme: no mail without AUTH (RFC 6409)",
    )
    group.add_argument(
        "--banner", dest=dest(ServerConfig, "banner"), default=argparse.SUPPRESS, metavar="TEXT", help=_doc("banner")
    )
    for name, (field, text) in _NETWORKS.items():
        group.add_argument(
            f"--{name}",
            action="append",
            dest=dest(ServerConfig, field),
            default=argparse.SUPPRESS,
            metavar="NETWORK",
            help=f"{text} this address or network (`unix`: a unix socket); may be repeated",
        )
    _add_extensions(parser)
    _add_strictness(parser)


def configs(
    arguments: argparse.Namespace, services: Collection[Service], common: Mapping[str, Any]
) -> dict[Service, ServerConfig]:
    """The settings of each service.

    Args:
        arguments: What the command line says.
        services: Those that are spoken anywhere.
        common: The fields of ``ServerConfig`` that others know about.

    Raises:
        ValueError: Settings that contradict each other or the protocol.
    """
    values = {**common, "leniencies": _leniencies(arguments), **given(arguments, ServerConfig)}
    if values.get("no_soliciting") is not None:
        values["no_soliciting"] = tuple(word for word in values["no_soliciting"] if word)
    make = ServerConfig.hardened if arguments.profile == "hardened" else ServerConfig
    made = {}
    for service in services:
        own: dict[str, Any] = {}
        if service == "lmtp":
            own = {"dialect": Dialect.LMTP}
        elif service == "submission":
            # RFC 6409 4.3: nobody submits who is not known.
            own = {"submission": True, "require_auth": True}
        if service != "submission" and "submission" in services:
            own["future_release"] = None
        made[service] = make(**{**values, **own})
    return made


def _add_extensions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("extensions")
    add_switches(group, _profiles(), _EXTENSIONS)
    for name, parse, metavar in (
        ("min_by_time", count, "SECONDS"),
        ("future_release", count, "SECONDS"),
        ("mt_priority_policy", str, "NAME"),
    ):
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=parse,
            dest=dest(ServerConfig, name),
            default=argparse.SUPPRESS,
            metavar=metavar,
            help=_doc(name),
        )
    group.add_argument(
        "--no-soliciting",
        action="append",
        nargs="?",
        dest=dest(ServerConfig, "no_soliciting"),
        default=argparse.SUPPRESS,
        metavar="KEYWORD",
        help="NO-SOLICITING, with a solicitation class keyword that nobody here wants or none; may be repeated "
        "(RFC 3865)",
    )


def _add_strictness(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("strictness")
    group.add_argument("--strict", action="store_true", help="the grammar of RFC 5321 without the usual leniencies")
    for flag, on in (("leniency", "with"), ("no-leniency", "without")):
        group.add_argument(
            f"--{flag}",
            action="append",
            choices=_LENIENCIES,
            default=[],
            metavar="NAME",
            help=f"{on} this one; may be repeated: {', '.join(_LENIENCIES)}",
        )
    for name, choices in (
        ("bare_newlines", get_args(BareNewlines)),
        ("bare_newlines_bdat", get_args(BareNewlines)),
        ("long_lines", get_args(LongLines)),
    ):
        group.add_argument(
            f"--{name.replace('_', '-')}",
            choices=choices,
            dest=dest(ServerConfig, name),
            default=argparse.SUPPRESS,
            help=f"{_doc(name)} (default: {getattr(ServerConfig(), name)})",
        )
    add_switches(group, _profiles(), _STRICTNESS)


def _leniencies(arguments: argparse.Namespace) -> Leniencies:
    chosen = Leniencies.strict() if arguments.strict else Leniencies()
    for names, on in ((arguments.leniency, True), (arguments.no_leniency, False)):
        chosen = replace(chosen, **{name.replace("-", "_"): on for name in names})
    return chosen


def _profiles() -> Mapping[str, ServerConfig]:
    return {"standard": ServerConfig(), "hardened": ServerConfig.hardened()}


def _doc(name: str) -> str:
    return help_of(ServerConfig, name)
