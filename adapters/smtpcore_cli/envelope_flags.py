"""What MAIL, RCPT, XFORWARD and XCLIENT are told beside addresses, as values of the core's own types."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from smtpcore.commands.attributes import Attribute, Reader, parse_attributes
from smtpcore.commands.xclient import ATTRIBUTES as XCLIENT
from smtpcore.commands.xforward import ATTRIBUTES as XFORWARD
from smtpcore.errors import ParseError
from smtpcore.params import READERS, UTF8_READERS, Envid, xtext
from smtpcore.params.dsn import parse_notify
from smtpcore.spec import PARAMETERS, Parameter, Value

from .errors import UsageError

_KNOWN = {(row.verb, row.keyword.decode("ascii")): row for row in PARAMETERS}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags, in groups of their own."""
    group = parser.add_argument_group("what is asked of the server; one that does not announce it gets no message")
    group.add_argument(
        "--dsn",
        metavar="WHEN",
        help="the notifications that are wanted: never, or some of success,failure,delay (RFC 3461 4.1)",
    )
    group.add_argument("--ret", choices=("full", "hdrs"), help="how much of the message a notification brings back")
    group.add_argument("--envid", metavar="ID", help="a name for the message that notifications tell")
    group.add_argument(
        "--require-tls-onward",
        action="store_true",
        help="the message may travel over verified TLS only, all the way (REQUIRETLS, RFC 8689)",
    )
    for verb, command in ((b"MAIL", "mail"), (b"RCPT", "rcpt")):
        group.add_argument(
            f"--{command}-param",
            action="append",
            default=[],
            metavar="KEY[=VALUE]",
            help=f"a parameter of {verb.decode()} as it stands on the wire; may be repeated: {_keywords(verb)}",
        )
    group = parser.add_argument_group("on behalf of whom")
    for name, known, text in (
        (
            "xforward",
            XFORWARD,
            "what a server that announces XFORWARD is told, for its logs, of where the message is from",
        ),
        ("xclient", XCLIENT, "what the server, which has to trust this host, is told of who the client is"),
    ):
        group.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"{text}; may be repeated: {', '.join(known)}; IPv6 addresses as IPV6:2001:db8::1",
        )


def mail_parameters(arguments: argparse.Namespace) -> dict[str, object]:
    """The parameters of MAIL.

    Raises:
        UsageError: There is no such parameter, or a value is none of its values.
    """
    params = _parameters(b"MAIL", arguments.mail_param)
    if arguments.ret is not None:
        _put(params, "--ret", "RET", _value(_KNOWN[b"MAIL", "RET"], arguments.ret))
    if arguments.envid is not None:
        envid = Envid(arguments.envid)
        try:
            envid.to_wire()
        except ParseError as error:
            raise UsageError(f"--envid: {error}") from None
        _put(params, "--envid", "ENVID", envid)
    if arguments.require_tls_onward:
        _put(params, "--require-tls-onward", "REQUIRETLS", True)
    return params


def rcpt_parameters(arguments: argparse.Namespace) -> dict[str, object]:
    """The parameters of each RCPT.

    Raises:
        UsageError: As above.
    """
    params = _parameters(b"RCPT", arguments.rcpt_param)
    if arguments.dsn is not None:
        try:
            notify = parse_notify(arguments.dsn.encode("utf-8", "surrogateescape"))
        except ParseError as error:
            raise UsageError(f"--dsn: {error}") from None
        _put(params, "--dsn", "NOTIFY", notify)
    return params


def xforward(arguments: argparse.Namespace) -> Mapping[str, Attribute]:
    """What is told by XFORWARD.

    Raises:
        UsageError: There is no such attribute, or a value is none of its values.
    """
    return _attributes("--xforward", arguments.xforward, XFORWARD)


def xclient(arguments: argparse.Namespace) -> Mapping[str, Attribute]:
    """What is told by XCLIENT.

    Raises:
        UsageError: As above.
    """
    return _attributes("--xclient", arguments.xclient, XCLIENT)


def _parameters(verb: bytes, words: Sequence[str]) -> dict[str, object]:
    flag = f"--{verb.decode('ascii').lower()}-param"
    params: dict[str, object] = {}
    for word in words:
        name, separator, text = word.partition("=")
        keyword = name.upper()
        row = _KNOWN.get((verb, keyword))
        if row is None:
            raise UsageError(f"{flag}: there is no {name!a}; there are {_keywords(verb)}")
        if row.value is Value.NONE and separator:
            raise UsageError(f"{flag}: {keyword} takes no value")
        if row.value is not Value.NONE and not separator:
            raise UsageError(f"{flag}: {keyword} needs a value")
        try:
            value = _value(row, text) if separator else True
        except ParseError as error:
            raise UsageError(f"{flag}: {keyword}: {error}") from None
        _put(params, flag, keyword, value)
    return params


def _value(row: Parameter, text: str) -> object:
    """Read a value as a server would, so that what is sent is what the core knows of it."""
    read = UTF8_READERS.get(row.keyword, READERS[row.keyword])
    return read(text.encode("utf-8", "surrogateescape"))


def _put(params: dict[str, object], flag: str, keyword: str, value: object) -> None:
    if keyword in params:
        raise UsageError(f"{flag}: {keyword} is given twice")
    params[keyword] = value


def _attributes(flag: str, words: Sequence[str], known: Mapping[str, Reader]) -> Mapping[str, Attribute]:
    if not words:
        return {}
    pairs = [word.encode("utf-8", "surrogateescape").partition(b"=") for word in words]
    argument = b" ".join(xtext.encode(name) + separator + xtext.encode(value) for name, separator, value in pairs)
    try:
        return parse_attributes(argument, known)
    except ParseError as error:
        raise UsageError(f"{flag}: {error}; there are {', '.join(known)}") from None


def _keywords(verb: bytes) -> str:
    return ", ".join(keyword for known, keyword in _KNOWN if known == verb)
