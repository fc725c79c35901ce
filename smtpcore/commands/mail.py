"""MAIL: the reverse path and the parameters of the transaction (RFC 5321 4.1.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.commands.path import PathReader
from smtpcore.grammar import Grammar
from smtpcore.params import NO_PARAMETERS, parse_parameters
from smtpcore.params.body import BodyType
from smtpcore.paths import Path

_reverse_path = PathReader(b"FROM:", "5.1.7")


@dataclass(slots=True)
class Mail(Command):
    """A mail transaction begins."""

    verb = b"MAIL"
    path: Path
    """The reverse path; null for a notification (RFC 5321 4.5.5)."""
    params: Mapping[str, object] = field(default_factory=dict)
    """The ESMTP parameters by keyword in upper case, each as the value its family gives it."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``FROM:<path> params``."""
        path, end = _reverse_path(argument, grammar)
        if not path.domain and path.local:
            raise _reverse_path.error("The reverse path has no domain")
        return cls(path, parse_parameters(b"MAIL", argument[end:], grammar) if end < len(argument) else NO_PARAMETERS)

    @property
    def size(self) -> int | None:
        """Octets the client declares for the content (RFC 1870 6)."""
        value = self.params.get("SIZE")
        return value if isinstance(value, int) else None

    @property
    def body(self) -> BodyType | None:
        """What octets the client declares for the content (RFC 6152 2)."""
        value = self.params.get("BODY")
        return value if isinstance(value, BodyType) else None

    @property
    def auth(self) -> Path | None:
        """Who the client says submitted the message; the null path when unknown (RFC 4954 5)."""
        value = self.params.get("AUTH")
        return value if isinstance(value, Path) else None
