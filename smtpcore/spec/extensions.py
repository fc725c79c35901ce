"""The tables of ESMTP parameters and of EHLO keywords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class Value(Enum):
    """Whether an ESMTP parameter has a value behind ``=``."""

    NONE = "none"
    REQUIRED = "required"
    OPTIONAL = "optional"


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


PARAMETERS: Final = (
    Parameter(b"MAIL", b"SIZE", "SIZE", Value.REQUIRED, "RFC 1870 3"),
    Parameter(b"MAIL", b"BODY", "8BITMIME", Value.REQUIRED, "RFC 6152 2"),
    Parameter(b"MAIL", b"AUTH", "AUTH", Value.REQUIRED, "RFC 4954 5"),
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
            Extension("AUTH", "RFC 4954", mail=500, bare=False),
            Extension("EXPN", "RFC 5321 4.1.1.7"),
            Extension("HELP", "RFC 5321 4.1.1.8"),
        )
    }
)
