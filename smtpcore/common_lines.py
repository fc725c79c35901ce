"""The common form of MAIL and RCPT lines, read in one go.

Nearly all of them are ``MAIL FROM:<dot-atom@domain>``, perhaps with SIZE and BODY behind it, and
``RCPT TO:<dot-atom@domain>``, in capitals or, from Python's smtplib for one, partly not. One flat pattern takes such a
line whole off the buffer. The long way is to find its end, to look for octets that no line may have, to
look up its verb, to judge the argument and to scan its path, and takes twice the time.

What is taken here is exactly what the long way takes, under any setting, with equal commands; what is not is left
untouched for it. A test holds the two together. The patterns are bounded and their repeats possessive, so no octet is
looked at twice (T-ADDR).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smtpcore.commands import READERS, Mail, Rcpt, Reader
from smtpcore.grammar import Grammar
from smtpcore.lines import InputBuffer
from smtpcore.params import NO_PARAMETERS, BodyType
from smtpcore.paths import COMMON_PATH, common_path
from smtpcore.spec import COMMANDS, Rule, State


class CommonLine:
    """The common form of one command's line.

    Args:
        kind: The command.
        prefix: What stands before the path, with the verb.
        params: What may stand behind it, with a group for the size and one for the body type.
    """

    __slots__ = ("_form", "_kind", "rule")

    rule: Rule
    """The row of the command."""

    def __init__(self, kind: type[Mail] | type[Rcpt], prefix: bytes, params: bytes) -> None:
        self.rule = COMMANDS[kind.verb]
        self._kind = kind
        self._form = re.compile(rb"((?i:%b)%b%b)\r\n" % (prefix, COMMON_PATH, params)).match

    def read(self, buffer: InputBuffer, grammar: Grammar) -> tuple[bytes, Mail | Rcpt] | None:
        """The line that comes next, without its CRLF, and its command; None if it is another, which stays there."""
        found = buffer.match(self._form)
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
        return line, self._kind(path, params)


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


_SIZE: Final = (b"MAIL", b"SIZE")
_BODY: Final = (b"MAIL", b"BODY")
_MAIL: Final = CommonLine(Mail, b"MAIL FROM:", rb"(?:(?i: SIZE=)([0-9]{1,20}+))?+(?:(?i: BODY=)(7BIT|8BITMIME))?+")
# Groups that find nothing.
_RCPT: Final = CommonLine(Rcpt, b"RCPT TO:", rb"(?:()()){0}")
_LINES: Final[Mapping[State, CommonLine]] = MappingProxyType({State.READY: _MAIL, State.MAIL: _RCPT, State.RCPT: _RCPT})
_NONE: Final[Mapping[State, CommonLine]] = MappingProxyType({})


def common_lines(table: Mapping[bytes, Rule], readers: Mapping[bytes, Reader]) -> Mapping[State, CommonLine]:
    """What is most likely to come in each state; nothing where a verb of it is not as this module knows it."""
    for verb in b"MAIL", b"RCPT", b"DATA":
        if table.get(verb) is not COMMANDS[verb] or readers[verb] is not READERS[verb]:
            return _NONE
    return _LINES
