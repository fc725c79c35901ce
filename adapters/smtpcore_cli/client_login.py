"""Who authenticates to a server and by what: the flags, and where secrets come from, which is never an argument."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Collection

from smtpcore.sasl import CLIENT_MECHANISMS, Credentials

from .errors import UsageError, reason
from .places import Place

VARIABLE = "SMTPCORE_PASSWORD"
"""The environment variable that may hold the password."""

_WITHOUT_PASSWORD = frozenset({"EXTERNAL", "OAUTHBEARER", "XOAUTH2", "ANONYMOUS"})


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags, in a group of their own."""
    group = parser.add_argument_group("authentication")
    group.add_argument("--user", metavar="NAME", help="who authenticates (default: the one in --server, or nobody)")
    group.add_argument(
        "--password-file",
        metavar="FILE",
        help=f"a file whose first line is the password (default: the environment variable {VARIABLE}, else the "
        "terminal is asked)",
    )
    group.add_argument("--oauth-token-file", metavar="FILE", help="a file whose first line is a bearer token")
    group.add_argument(
        "--mechanism",
        action="append",
        type=str.upper,
        choices=tuple(CLIENT_MECHANISMS),
        metavar="NAME",
        help=f"a SASL mechanism that may be used, the best first; may be repeated: {', '.join(CLIENT_MECHANISMS)} "
        "(default: the strongest on offer)",
    )
    group.add_argument(
        "--auth-without-tls",
        action="store_true",
        help="let passwords and tokens pass in clear text, or to a server whose certificate was not verified",
    )


def credentials(arguments: argparse.Namespace, place: Place) -> Credentials | None:
    """What the client proves itself with; None: it does not authenticate.

    Raises:
        UsageError: A secret cannot be had, or the flags do not go together.
    """
    user = _user(arguments, place)
    allowed: Collection[str] = arguments.mechanism or ()
    if not user and not allowed:
        for flag in ("password_file", "oauth_token_file", "auth_without_tls"):
            if getattr(arguments, flag):
                raise UsageError(f"--{flag.replace('_', '-')} needs --user, or a user name in --server")
        return None
    if "EXTERNAL" in allowed and arguments.certfile is None:
        raise UsageError("--mechanism EXTERNAL needs --certfile")
    if not user and any(name not in ("EXTERNAL", "ANONYMOUS") for name in allowed):
        raise UsageError("--mechanism needs --user, or a user name in --server")
    token = None
    if arguments.oauth_token_file is not None:
        token = _first_line(arguments.oauth_token_file, "token").strip()
    needed = not _WITHOUT_PASSWORD.issuperset(allowed) if allowed else token is None
    password = _password(arguments.password_file) if needed else None
    try:
        return Credentials(
            username=user,
            password=password,
            token=token,
            certificate=arguments.certfile is not None,
            anonymous=user if "ANONYMOUS" in allowed else None,
            host=place.host,
            port=place.port or None,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _user(arguments: argparse.Namespace, place: Place) -> str:
    if arguments.user is None:
        return place.user
    if place.user and place.user != arguments.user:
        raise UsageError("--user and the user name in --server are not the same")
    user: str = arguments.user
    return user


def _password(path: str | None) -> str:
    if path is not None:
        return _first_line(path, "password")
    if (password := os.environ.get(VARIABLE)) is not None:
        return password
    if not _has_terminal():
        raise UsageError(f"there is no terminal to ask for the password: give --password-file, or set {VARIABLE}")
    try:
        return getpass.getpass("Password: ")
    except EOFError:
        raise UsageError("no password was given") from None


def _has_terminal() -> bool:
    # Without one ``getpass`` would read the standard input, and that is the message.
    try:
        with open("/dev/tty", "rb"):
            return True
    except OSError:
        return os.name == "nt"


def _first_line(path: str, what: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.readline().rstrip(b"\r\n").decode("utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the {what}: {reason(error)}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{os.fspath(path)}: the {what} is not UTF-8") from None
