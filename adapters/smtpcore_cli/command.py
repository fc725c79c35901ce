"""The command: its subcommands, and what their ends mean to the shell."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from . import passwd, probe, send, serve
from .errors import UsageError
from .parser import Parser

# What a shell reports of a program that a signal has ended.
_INTERRUPTED = 128 + 2
_PIPE_CLOSED = 128 + 13


def build() -> Parser:
    """The parser of the whole command."""
    parser = Parser(prog="smtpcore", description="SMTP on the command line.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"smtpcore {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for subcommand in (serve, send, probe, passwd):
        subcommand.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: The words behind the command's name; by default those of the process.

    Returns:
        The exit status: 0, 1 when the work could not go on, 2 for a usage error, 75 when trying again may help, 130
        after an interrupt.
    """
    _replace_closed_streams()
    try:
        arguments = build().parse_args(argv)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except UsageError as error:
        print(f"smtpcore: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has gone, which is no fault. Python would complain when it flushes at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _replace_closed_streams() -> None:
    """Have the three standard streams, be it for nothing: Python has None for one that was closed from the start."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115


def _version() -> str:
    try:
        return version("smtpcore")
    except PackageNotFoundError:
        return "from a checkout"
