"""``smtpcore passwd``: a line for the auth file of ``smtpcore serve``."""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
from typing import TYPE_CHECKING

from .authfile import check_name
from .errors import UsageError
from .hashes import Hash

if TYPE_CHECKING:
    from .parser import Subcommands


def add(commands: Subcommands) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "passwd",
        help="print a line for --auth-file",
        description="Print a line `user:hash` for the file of `smtpcore serve --auth-file`. The password is asked for "
        "at the terminal, or is the first line of the standard input.",
        allow_abbrev=False,
    )
    parser.add_argument("user", metavar="USER", help="the user's name")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the password, print the line."""
    user: str = arguments.user
    try:
        check_name(user)
    except ValueError as error:
        raise UsageError(str(error)) from None
    password = _ask() if sys.stdin.isatty() else _read()
    if not password or "\0" in password:
        # RFC 4616 2: a password has at least one character, and none of them is NUL.
        raise UsageError("the password is empty or has NUL in it")
    print(f"{user}:{Hash.make(password, secrets.token_bytes)}")
    return 0


def _ask() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise UsageError("the two passwords are not the same")
    return password


def _read() -> str:
    try:
        return sys.stdin.buffer.readline().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError("the password is not UTF-8") from None
