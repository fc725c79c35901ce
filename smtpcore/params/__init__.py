"""The ESMTP parameters of MAIL and RCPT: a file for each family, and the rules common to all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from smtpcore.errors import ParseError
from smtpcore.grammar import CommandError, Grammar
from smtpcore.params import auth, body, size
from smtpcore.replies import Reply
from smtpcore.spec import Value

NO_PARAMETERS: Final[Mapping[str, object]] = MappingProxyType({})
"""What a command without parameters has."""

READERS: Final[Mapping[bytes, Callable[[bytes], object]]] = MappingProxyType(
    {b"SIZE": size.parse, b"BODY": body.parse, b"AUTH": auth.parse}
)
"""What turns the value of each parameter into a Python value, or raises ParseError."""

# RFC 5321 4.1.2: esmtp-keyword and esmtp-value.
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(=([!-<>-~]+))?")
_HELO_PARAMETERS = (b"SIZE", b"BODY")

_BAD_FORM = Reply(501, "Parameters that cannot be read", "5.5.4")
_TOO_MANY = Reply(501, "Too many parameters", "5.5.4")
_REPEATED = Reply(501, "A parameter is given twice", "5.5.4")
_UNKNOWN = Reply(555, "A parameter that was not announced", "5.5.4")
_AFTER_HELO = Reply(555, "No parameters are known after HELO", "5.5.4")


def parse_parameters(verb: bytes, text: bytes, grammar: Grammar) -> Mapping[str, object]:
    """Read what stands behind the path, from the first SP on (RFC 5321 4.1.1.11).

    Raises:
        CommandError: 501 for the form, a repetition or a value, 555 for what is not in force.
    """
    if text[:1] != b" ":
        raise CommandError(_BAD_FORM)
    words = text[1:].split(b" ")
    if len(words) > grammar.max_params:
        raise CommandError(_TOO_MANY)
    params: dict[str, object] = {}
    for word in words:
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise CommandError(_BAD_FORM)
        keyword = match[1].upper()
        row = grammar.extensions.parameters.get((verb, keyword))
        if row is None and not grammar.extended:
            if not (grammar.leniencies.helo_params and verb == b"MAIL" and keyword in _HELO_PARAMETERS):
                raise CommandError(_AFTER_HELO)
        elif row is None:
            raise CommandError(_UNKNOWN)
        name = keyword.decode("ascii")
        if name in params:
            raise CommandError(_REPEATED)
        value = match[3]
        if (value is None) is not (row is not None and row.value is Value.NONE):
            raise CommandError(Reply(501, f"{name} has a value where none belongs, or none where one does", "5.5.4"))
        try:
            params[name] = READERS[keyword](value)
        except ParseError as error:
            raise CommandError(Reply(501, f"{name}: {error}", "5.5.4")) from None
    return params
