"""``smtpcore probe``: what a server offers, before and within TLS. No mail is sent."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from . import client_tls, connecting
from .errors import UsageError
from .findings import as_json, as_text
from .output import Lines, say
from .places import parse_place
from .probing import probe

if TYPE_CHECKING:
    from .parser import Subcommands

_DESCRIPTION = """Say what a server offers: its greeting, its extensions, mechanisms and size limit in clear text and
within TLS, whether STARTTLS works, the TLS version and cipher, and its certificate, whether it verifies and why not.
No mail is sent and nobody authenticates. The exit status is 0 when the server could be talked to, 1 when it turns this
host away for good, 75 when trying again may help, 2 for a usage error."""


def add(commands: Subcommands) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "probe",
        help="say what a server offers",
        usage="%(prog)s [option ...] SERVER",
        description=_DESCRIPTION,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "server",
        type=parse_place,
        metavar="SERVER",
        help="smtp://host[:port], smtps://, submission://, submissions://, lmtp://host:port or lmtps://host:port; or "
        "smtp:unix:/path, lmtp:unix:/path",
    )
    parser.add_argument("--json", action="store_true", help="in JSON, for programs")
    connecting.add_flags(parser)
    client_tls.add_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find out, and say it."""
    if arguments.server.user:
        raise UsageError("probe does not authenticate: leave out the user name")
    findings = probe(arguments, Lines(sys.stderr) if arguments.show else lambda line: None)
    if arguments.json:
        say(json.dumps(as_json(findings), indent=2))
    else:
        for line in as_text(findings):
            say(line)
    if findings.answered:
        return 0
    return 75 if findings.error is None or findings.error.temporary else 1
