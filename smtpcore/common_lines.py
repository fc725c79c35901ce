"""The common form of MAIL and RCPT lines, read in one go.

Nearly all of them are ``MAIL FROM:<dot-atom@domain>``, perhaps with SIZE and BODY behind it, and
``RCPT TO:<dot-atom@domain>``, in capitals or, from Python's smtplib for one, partly not. One flat pattern takes such a
line whole off the buffer, and all such RCPT lines that have come together at once. The long way is to find its end, to
look for octets that no line may have, to look up its verb, to judge the argument and to scan its path, and takes twice
the time.

What is taken here is exactly what the long way takes, under any setting, with equal commands; what is not is left
untouched for it. A test holds the two together. The patterns are bounded and their repeats possessive, so none goes
back over what it has read (T-ADDR).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from smtpcore.commands import READERS, Mail, Rcpt, Reader
from smtpcore.common_paths import COMMON_PATH, COMMON_PATH_GROUPS, first_doubt, is_common
from smtpcore.grammar import Grammar
from smtpcore.lines import InputBuffer
from smtpcore.params import NO_PARAMETERS, BodyType
from smtpcore.paths import Path, common_path
from smtpcore.spec import COMMANDS, Rule, State

if TYPE_CHECKING:
    from smtpcore.server import ServerConnection

NO_RECIPIENTS: Final[Iterator[tuple[bytes, Rcpt]]] = iter(())

_MAIL: Final = re.compile(
    rb"((?i:MAIL FROM:)%b(?:(?i: SIZE=)([0-9]{1,20}+))?+(?:(?i: BODY=)(7BIT|8BITMIME))?+)\r\n" % COMMON_PATH_GROUPS
).match
_RCPT: Final = re.compile(rb"((?i:RCPT TO:)%b)\r\n" % COMMON_PATH_GROUPS).match
# As many as are found before the first is answered.
_RCPTS: Final = re.compile(rb"(?:(?i:RCPT TO:)%b\r\n){1,32}+" % COMMON_PATH).match
_ADDRESSES: Final = re.compile("<([^@]++)@([^>]++)>").findall
_PATH_IN_RCPT: Final = len(b"RCPT TO:")
_MAIL_RULE, _RCPT_RULE = COMMANDS[b"MAIL"], COMMANDS[b"RCPT"]
_IN_READY, _IN_MAIL, _IN_RCPT = State.READY, State.MAIL, State.RCPT
_CRLF: Final = b"\r\n"
_SIZE: Final = (b"MAIL", b"SIZE")
_BODY: Final = (b"MAIL", b"BODY")


def next_command(connection: ServerConnection) -> Mail | Rcpt | None:
    """The next command, if it is the usual one in its common form, where nothing is owed and no chunk is read."""
    state = connection.dialogue.state
    if not connection.knows_common or connection.barrier is not None:
        return None
    found: tuple[bytes, Mail | Rcpt] | None
    if state is _IN_RCPT:
        rule = _RCPT_RULE
        found = next(connection.recipients, None)
        if found is None:
            connection.recipients = read_recipients(connection.input)
            found = next(connection.recipients, None)
    elif state is _IN_READY:
        rule = _MAIL_RULE
        found = read_mail(connection.input, connection.grammar)
    elif state is _IN_MAIL:
        rule = _RCPT_RULE
        found = read_recipient(connection.input)
    else:
        return None
    if found is None:
        return None
    connection.line, command = found
    connection.command = command
    connection.owed = rule
    return command


def read_mail(buffer: InputBuffer, grammar: Grammar) -> tuple[bytes, Mail] | None:
    """The line that comes next, without its CRLF, and its command; None if it is another, which stays there."""
    found = buffer.match(_MAIL)
    if found is None:
        return None
    line, raw, local, domain, octets, body = found.groups()
    path = common_path(raw, local, domain)
    if path is None:
        return None
    params = NO_PARAMETERS
    if octets is not None or body is not None:
        some = _parameters(octets, body, grammar)
        if some is None:
            return None
        params = some
    buffer.skip(found.end())
    return line, Mail(path, params)


def read_recipient(buffer: InputBuffer) -> tuple[bytes, Rcpt] | None:
    """The same for RCPT, of which most messages have one."""
    found = buffer.match(_RCPT)
    if found is None:
        return None
    line, raw, local, domain = found.groups()
    path = common_path(raw, local, domain)
    if path is None:
        return None
    buffer.skip(found.end())
    return line, Rcpt(path, NO_PARAMETERS)


def read_recipients(buffer: InputBuffer) -> Iterator[tuple[bytes, Rcpt]]:
    """All RCPT lines that come next, up to a number, and their commands; ``NO_RECIPIENTS`` if there is none.

    Each is read when it is given out. There are no more once somebody else has read what comes next.
    """
    found = buffer.match(_RCPTS)
    if found is None:
        return NO_RECIPIENTS
    octets = found[0]
    doubt = first_doubt(octets)
    if doubt >= 0:
        # All lines before that one, or if there are none it alone.
        end = octets.rfind(_CRLF, 0, doubt)
        octets = octets[: (end if end >= 0 else octets.find(_CRLF)) + 2]
    addresses: list[tuple[str, str]] = _ADDRESSES(str(octets, "ascii"))
    if doubt >= 0 and not is_common(*addresses[0]):
        return NO_RECIPIENTS
    return _recipients(addresses, buffer.lines(found.start() + len(octets)))


def _recipients(addresses: list[tuple[str, str]], lines: Iterator[bytes]) -> Iterator[tuple[bytes, Rcpt]]:
    # In this order, since a line is read when it is asked for.
    for (local, domain), line in zip(addresses, lines, strict=False):
        yield line, Rcpt(Path(local, domain, (), line[_PATH_IN_RCPT:]), NO_PARAMETERS)


def _parameters(octets: bytes | None, body: bytes | None, grammar: Grammar) -> Mapping[str, object] | None:
    """The parameters that were found, None where they may not be there."""
    in_force = grammar.extensions.parameters
    params: dict[str, object] = {}
    if octets is not None and _SIZE in in_force:
        params["SIZE"] = int(octets)
    if body is not None and _BODY in in_force:
        params["BODY"] = BodyType.SEVEN_BIT if body == b"7BIT" else BodyType.EIGHT_BIT_MIME
    found = (octets is not None) + (body is not None)
    return params if len(params) == found <= grammar.max_params else None


def are_known(table: Mapping[bytes, Rule], readers: Mapping[bytes, Reader]) -> bool:
    """Whether the verbs that this module and its callers take short ways for are as they know them."""
    return all(
        table.get(verb) is COMMANDS[verb] and readers[verb] is READERS[verb] for verb in (b"MAIL", b"RCPT", b"DATA")
    )
