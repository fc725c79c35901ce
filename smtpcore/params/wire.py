"""The ESMTP parameters as a client sends them: a writer for each, and the rules common to all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

from smtpcore.errors import ParseError
from smtpcore.grammar import Grammar
from smtpcore.params import auth, futurerelease, mailbox, priority, size, soliciting
from smtpcore.params.body import BodyType
from smtpcore.params.deliverby import DeliverBy
from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.params.mtrk import Mtrk
from smtpcore.params.orcpt import Orcpt
from smtpcore.params.rrvs import Rrvs
from smtpcore.paths import Path
from smtpcore.spec import Value
from smtpcore.utf8 import encode

_T = TypeVar("_T")
Writer: TypeAlias = Callable[[object, bool], bytes]
"""Makes octets of a value of its own type, or raises ParseError. True is for a transaction with SMTPUTF8."""

# RFC 5321 4.1.2: esmtp-keyword as this library writes it, and esmtp-value with the UTF8-non-ascii of RFC 6531 3.3.
_KEYWORD = re.compile(r"[A-Z0-9][A-Z0-9-]*")
_VALUE = re.compile(rb"[!-<>-~\x80-\xff]+")


def _writer(kind: type[_T], write: Callable[[_T, bool], bytes]) -> Writer:
    def checked(value: object, utf8: bool) -> bytes:
        # The parameters are a mapping to any object, so that here is the one place where types are looked at.
        if not isinstance(value, kind):
            raise ParseError(f"give it a value of the type {kind.__name__}")
        return write(value, utf8)

    return checked


WRITERS: Final[Mapping[bytes, Writer]] = MappingProxyType(
    {
        b"SIZE": _writer(int, lambda octets, _: size.write(octets)),
        b"BODY": _writer(BodyType, lambda body, _: body.value.encode("ascii")),
        b"AUTH": _writer(Path, lambda path, utf8: auth.write(path, utf8=utf8)),
        b"RET": _writer(Ret, lambda ret, _: ret.value.encode("ascii")),
        b"ENVID": _writer(Envid, lambda envid, _: envid.to_wire()),
        b"NOTIFY": _writer(Notify, lambda notify, _: notify.to_wire()),
        b"ORCPT": _writer(Orcpt, lambda orcpt, utf8: orcpt.to_wire(utf8=utf8)),
        b"BY": _writer(DeliverBy, lambda by, _: by.to_wire()),
        b"HOLDFOR": _writer(int, lambda seconds, _: futurerelease.write_hold_for(seconds)),
        b"HOLDUNTIL": _writer(datetime, lambda moment, _: futurerelease.write_hold_until(moment)),
        b"MT-PRIORITY": _writer(int, lambda level, _: priority.write(level)),
        b"RRVS": _writer(Rrvs, lambda rrvs, _: rrvs.to_wire()),
        b"SOLICIT": _writer(tuple, lambda keywords, _: soliciting.write(keywords)),
        b"MTRK": _writer(Mtrk, lambda mtrk, _: mtrk.to_wire()),
        b"SUBMITTER": _writer(Path, lambda path, utf8: mailbox.write(path, utf8=utf8)),
    }
)
"""What makes octets of the value of each parameter. A parameter without a value has none here: it is True."""


def write_parameters(verb: bytes, params: Mapping[str, object], grammar: Grammar) -> bytes:
    """What stands behind the path, with a space before each parameter, in the order of the mapping.

    Raises:
        ParseError: A parameter is not in force, or its value is of another type or cannot be sent.
    """
    # MAIL asks for itself; RCPT goes by what the MAIL of the transaction asked for.
    utf8 = "SMTPUTF8" in params if verb == b"MAIL" else grammar.utf8
    return b"".join([b" " + _written(verb, name, value, grammar, utf8) for name, value in params.items()])


def _written(verb: bytes, name: str, value: object, grammar: Grammar, utf8: bool) -> bytes:
    if not _KEYWORD.fullmatch(name):
        raise ParseError("name a parameter by its keyword in upper case")
    keyword = name.encode("ascii")
    row = grammar.extensions.parameters.get((verb, keyword))
    if not grammar.extended:
        raise ParseError("there are no parameters after HELO; say EHLO, or leave them out")
    if row is None:
        raise ParseError(f"{name} was not announced; leave it out")
    if row.value is Value.NONE:
        if value is not True:
            raise ParseError(f"{name} has no value; give True, or leave it out")
        return keyword
    try:
        wire = _custom(value) if row.read is not None else WRITERS[keyword](value, utf8)
    except ParseError as error:
        raise ParseError(f"{name}: {error}") from None
    # With neither a space nor a "=" in it, no value can be read as more than one parameter (T-REPLY).
    if not _VALUE.fullmatch(wire):
        raise ParseError(f"{name}: a value has neither spaces nor control characters nor = in it, and is not empty")
    return b"%b=%b" % (keyword, wire)


def _custom(value: object) -> bytes:
    """The value of a parameter of the application's own, which is written as it is."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return encode(value)
    raise ParseError("give it str or bytes")
