"""The ESMTP parameters of MAIL and RCPT: a file for each family, and the rules common to all.

The classes of the values are here for applications: ``from smtpcore.params import Notify, Ret``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

from smtpcore.errors import ParseError
from smtpcore.grammar import CommandError, Grammar
from smtpcore.params import (
    auth,
    body,
    deliverby,
    dsn,
    futurerelease,
    mtrk,
    orcpt,
    priority,
    rrvs,
    size,
    soliciting,
    submitter,
)
from smtpcore.params.body import BodyType
from smtpcore.params.deliverby import ByMode, DeliverBy
from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.params.mtrk import Mtrk
from smtpcore.params.orcpt import Orcpt
from smtpcore.params.rrvs import Rrvs, RrvsAction
from smtpcore.replies import Reply
from smtpcore.spec import Value

__all__ = [
    "NO_PARAMETERS",
    "READERS",
    "UTF8_READERS",
    "BodyType",
    "ByMode",
    "DeliverBy",
    "Envid",
    "Mtrk",
    "Notify",
    "Orcpt",
    "Reader",
    "Ret",
    "Rrvs",
    "RrvsAction",
    "asks_for_utf8",
    "is_utf8_announced",
    "parse_parameters",
    "value_of",
]

_T = TypeVar("_T")
Reader: TypeAlias = Callable[[bytes], object]

NO_PARAMETERS: Final[Mapping[str, object]] = MappingProxyType({})
"""What a command without parameters has."""

READERS: Final[Mapping[bytes, Reader]] = MappingProxyType(
    {
        b"SIZE": size.parse,
        b"BODY": body.parse,
        b"AUTH": auth.parse,
        b"RET": dsn.parse_ret,
        b"ENVID": dsn.parse_envid,
        b"NOTIFY": dsn.parse_notify,
        b"ORCPT": orcpt.parse,
        b"BY": deliverby.parse,
        b"HOLDFOR": futurerelease.parse_hold_for,
        b"HOLDUNTIL": futurerelease.parse_hold_until,
        b"MT-PRIORITY": priority.parse,
        b"RRVS": rrvs.parse,
        b"SOLICIT": soliciting.parse,
        b"MTRK": mtrk.parse,
        b"SUBMITTER": submitter.parse,
    }
)
"""What turns the value of each parameter into a Python value, or raises ParseError. A parameter without a value
has none here: it is True."""

UTF8_READERS: Final[Mapping[bytes, Reader]] = MappingProxyType(
    {
        b"AUTH": partial(auth.parse, utf8=True),
        b"ORCPT": partial(orcpt.parse, utf8=True),
        b"SUBMITTER": partial(submitter.parse, utf8=True),
    }
)
"""The readers of those that carry addresses, where SMTPUTF8 was asked for (RFC 6531 3.3, RFC 6533 3)."""

# RFC 5321 4.1.2: esmtp-keyword, and esmtp-value with the UTF8-non-ascii of RFC 6531 3.3.
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^ ]*))?")
_VALUE = re.compile(rb"[!-<>-~\x80-\xff]+")
_HELO_PARAMETERS = (b"SIZE", b"BODY")
_SMTPUTF8 = (b"MAIL", b"SMTPUTF8")

_BAD_FORM = Reply(501, "Parameters that cannot be read", "5.5.4")
_TOO_MANY = Reply(501, "Too many parameters", "5.5.4")
_FAULT = Reply(451, "Local error in processing", "4.3.0")
_BAD_OCTETS = Reply(501, "Octets that are not allowed in a parameter", "5.5.2")
_UNKNOWN = Reply(555, "A parameter that was not announced", "5.5.4")
_AFTER_HELO = Reply(555, "No parameters are known after HELO", "5.5.4")


def parse_parameters(verb: bytes, text: bytes, grammar: Grammar) -> Mapping[str, object]:
    """Read what stands behind the path, from the first SP on (RFC 5321 4.1.1.11).

    Raises:
        CommandError: 501 for the form, a repetition or a value, 555 for what is not in force; 530 for what
            needs TLS first.
    """
    if text[:1] != b" ":
        raise CommandError(_BAD_FORM)
    words = text[1:].split(b" ")
    if len(words) > grammar.max_params:
        raise CommandError(_TOO_MANY)
    # MAIL asks for itself; RCPT goes by what the MAIL of the transaction asked for.
    utf8 = asks_for_utf8(text, grammar) if verb == b"MAIL" else grammar.utf8
    params: dict[str, object] = {}
    for word in words:
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise CommandError(_BAD_FORM)
        keyword = match[1].upper()
        # Whether it is in force comes first: what is not known has no form that could be wrong.
        refusal = _not_in_force(verb, keyword, grammar)
        if refusal is not None:
            raise CommandError(refusal)
        row = grammar.extensions.parameters.get((verb, keyword))
        enhanced = row.enhanced if row is not None else "5.5.4"
        name = keyword.decode("ascii")
        if name in params:
            raise CommandError(Reply(501, f"{name} is given twice", enhanced))
        value = match[2]
        if row is not None and row.value is Value.NONE:
            if value is not None:
                raise CommandError(Reply(501, f"{name} takes no value", enhanced))
        elif value is None or not _VALUE.fullmatch(value):
            raise CommandError(Reply(501, f"{name} needs a value, which has no = in it", enhanced))
        if value is None:
            params[name] = True
            continue
        read = READERS[keyword] if row is None or row.read is None else row.read
        if utf8:
            read = UTF8_READERS.get(keyword, read)
        if not value.isascii() and not (utf8 and keyword in UTF8_READERS):
            raise CommandError(_BAD_OCTETS)
        try:
            params[name] = read(value)
        except CommandError:
            raise  # A reader that the application has registered may have a reply of its own.
        except ParseError as error:
            raise CommandError(Reply(501, f"{name}: {error}", enhanced)) from None
        except ValueError as error:
            # What int() and decode() raise in a reader that the application has registered.
            raise CommandError(Reply(501, f"{name}: a value that cannot be read", enhanced)) from error
        except Exception as error:
            raise CommandError(_FAULT) from error
    return params


def _not_in_force(verb: bytes, keyword: bytes, grammar: Grammar) -> Reply | None:
    """The reply to a parameter that is not in force, None for one that is (RFC 5321 4.1.1.11)."""
    if (verb, keyword) in grammar.extensions.parameters:
        return None
    if grammar.extended:
        return grammar.withheld.get((verb, keyword), _UNKNOWN)
    lenient = grammar.leniencies.helo_params and verb == b"MAIL" and keyword in _HELO_PARAMETERS
    return None if lenient else _AFTER_HELO


def is_utf8_announced(grammar: Grammar) -> bool:
    """Whether SMTPUTF8 is on offer: without it no command has other octets than ASCII (RFC 5321 2.4)."""
    return _SMTPUTF8 in grammar.extensions.parameters


def asks_for_utf8(text: bytes, grammar: Grammar) -> bool:
    """Whether the parameters of a MAIL command ask for SMTPUTF8, which applies to the path before them too."""
    return is_utf8_announced(grammar) and b"SMTPUTF8" in text.upper().split(b" ")


def value_of(params: Mapping[str, object], keyword: str, kind: type[_T]) -> _T | None:
    """The value of a parameter, None where the parameter is missing or was put there as something else."""
    value = params.get(keyword)
    return value if isinstance(value, kind) else None
