"""Who may authenticate and how: the flags, the files they name, and what has to go together."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from smtpcore.sasl import SERVER_MECHANISMS

from . import tls
from .authfile import Users, read_users
from .entries import Entry, serves
from .errors import UsageError, reason
from .tokens import Tokens, read_tokens

_BY_PASSWORD = ("PLAIN", "LOGIN")
_BY_TOKEN = ("OAUTHBEARER", "XOAUTH2")
_SECRET = (16, 4096)
"""Octets that a file with the server's secret may have."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """What authentication amounts to."""

    mechanisms: Sequence[str] = ()
    users: Users | None = None
    tokens: Tokens | None = None
    secret: bytes = field(default=b"", repr=False)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags, in a group of their own."""
    group = parser.add_argument_group("authentication")
    group.add_argument(
        "--auth-file",
        metavar="FILE",
        help="offer AUTH to the users in this file, lines user:hash as `smtpcore passwd` prints them",
    )
    group.add_argument(
        "--token-file", metavar="FILE", help="offer AUTH to the bearers of the tokens in this file, lines user:token"
    )
    group.add_argument(
        "--client-ca",
        metavar="FILE",
        help="PEM file with the authority of clients' certificates: who shows one may AUTH EXTERNAL as the user that "
        "its e-mail address names, or else its common name; one of another authority ends the connection",
    )
    group.add_argument(
        "--mechanism",
        action="append",
        type=str.upper,
        choices=tuple(SERVER_MECHANISMS),
        metavar="NAME",
        help=f"a SASL mechanism to offer, the best first; may be repeated: {', '.join(SERVER_MECHANISMS)} "
        "(default: EXTERNAL with --client-ca, OAUTHBEARER and XOAUTH2 with --token-file, PLAIN and LOGIN with "
        "--auth-file)",
    )
    group.add_argument(
        "--sasl-secret-file",
        metavar="FILE",
        help="the secret of this server, of which salts for unknown users are made, for SCRAM; made if it is missing "
        "(default: another one at each start)",
    )
    group.add_argument("--require-auth", action="store_true", help="take no mail without AUTH")
    group.add_argument("--auth-without-tls", action="store_true", help="let passwords pass in clear text")


def authentication(arguments: argparse.Namespace) -> Authentication:
    """Read the files.

    Raises:
        UsageError: Something of it cannot be had, or does not go together.
    """
    mechanisms = _mechanisms(arguments)
    _check(arguments, mechanisms)
    entries = read_users(arguments.auth_file) if arguments.auth_file is not None else None
    if entries is not None:
        _check_entries(arguments.auth_file, entries, mechanisms)
    tokens = read_tokens(arguments.token_file, secrets.token_bytes) if arguments.token_file is not None else None
    secret = b""
    if arguments.sasl_secret_file is not None:
        secret = _read_secret(arguments.sasl_secret_file)
    elif mechanisms:
        secret = secrets.token_bytes(32)
    users = Users(entries, secrets.token_bytes, secret, mechanisms) if entries is not None else None
    return Authentication(mechanisms, users, tokens, secret)


def _mechanisms(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.mechanism is not None:
        return tuple(arguments.mechanism)
    return (
        *(("EXTERNAL",) if arguments.client_ca is not None else ()),
        *(_BY_TOKEN if arguments.token_file is not None else ()),
        *(_BY_PASSWORD if arguments.auth_file is not None else ()),
    )


def _check(arguments: argparse.Namespace, mechanisms: Sequence[str]) -> None:
    for name in mechanisms:
        flag = _source(name)
        if flag is not None and getattr(arguments, flag) is None:
            _refuse(f"--mechanism {name} needs {_shown(flag)}")
    for flag in ("auth_file", "token_file", "client_ca"):
        if getattr(arguments, flag) is not None and not any(_source(name) == flag for name in mechanisms):
            _refuse(f"{_shown(flag)} is of no use without a --mechanism that asks it")
    if not mechanisms:
        for flag in ("require_auth", "auth_without_tls"):
            if getattr(arguments, flag):
                _refuse(f"{_shown(flag)} needs --auth-file, --token-file or --client-ca")
        if arguments.sasl_secret_file is not None:
            _refuse("--sasl-secret-file needs --auth-file")
    certificate = tls.offered(arguments)
    for name in mechanisms:
        kind = SERVER_MECHANISMS[name]
        asked = _shown(_source(name)) if arguments.mechanism is None else f"--mechanism {name}"
        if kind.plaintext and not (certificate or arguments.auth_without_tls):
            _refuse(f"{asked} needs --certfile or --tls-self-signed, or --auth-without-tls for clear text")
        if kind.channel_binding and not certificate:
            _refuse(f"{asked} needs --certfile or --tls-self-signed")
    if arguments.client_ca is not None and arguments.certfile is None:
        _refuse("--client-ca needs --certfile")
    if "ANONYMOUS" in mechanisms:
        for flag in ("require_auth", "domain", "greylist"):
            if getattr(arguments, flag):
                _refuse(f"--mechanism ANONYMOUS lets everybody in, and {_shown(flag)} would be of no use")


def _check_entries(path: str, entries: Mapping[str, Entry], mechanisms: Sequence[str]) -> None:
    # Clients take the best mechanism that is announced. A user whom it cannot serve would be locked out.
    for mechanism in mechanisms:
        for user, entry in entries.items():
            if not serves(entry, mechanism):
                _refuse(
                    f"{os.fspath(path)}: {mechanism} cannot be offered, for what the file has of {user} does not serve "
                    f"it; see smtpcore passwd --scheme"
                )


def _source(mechanism: str) -> str | None:
    """The flag that names the file that a mechanism is about."""
    match mechanism:
        case "ANONYMOUS":
            return None
        case "EXTERNAL":
            return "client_ca"
        case "OAUTHBEARER" | "XOAUTH2":
            return "token_file"
        case _:
            return "auth_file"


def _read_secret(path: str) -> bytes:
    try:
        try:
            with open(path, "rb") as file:
                secret = file.read(_SECRET[1] + 1)
        except FileNotFoundError:
            secret = secrets.token_bytes(32)
            with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(secret)
    except OSError as error:
        raise UsageError(f"cannot read the secret: {reason(error)}") from error
    if not _SECRET[0] <= len(secret) <= _SECRET[1]:
        _refuse(f"{path}: a secret has {_SECRET[0]} to {_SECRET[1]} octets")
    return secret


def _shown(flag: str | None) -> str:
    return f"--{(flag or '').replace('_', '-')}"


def _refuse(message: str) -> NoReturn:
    raise UsageError(message)
