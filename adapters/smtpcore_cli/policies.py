"""Whose mail is taken, and how much of it: the flags of the ready policies, and the handlers they make."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from smtpcore import Handler
from smtpcore.paths import is_helo_name
from smtpcore.policies import AllowedDomains, Greylist, Rate, RateLimit

from .errors import UsageError
from .flags import seconds

_RATE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_DELAY = 300.0
_RATES = {
    "connections": "connections from one address; over it 421",
    "messages": "MAIL commands from one address; over it 450",
    "recipients": "RCPT commands from one address; over it 450",
    "failures": "failed AUTH exchanges and recipients refused for good from one address; over it 421 to its next "
    "connections",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What the flags say."""

    rates: Mapping[str, Rate] = field(default_factory=dict)
    domains: Sequence[str] = ()
    """Of recipients; none: any."""
    greylist: float | None = None
    """Seconds after which a second attempt is taken; None: no greylisting."""
    greylist_db: str | None = None
    """The file of the greylist; None: in memory."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags, in a group of their own."""
    group = parser.add_argument_group("policies")
    group.add_argument(
        "--domain",
        action="append",
        type=_domain,
        metavar="NAME",
        help="take mail for recipients of this domain and for <Postmaster>, and for others only from who has "
        "authenticated; may be repeated (default: any domain)",
    )
    group.add_argument(
        "--greylist",
        nargs="?",
        type=seconds,
        const=_DELAY,
        metavar="SECONDS",
        help="ask sender, recipient and network that come together for the first time to come again, after 300 "
        "seconds or so many; not who has authenticated",
    )
    group.add_argument(
        "--greylist-db",
        metavar="FILE",
        help="keep the greylist in this SQLite file, made if it is missing (default: in memory)",
    )
    for name, text in _RATES.items():
        group.add_argument(f"--rate-{name}", type=_rate, metavar="N/SECONDS", help=f"so many {text}")


def policies(arguments: argparse.Namespace) -> Policies:
    """What the flags say.

    Raises:
        UsageError: It does not go together.
    """
    if arguments.greylist_db is not None and arguments.greylist is None:
        raise UsageError("--greylist-db needs --greylist")
    rates = {name: getattr(arguments, f"rate_{name}") for name in _RATES}
    return Policies(
        rates={name: rate for name, rate in rates.items() if rate is not None},
        domains=arguments.domain or (),
        greylist=arguments.greylist,
        greylist_db=arguments.greylist_db,
    )


def handlers(chosen: Policies, log: Callable[[str], None], stack: ExitStack) -> list[Handler]:
    """Handlers to stand before the one that delivers.

    Args:
        chosen: What the flags say.
        log: Takes lines for the operator.
        stack: Closes what is open, at the end.

    Raises:
        UsageError: The file of the greylist is not to be had.
    """
    made: list[Handler] = []
    if chosen.rates:
        made.append(
            RateLimit(
                time.monotonic,
                connections=chosen.rates.get("connections"),
                messages=chosen.rates.get("messages"),
                recipients=chosen.rates.get("recipients"),
                failures=chosen.rates.get("failures"),
            )
        )
    if chosen.domains:
        made.append(AllowedDomains(chosen.domains))
    if chosen.greylist is not None:
        # Wall time, which a file shares with the process that comes after this one.
        store = None
        if chosen.greylist_db is not None:
            from .greylistdb import FileGreylistStore, SqliteGreylist

            file = SqliteGreylist(chosen.greylist_db)
            stack.callback(file.close)
            store = FileGreylistStore(file, log)
        made.append(Greylist(time.time, store, delay=chosen.greylist))
    return made


def _rate(text: str) -> Rate:
    match = _RATE.fullmatch(text)
    if match is None or not int(match[1]) or not int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate like 100/3600, so many in so many seconds")
    return Rate(int(match[1]), int(match[2]))


def _domain(text: str) -> str:
    if not text.isascii() or not is_helo_name(text.encode("ascii")):
        raise argparse.ArgumentTypeError(f"{text!r} is no domain in ASCII; write others as A-labels")
    return text
