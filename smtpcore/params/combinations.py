"""Parameters of MAIL that cannot stand together, or not without another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from smtpcore.grammar import CommandError, Grammar
from smtpcore.params.body import BodyType
from smtpcore.params.dsn import Envid
from smtpcore.replies import Reply

# RFC 3885 3.2: unique-envid. Both parts are xtext, in which an "@" that belongs to neither may be encoded.
_UNIQUE = re.compile(rb"[^@]+@[^@]+")

# RFC 3030 3: a value that has to be announced by an extension of its own.
_NO_BINARY: Final = Reply(555, "BINARYMIME was not announced", "5.5.4")
_TWO_HOLDS: Final = Reply(501, "HOLDFOR and HOLDUNTIL exclude each other", "5.5.4")
_NOT_UNIQUE: Final = Reply(501, "MTRK needs an ENVID of the form local@host", "5.5.4")


def check_mail(params: Mapping[str, object], grammar: Grammar) -> None:
    """Look at what each parameter's own reader cannot see.

    Raises:
        CommandError: 555 5.5.4 for binary content that was not announced; 501 5.5.4 for two times of release
            (RFC 4865 4.2), and for tracking without a unique envelope identifier (RFC 3885 3.2).
    """
    if params.get("BODY") is BodyType.BINARY_MIME and "BINARYMIME" not in grammar.extensions:
        raise CommandError(_NO_BINARY)
    if "HOLDFOR" in params and "HOLDUNTIL" in params:
        raise CommandError(_TWO_HOLDS)
    if "MTRK" in params:
        envid = params.get("ENVID")
        if not isinstance(envid, Envid) or not _UNIQUE.fullmatch(envid.raw):
            raise CommandError(_NOT_UNIQUE)
