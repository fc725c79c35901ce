"""RCPT: a recipient of the message (RFC 5321 4.1.1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.commands.path import PathReader
from smtpcore.grammar import Grammar
from smtpcore.params import NO_PARAMETERS, parse_parameters
from smtpcore.paths import Path

_forward_path = PathReader(b"TO:", "5.1.3")


@dataclass(slots=True)
class Rcpt(Command):
    """The transaction gets a recipient."""

    verb = b"RCPT"
    path: Path
    """The forward path; ``<Postmaster>`` has no domain (RFC 5321 4.5.1)."""
    params: Mapping[str, object] = field(default_factory=dict)
    """The ESMTP parameters by keyword in upper case, each as the value its family gives it."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``TO:<path> params``."""
        path, end = _forward_path(argument, grammar)
        if not path.local:
            raise _forward_path.error("The forward path is empty")
        return cls(path, parse_parameters(b"RCPT", argument[end:], grammar) if end < len(argument) else NO_PARAMETERS)
