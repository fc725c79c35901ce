"""``smtpcore send``: hand a message to a server, and say what became of it for each recipient."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from smtpcore.session.client import ClientConfig, ClientTranscript, Delivery, Message, Result, SessionError, Status
from smtpcore.utf8 import printable

from . import client_login, client_tls, connecting, content, envelope_flags
from .errors import UsageError
from .flags import add_switches, given, in_flags
from .output import Lines, say
from .places import parse_place

if TYPE_CHECKING:
    from .parser import Subcommands

_REFUSED = 1
_TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h."""

_DESCRIPTION = """Send the message in FILE, or on the standard input, to one server. Where --from and --to are both
given the message goes out as it is; otherwise what is missing is taken from its header section, and Bcc is left out of
it."""
_EPILOG = """A line on the standard output for each recipient: what became of it (accepted, temporary, permanent, or
uncertain where all was sent and the reply never came), the address, and why, with tabs between them. The exit status
is 0 when everybody was accepted, 1 when somebody was refused for good, 75 when nobody was but somebody's is temporary
or uncertain, 2 for a usage error."""


def add(commands: Subcommands) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "send",
        help="send a message to a server",
        usage="%(prog)s [option ...] --server SERVER [FILE]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("file", nargs="?", metavar="FILE", help="the message (default, and -: the standard input)")
    parser.add_argument(
        "--server",
        required=True,
        type=parse_place,
        metavar="SERVER",
        help="smtp://host[:port], smtps://, submission://, submissions://, lmtp://host:port or lmtps://host:port, with "
        "user@ before the host or not; or lmtp:unix:/path, smtp:unix:/path",
    )
    parser.add_argument(
        "--from",
        dest="sender",
        type=content.parse_address,
        metavar="ADDRESS",
        help='the sender, "" or "<>" for nobody (default: Sender, or else From)',
    )
    parser.add_argument(
        "--to",
        action="append",
        type=content.parse_recipient,
        metavar="ADDRESS",
        help="a recipient; may be repeated (default: those of To, Cc and Bcc)",
    )
    parser.add_argument("--quiet", action="store_true", help="no lines for those who were accepted")
    connecting.add_flags(parser)
    client_tls.add_mode(parser)
    client_tls.add_flags(parser)
    client_login.add_flags(parser)
    envelope_flags.add_flags(parser)
    _add_wire(parser)


def run(arguments: argparse.Namespace) -> int:
    """Send it."""
    config = _config(arguments)
    context = client_tls.context(arguments, arguments.server)
    observer = ClientTranscript(Lines(sys.stderr)) if arguments.show else None
    with content.opened(arguments.file) as file:
        message = content.message(arguments, file)
        delivery = _not_begun(message)
        try:
            with connecting.connection(arguments, config, context, observer) as client:
                delivery = client.send(message)
        except SessionError as error:
            delivery.fail(error)
    for result in delivery.results:
        if not (arguments.quiet and result.accepted):
            say(_line(result))
    return _status(delivery)


def _add_wire(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is spoken")
    add_switches(group, {"standard": ClientConfig(hostname="localhost")}, ("pipelining", "chunking"))
    group.add_argument(
        "--bare-newlines",
        choices=("error", "convert"),
        default="convert",
        help="what a lone CR or LF in the message is: an error, or a line end (default: convert)",
    )
    group.add_argument(
        "--long-lines",
        choices=("error", "pass"),
        default="error",
        help="what a line of over 998 octets is (default: error)",
    )


def _config(arguments: argparse.Namespace) -> ClientConfig:
    place = arguments.server
    try:
        return ClientConfig(
            hostname=connecting.hostname(arguments),
            dialect=place.dialect,
            tls=client_tls.mode(arguments, place),
            credentials=client_login.credentials(arguments, place),
            mechanisms=arguments.mechanism,
            plaintext_auth_without_tls=arguments.auth_without_tls,
            xclient=envelope_flags.xclient(arguments),
            bare_newlines=arguments.bare_newlines,
            long_lines=arguments.long_lines,
            timeouts=connecting.timeouts(arguments),
            **given(arguments, ClientConfig),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _not_begun(message: Message) -> Delivery:
    return Delivery.of(message)


def _line(result: Result) -> str:
    # What is behind the second tab may have more of them, and no other control character.
    text = printable(result.text if result.reply is not None else in_flags(result.text))
    return f"{result.status.value}\t{printable(result.recipient.path.address)}\t{text}"


def _status(delivery: Delivery) -> int:
    found = {result.status for result in delivery.results}
    if Status.PERMANENT in found:
        return _REFUSED
    return 0 if found == {Status.ACCEPTED} else _TRY_AGAIN
