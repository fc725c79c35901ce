"""Parameters of MAIL that cannot stand together, or not without another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from smtpcore.grammar import CommandError
from smtpcore.params.dsn import Envid
from smtpcore.replies import Reply

# RFC 3885 3.2: unique-envid. Both parts are xtext, in which an "@" that belongs to neither may be encoded.
_UNIQUE = re.compile(rb"[^@]+@[^@]+")

_TWO_HOLDS: Final = Reply(501, "HOLDFOR and HOLDUNTIL exclude each other", "5.5.4")
_NOT_UNIQUE: Final = Reply(501, "MTRK needs an ENVID of the form local@host", "5.5.4")


def check_mail(params: Mapping[str, object]) -> None:
    """Look at what each parameter's own reader cannot see.

    Raises:
        CommandError: 501 5.5.4 for two times of release (RFC 4865 4.2), and for tracking without a unique
            envelope identifier (RFC 3885 3.2).
    """
    if "HOLDFOR" in params and "HOLDUNTIL" in params:
        raise CommandError(_TWO_HOLDS)
    if "MTRK" in params:
        envid = params.get("ENVID")
        if not isinstance(envid, Envid) or not _UNIQUE.fullmatch(envid.raw):
            raise CommandError(_NOT_UNIQUE)
