"""Where to listen and what to speak there, as words of the command line."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Service: TypeAlias = Literal["smtp", "lmtp", "submission"]
"""Mail from everywhere, delivery within a site (RFC 2033), or submission by users (RFC 6409)."""

_SCHEMES: dict[str, tuple[Service, bool]] = {
    "smtp": ("smtp", False),
    "smtps": ("smtp", True),
    "lmtp": ("lmtp", False),
    "lmtps": ("lmtp", True),
    "submission": ("submission", False),
    "submissions": ("submission", True),
}
_BIND = re.compile(rf"(?:({'|'.join(_SCHEMES)})://)?(?:\[([0-9A-Fa-f:.]+(?:%[^\]]+)?)\]|([^\[\]:/]*)):([0-9]{{1,5}})")
_UNIX = re.compile(r"(?:(smtp|lmtp|submission):)?unix:(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Bind:
    """A place to listen at: host and port, or the path of a unix socket."""

    host: str = ""
    """Empty: every interface."""
    port: int = 0
    """0: any that is free."""
    path: str | None = None
    implicit_tls: bool = False
    service: Service | None = None
    """None: what all the places have for which nothing else is said."""


def parse_bind(text: str) -> Bind:
    """Read ``host:port``, ``[v6]:port``, either behind a scheme and ``://``, or ``unix:path`` behind a scheme or none.

    Raises:
        argparse.ArgumentTypeError: It is none of these.
    """
    if match := _UNIX.fullmatch(text):
        service, _ = _SCHEMES[match[1]] if match[1] else (None, False)
        return Bind(path=match[2], service=service)
    if match := _BIND.fullmatch(text):
        scheme, v6, name, port = match.groups()
        service, implicit_tls = _SCHEMES[scheme] if scheme else (None, False)
        if int(port) <= 65535:
            return Bind(v6 or name or "", int(port), implicit_tls=implicit_tls, service=service)
    raise argparse.ArgumentTypeError(
        f"{text!r} is no host:port, [v6]:port or unix:path, with smtp://, smtps://, lmtp:// or submission:// before it "
        "or not"
    )


def shown(address: tuple[str, int] | str, *, implicit_tls: bool, service: Service = "smtp") -> str:
    """An address that is listened at, in the form ``parse_bind`` reads."""
    if isinstance(address, str):
        return f"unix:{address}" if service == "smtp" else f"{service}:unix:{address}"
    host, port = address
    return f"{service}{'s' if implicit_tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
