"""RCPT: a recipient of the message (RFC 5321 4.1.1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.commands.path import PathReader
from smtpcore.errors import ParseError
from smtpcore.grammar import Grammar
from smtpcore.params import NO_PARAMETERS, parse_parameters, value_of
from smtpcore.params.dsn import Notify
from smtpcore.params.orcpt import Orcpt
from smtpcore.params.rrvs import Rrvs
from smtpcore.params.wire import write_parameters
from smtpcore.paths import Path

_forward_path = PathReader(b"TO:", "5.1.3", 553, lambda _, grammar: grammar.utf8)


@dataclass(slots=True)
class Rcpt(Command):
    """The transaction gets a recipient."""

    verb = b"RCPT"
    path: Path
    """The forward path; ``<Postmaster>`` has no domain (RFC 5321 4.5.1)."""
    params: Mapping[str, object] = field(default_factory=dict)
    """The ESMTP parameters by keyword in upper case, each as the value its family gives it; True for one that
    takes no value."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``TO:<path> params``."""
        path, end = _forward_path(argument, grammar)
        if not path.local:
            raise _forward_path.error("The forward path is empty")
        return cls(path, parse_parameters(b"RCPT", argument[end:], grammar) if end < len(argument) else NO_PARAMETERS)

    def write_argument(self, grammar: Grammar) -> bytes:
        """``TO:<path> params``."""
        if self.path.is_null:
            raise ParseError("the forward path needs an address")
        wire = b"TO:" + self.path.to_wire()
        return wire + write_parameters(b"RCPT", self.params, grammar) if self.params else wire

    @property
    def notify(self) -> Notify | None:
        """When a notification is due; None leaves it to the server (RFC 3461 4.1)."""
        return value_of(self.params, "NOTIFY", Notify)

    @property
    def orcpt(self) -> Orcpt | None:
        """The recipient as the sender knew it (RFC 3461 4.2)."""
        return value_of(self.params, "ORCPT", Orcpt)

    @property
    def rrvs(self) -> Rrvs | None:
        """The message is for the mailbox's owner since a moment only (RFC 7293).

        Who finds that there was another since answers 550 5.7.17, or 5.7.18 for the domain's owner, 5.7.19
        when it cannot be told.
        """
        return value_of(self.params, "RRVS", Rrvs)

    @property
    def conneg(self) -> bool:
        """The client wants the reply to list what content the recipient can take (RFC 4141 5)."""
        return "CONNEG" in self.params
