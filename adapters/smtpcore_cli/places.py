"""The server to connect to, and what to speak there, as a word of the command line."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote_to_bytes

from smtpcore.spec import Dialect

Tls: TypeAlias = Literal["implicit", "starttls", "opportunistic", "none"]


@dataclass(frozen=True, slots=True)
class _Scheme:
    port: int | None
    tls: Tls
    dialect: Dialect = Dialect.SMTP


_SCHEMES = {
    "smtp": _Scheme(25, "opportunistic"),
    "smtps": _Scheme(465, "implicit"),
    # RFC 8314 3.3: who submits, and with a password, does so by TLS.
    "submission": _Scheme(587, "starttls"),
    "submissions": _Scheme(465, "implicit"),
    # RFC 2033 5: LMTP has no port of its own, and must not have that of SMTP.
    "lmtp": _Scheme(None, "opportunistic", Dialect.LMTP),
    "lmtps": _Scheme(None, "implicit", Dialect.LMTP),
}
_NAME = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?"
_ADDRESS = r"[0-9A-Fa-f:.]+(?:%[0-9A-Za-z_.-]+)?"
_NETWORK = re.compile(rf"({'|'.join(_SCHEMES)})://(?:([^/]*)@)?(?:\[({_ADDRESS})\]|({_NAME}))(?::([0-9]{{1,5}}))?/?")
_SERVER_NAME = re.compile(rf"{_NAME}|[0-9A-Fa-f:.]+")
_UNIX = re.compile(r"(smtp|submission|lmtp):unix:(.+)", re.DOTALL)
_FORMS = "smtp://host, smtps://host, submission://host, submissions://host, lmtp://host:port or lmtp:unix:/path"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is: host and port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str | None = None
    user: str = ""
    """Who authenticates there; empty: nobody is named."""
    tls: Tls = "opportunistic"
    """What is usual there."""
    dialect: Dialect = Dialect.SMTP


def parse_place(text: str) -> Place:
    """Read a scheme, ``://``, perhaps a user and ``@``, a host, and perhaps a port; or a scheme and ``:unix:path``.

    Raises:
        argparse.ArgumentTypeError: It is neither, or has a password in it. A text that may hold one is not quoted.
    """
    if match := _UNIX.fullmatch(text):
        scheme = _SCHEMES[match[1]]
        return Place(path=match[2], tls=scheme.tls, dialect=scheme.dialect)
    if "@" in text and "://" in text and ":" in text.partition("://")[2].rpartition("@")[0]:
        # Everybody on this machine can read the arguments of a process.
        raise argparse.ArgumentTypeError(
            "a password has no place in the arguments: give the user name alone, and --password-file"
        )
    match = _NETWORK.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"this is no server; there are {_FORMS}, with user@ before the host or not")
    scheme = _SCHEMES[match[1]]
    return Place(match[3] or match[4], _port(match[5], scheme), None, _user(match[2]), scheme.tls, scheme.dialect)


def parse_server_name(text: str) -> str:
    """Read the name or the address that a certificate is to be for.

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    if not _SERVER_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!a} is no name of a host; write IDNs as A-labels")
    return text


def _port(digits: str | None, scheme: _Scheme) -> int:
    port = int(digits) if digits is not None else scheme.port
    if port is None:
        raise argparse.ArgumentTypeError("LMTP has no usual port: give one, or lmtp:unix:/path")
    if not 0 < port <= 65535:
        raise argparse.ArgumentTypeError("a port is 1 to 65535")
    if port == 25 and scheme.dialect is Dialect.LMTP:
        raise argparse.ArgumentTypeError("LMTP must not be spoken on port 25 (RFC 2033 5)")
    return port


def _user(text: str | None) -> str:
    try:
        return unquote_to_bytes(text or "").decode("utf-8")
    except UnicodeDecodeError:
        raise argparse.ArgumentTypeError("the user name is not UTF-8") from None
