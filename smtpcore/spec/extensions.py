"""The tables of ESMTP parameters and of EHLO keywords."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class Value(Enum):
    """Whether an ESMTP parameter has a value behind ``=``."""

    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A row of the parameter table: one ESMTP parameter of MAIL or RCPT (RFC 5321 4.1.1.11)."""

    verb: bytes
    keyword: bytes
    """In upper case."""
    extension: str
    """The EHLO keyword that must be in force."""
    value: Value
    clause: str
    enhanced: str = "5.5.4"
    """The enhanced status code of the 501 to a value that cannot be read, or to a repetition."""
    read: Callable[[bytes], object] | None = None
    """What makes something of the value, for a parameter that an application has registered."""


PARAMETERS: Final = (
    Parameter(b"MAIL", b"SIZE", "SIZE", Value.REQUIRED, "RFC 1870 3"),
    Parameter(b"MAIL", b"BODY", "8BITMIME", Value.REQUIRED, "RFC 6152 2"),
    Parameter(b"MAIL", b"AUTH", "AUTH", Value.REQUIRED, "RFC 4954 5"),
    Parameter(b"MAIL", b"RET", "DSN", Value.REQUIRED, "RFC 3461 4.3"),
    Parameter(b"MAIL", b"ENVID", "DSN", Value.REQUIRED, "RFC 3461 4.4"),
    Parameter(b"RCPT", b"NOTIFY", "DSN", Value.REQUIRED, "RFC 3461 4.1"),
    Parameter(b"RCPT", b"ORCPT", "DSN", Value.REQUIRED, "RFC 3461 4.2"),
    Parameter(b"MAIL", b"SMTPUTF8", "SMTPUTF8", Value.NONE, "RFC 6531 3.4"),
    Parameter(b"MAIL", b"REQUIRETLS", "REQUIRETLS", Value.NONE, "RFC 8689 2"),
    Parameter(b"MAIL", b"BY", "DELIVERBY", Value.REQUIRED, "RFC 2852 4"),
    Parameter(b"MAIL", b"HOLDFOR", "FUTURERELEASE", Value.REQUIRED, "RFC 4865 3"),
    Parameter(b"MAIL", b"HOLDUNTIL", "FUTURERELEASE", Value.REQUIRED, "RFC 4865 3"),
    Parameter(b"MAIL", b"MT-PRIORITY", "MT-PRIORITY", Value.REQUIRED, "RFC 6710 4.1", enhanced="5.5.2"),
    Parameter(b"RCPT", b"RRVS", "RRVS", Value.REQUIRED, "RFC 7293 3.1"),
    Parameter(b"MAIL", b"SOLICIT", "NO-SOLICITING", Value.REQUIRED, "RFC 3865 2.3"),
    Parameter(b"MAIL", b"MTRK", "MTRK", Value.REQUIRED, "RFC 3885 3.1"),
    Parameter(b"MAIL", b"SUBMITTER", "SUBMITTER", Value.REQUIRED, "RFC 4405 4"),
    Parameter(b"MAIL", b"CONPERM", "CONPERM", Value.NONE, "RFC 4141 4.2"),
    Parameter(b"RCPT", b"CONNEG", "CONNEG", Value.NONE, "RFC 4141 5.2"),
)


@dataclass(frozen=True, slots=True)
class Extension:
    """A row of the extension table: one EHLO keyword (RFC 5321 2.2)."""

    keyword: str
    clause: str
    mail: int = 0
    """Octets by which the MAIL line may grow (RFC 5321 4.1.1.11)."""
    rcpt: int = 0
    """Octets by which the RCPT line may grow."""
    requires: str | None = None
    """A keyword that must be announced with it."""
    bare: bool = True
    """The keyword stands alone, without parameters."""


EXTENSIONS: Final[Mapping[str, Extension]] = MappingProxyType(
    {
        row.keyword: row
        for row in (
            Extension("PIPELINING", "RFC 2920"),
            Extension("SIZE", "RFC 1870", mail=26, bare=False),
            Extension("8BITMIME", "RFC 6152", mail=14),
            Extension("ENHANCEDSTATUSCODES", "RFC 2034"),
            Extension("STARTTLS", "RFC 3207"),
            Extension("CHUNKING", "RFC 3030"),
            # RFC 3030 3: BODY=BINARYMIME is two octets longer than BODY=8BITMIME.
            Extension("BINARYMIME", "RFC 3030", mail=2, requires="CHUNKING"),
            Extension("AUTH", "RFC 4954", mail=500, bare=False),
            # RFC 3885 2 states 107 for ENVID and 507 for ORCPT; RET and NOTIFY at their longest come on top.
            Extension("DSN", "RFC 3461", mail=107 + 9, rcpt=507 + 29),
            Extension("SMTPUTF8", "RFC 6531", mail=10, requires="8BITMIME"),
            Extension("REQUIRETLS", "RFC 8689", mail=11),
            Extension("LIMITS", "RFC 9422", bare=False),
            Extension("DELIVERBY", "RFC 2852", mail=17, bare=False),
            Extension("FUTURERELEASE", "RFC 4865", mail=34, bare=False),
            Extension("MT-PRIORITY", "RFC 6710", mail=15, bare=False),
            Extension("RRVS", "RFC 7293", rcpt=33),
            Extension("NO-SOLICITING", "RFC 3865", mail=1007, bare=False),
            Extension("MTRK", "RFC 3885", mail=40, requires="DSN"),
            # RFC 4405 and RFC 4141 give no numbers: the longest that the grammar allows.
            Extension("SUBMITTER", "RFC 4405", mail=780),
            Extension("CONPERM", "RFC 4141", mail=8),
            Extension("CONNEG", "RFC 4141", rcpt=7),
            Extension("EXPN", "RFC 5321 4.1.1.7"),
            Extension("HELP", "RFC 5321 4.1.1.8"),
            Extension("ETRN", "RFC 1985"),
            Extension("XCLIENT", "Postfix XCLIENT_README", bare=False),
            Extension("XFORWARD", "Postfix XFORWARD_README", bare=False),
        )
    }
)
