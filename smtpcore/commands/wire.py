"""From a command to the octets of its line: the one place where a client's lines are made (T-REPLY).

Each command says its form in `write_argument`; here every octet of the line is judged, whatever field it came
from, and the line is read back before it is given out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from smtpcore.commands import COMMAND_TYPES, Command, Custom, Expn, Mail, Rcpt, SaslCancel, SaslResponse, Vrfy
from smtpcore.custom import is_custom_verb
from smtpcore.errors import LocalProtocolError, ParseError
from smtpcore.grammar import Grammar
from smtpcore.lengths import LineLengths
from smtpcore.leniencies import Leniencies
from smtpcore.paths import Path
from smtpcore.sasl.base64 import encode
from smtpcore.spec import AUTH_LINE, BASE_LINE

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
# What Path.to_wire takes: addresses that a lenient server has let in must be sendable, and nothing else is lenient.
_READ_BACK: Final = replace(Leniencies.strict(), underscore_domain=True, loose_dots=True, long_paths=True)


def to_wire(
    command: Command | SaslResponse | SaslCancel, grammar: Grammar, lengths: LineLengths | None = None
) -> bytes:
    """The line that says the command, with its CRLF.

    Args:
        command: A command, or what answers a SASL challenge.
        grammar: What is in force.
        lengths: How long the line may be; without them, as long as RFC 5321 and the extensions in force allow.

    Raises:
        LocalProtocolError: The command cannot be said, or not on this connection; the message tells what can be
            done instead and shows no value of any field.
    """
    if isinstance(command, SaslResponse | SaslCancel):
        return _sasl_line(command, lengths)
    verb = verb_of(command)
    try:
        argument = command.write_argument(grammar)
    except ParseError as error:
        raise _error(verb, str(error)) from None
    except (AttributeError, TypeError):
        raise _error(verb, "a field is not of the type that its annotation says") from None
    line = b"%b %b" % (verb, argument) if argument else verb
    if _CONTROL.search(line):
        raise _error(verb, "a field has CR, LF, NUL or another control character in it; take it out")
    ascii_only = line.isascii()
    if not ascii_only and not _asks_for_utf8(command, grammar):
        raise _error(verb, "a field is not ASCII; where SMTPUTF8 is announced, ask for it in this transaction")
    _check_length(verb, len(line) + 2, grammar, lengths)
    # Path.to_wire has read a path back already, and where it is ASCII and alone nothing else could be misread.
    proven = isinstance(command, Mail | Rcpt) and type(command.path) is Path and not command.params and ascii_only
    if not proven:
        _read_back(command, verb, line, grammar)
    return line + b"\r\n"


def verb_of(command: Command) -> bytes:
    """The verb of a command in upper case.

    Raises:
        LocalProtocolError: The command is none of those that are known, or its verb is none.
    """
    if isinstance(command, Custom):
        if not is_custom_verb(command.name):
            raise LocalProtocolError("a custom verb is an upper-case word that is no known command; use its class")
        return command.name.encode("ascii")
    kind = COMMAND_TYPES.get(command.verb)
    if kind is None or not isinstance(command, kind):
        raise LocalProtocolError("not a command known here; make it one of smtpcore.commands, for instance a Custom")
    return command.verb


def _sasl_line(answer: SaslResponse | SaslCancel, lengths: LineLengths | None) -> bytes:
    if isinstance(answer, SaslCancel):
        return b"*\r\n"
    try:
        line = encode(answer.data) + b"\r\n"
    except TypeError:
        raise LocalProtocolError("a SASL response is bytes, which are encoded here") from None
    limit = AUTH_LINE if lengths is None else lengths.auth
    if len(line) > limit:
        raise LocalProtocolError(f"the SASL response takes more than the {limit} octets of a line; cancel the exchange")
    return line


def _asks_for_utf8(command: Command, grammar: Grammar) -> bool:
    """Whether the line may have UTF-8 in it (RFC 6531 3.4, 3.7.4.2); its reader judges where."""
    if isinstance(command, Rcpt):
        return grammar.utf8
    if isinstance(command, Mail):
        return command.smtputf8
    return isinstance(command, Vrfy | Expn) and command.utf8


def _check_length(verb: bytes, octets: int, grammar: Grammar, lengths: LineLengths | None) -> None:
    if lengths is None:
        if octets <= BASE_LINE:
            return
        lengths = LineLengths(BASE_LINE, AUTH_LINE, 0).under(grammar.extensions)
    if verb == b"AUTH":
        # RFC 4954 4: what a server takes in a response, no client may send in the AUTH line itself.
        if octets > lengths.command:
            raise _error(
                verb, "the initial response is too long for the line; send AUTH without it, and it as a response"
            )
    elif octets > lengths.limit(verb):
        raise _error(verb, f"the line would be over {lengths.limit(verb)} octets; shorten it or leave parameters out")


def _read_back(command: Command, verb: bytes, line: bytes, grammar: Grammar) -> None:
    """The last line of defence: a strict server must find in the line this command and nothing else."""
    strict = replace(grammar, leniencies=_READ_BACK, max_chunk=None, max_params=len(line))
    _, _, argument = line.rstrip(b" \t").partition(b" ")
    try:
        if isinstance(command, Custom):
            read: Command = Custom.read(command.name, argument, strict)
        else:
            read = type(command).parse(argument, strict)
    except ParseError as error:
        raise _error(verb, f"a server would refuse it: {error}") from None
    if not _same(command, read, grammar):
        raise _error(
            verb,
            "a server would read something else; give each field as a reader gives it: not malformed, in its case, "
            "without spaces at the end",
        )


def _same(command: Command, read: Command, grammar: Grammar) -> bool:
    if not isinstance(command, Mail | Rcpt) or not isinstance(read, Mail | Rcpt):
        return read == command
    rows = grammar.extensions.parameters
    return (
        read.path == command.path
        and list(read.params) == list(command.params)
        # What the application's own reader makes of a value need not be what was given.
        and all(
            read.params[name] == value
            for name, value in command.params.items()
            if rows[command.verb, name.encode("ascii")].read is None
        )
    )


def _error(verb: bytes, hint: str) -> LocalProtocolError:
    return LocalProtocolError(f"{verb.decode('ascii')}: {hint}")
