"""``smtpcore passwd``: a line for the auth file of ``smtpcore serve``."""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from .entries import Entry, Plain, Scram, prepare_password
from .errors import UsageError
from .hashes import Hash
from .userlines import prepare_name

if TYPE_CHECKING:
    from .parser import Subcommands

_SCHEMES: dict[str, Callable[[str], Entry]] = {
    "scrypt": lambda password: Hash.make(password, secrets.token_bytes),
    "scram-sha-256": lambda password: Scram.make(password, secrets.token_bytes, "sha256"),
    "scram-sha-1": lambda password: Scram.make(password, secrets.token_bytes, "sha1"),
    "plain": Plain,
}


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
    parser.add_argument(
        "--scheme",
        choices=tuple(_SCHEMES),
        default="scrypt",
        help="what is kept: a hash (scrypt) for PLAIN and LOGIN; keys (scram-...) for these and one form of SCRAM; the "
        "password itself (plain) for all, CRAM-MD5 too (default: scrypt)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the password, print the line."""
    try:
        user = prepare_name(arguments.user)
        password = prepare_password(_ask() if sys.stdin.isatty() else _read())
    except ValueError as error:
        raise UsageError(str(error)) from None
    print(f"{user}:{_SCHEMES[arguments.scheme](password)}")
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
