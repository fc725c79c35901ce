"""Where to listen, as words of the command line."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

_BIND = re.compile(r"(?:(smtps?)://)?(?:\[([0-9A-Fa-f:.]+(?:%[^\]]+)?)\]|([^\[\]:/]*)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Bind:
    """A place to listen at: host and port, or the path of a unix socket."""

    host: str = ""
    """Empty: every interface."""
    port: int = 0
    """0: any that is free."""
    path: str | None = None
    implicit_tls: bool = False


def parse_bind(text: str) -> Bind:
    """Read ``host:port``, ``[v6]:port``, either behind ``smtp://`` or ``smtps://``, or ``unix:path``.

    Raises:
        argparse.ArgumentTypeError: It is none of these.
    """
    if text.startswith("unix:"):
        if path := text.removeprefix("unix:"):
            return Bind(path=path)
    elif match := _BIND.fullmatch(text):
        scheme, v6, name, port = match.groups()
        if int(port) <= 65535:
            return Bind(v6 or name or "", int(port), implicit_tls=scheme == "smtps")
    raise argparse.ArgumentTypeError(
        f"{text!r} is no host:port, [v6]:port, smtp://host:port, smtps://host:port or unix:path"
    )


def shown(address: tuple[str, int] | str, *, implicit_tls: bool) -> str:
    """An address that is listened at, in the form ``parse_bind`` reads."""
    if isinstance(address, str):
        return f"unix:{address}"
    host, port = address
    return f"{'smtps' if implicit_tls else 'smtp'}://{f'[{host}]' if ':' in host else host}:{port}"
