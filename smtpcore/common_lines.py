"""The common form of MAIL and RCPT lines, read in one go.

Nearly all of them are ``MAIL FROM:<dot-atom@domain>`` and ``RCPT TO:<dot-atom@domain>``, in capitals and without a
parameter. One flat pattern takes such a line whole off the buffer. The long way is to find its end, to look for octets
that no line may have, to look up its verb, to judge the argument and to scan its path, and takes twice the time.

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
from smtpcore.lines import InputBuffer
from smtpcore.params import NO_PARAMETERS
from smtpcore.paths import COMMON_PATH, common_path
from smtpcore.spec import COMMANDS, Rule, State


class CommonLine:
    """The common form of one command's line.

    Args:
        kind: The command.
        prefix: What stands before the path, with the verb.
    """

    __slots__ = ("_form", "_kind", "rule")

    rule: Rule
    """The row of the command."""

    def __init__(self, kind: type[Mail] | type[Rcpt], prefix: bytes) -> None:
        self.rule = COMMANDS[kind.verb]
        self._kind = kind
        self._form = re.compile(rb"(%b%b)\r\n" % (re.escape(prefix), COMMON_PATH)).match

    def read(self, buffer: InputBuffer) -> tuple[bytes, Mail | Rcpt] | None:
        """The line that comes next, without its CRLF, and its command; None if it is another, which stays there."""
        found = buffer.match(self._form)
        if found is None:
            return None
        line, raw, local, domain = found.groups()
        path = common_path(raw, local, domain)
        if path is None:
            return None
        buffer.skip(found.end())
        return line, self._kind(path, NO_PARAMETERS)


_MAIL: Final = CommonLine(Mail, b"MAIL FROM:")
_RCPT: Final = CommonLine(Rcpt, b"RCPT TO:")
_LINES: Final[Mapping[State, CommonLine]] = MappingProxyType({State.READY: _MAIL, State.MAIL: _RCPT, State.RCPT: _RCPT})
_NONE: Final[Mapping[State, CommonLine]] = MappingProxyType({})


def common_lines(table: Mapping[bytes, Rule], readers: Mapping[bytes, Reader]) -> Mapping[State, CommonLine]:
    """What is most likely to come in each state; nothing where a verb of it is not as this module knows it."""
    for verb in b"MAIL", b"RCPT", b"DATA":
        if table.get(verb) is not COMMANDS[verb] or readers[verb] is not READERS[verb]:
            return _NONE
    return _LINES
