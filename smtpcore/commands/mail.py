"""MAIL: the reverse path and the parameters of the transaction (RFC 5321 4.1.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from smtpcore.commands.base import Command
from smtpcore.commands.path import PathReader
from smtpcore.errors import ParseError
from smtpcore.grammar import Grammar
from smtpcore.params import NO_PARAMETERS, asks_for_utf8, parse_parameters, value_of
from smtpcore.params.body import BodyType
from smtpcore.params.combinations import check_mail
from smtpcore.params.deliverby import DeliverBy
from smtpcore.params.dsn import Envid, Ret
from smtpcore.params.mtrk import Mtrk
from smtpcore.params.wire import write_parameters
from smtpcore.paths import Path

_reverse_path = PathReader(b"FROM:", "5.1.7", 550, asks_for_utf8)


@dataclass(slots=True)
class Mail(Command):
    """A mail transaction begins."""

    verb = b"MAIL"
    path: Path
    """The reverse path; null for a notification (RFC 5321 4.5.5)."""
    params: Mapping[str, object] = field(default_factory=dict)
    """The ESMTP parameters by keyword in upper case, each as the value its family gives it; True for one that
    takes no value."""

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read ``FROM:<path> params``."""
        path, end = _reverse_path(argument, grammar)
        if not path.domain and path.local:
            raise _reverse_path.error("The reverse path has no domain")
        if end == len(argument):
            return cls(path, NO_PARAMETERS)
        params = parse_parameters(b"MAIL", argument[end:], grammar)
        check_mail(params, grammar)
        return cls(path, params)

    def write_argument(self, grammar: Grammar) -> bytes:
        """``FROM:<path> params``."""
        if not self.path.domain and not self.path.is_null:
            raise ParseError("the reverse path needs a domain, or is Path('', '')")
        wire = b"FROM:" + self.path.to_wire()
        return wire + write_parameters(b"MAIL", self.params, grammar) if self.params else wire

    @property
    def size(self) -> int | None:
        """Octets the client declares for the content (RFC 1870 6)."""
        return value_of(self.params, "SIZE", int)

    @property
    def body(self) -> BodyType | None:
        """What octets the client declares for the content (RFC 6152 2)."""
        return value_of(self.params, "BODY", BodyType)

    @property
    def auth(self) -> Path | None:
        """Who the client says submitted the message; the null path when unknown (RFC 4954 5).

        Anyone can claim anything: see ``Envelope.auth`` for what may be believed.
        """
        return value_of(self.params, "AUTH", Path)

    @property
    def ret(self) -> Ret | None:
        """How much of the message a notification of failure brings back (RFC 3461 4.3)."""
        return value_of(self.params, "RET", Ret)

    @property
    def envid(self) -> Envid | None:
        """The sender's own name for the transaction (RFC 3461 4.4)."""
        return value_of(self.params, "ENVID", Envid)

    @property
    def smtputf8(self) -> bool:
        """The addresses or the header section may have UTF-8 in them (RFC 6531 3.4)."""
        return "SMTPUTF8" in self.params

    @property
    def requiretls(self) -> bool:
        """The message may travel over verified TLS only (RFC 8689 4).

        A notification of failure brings no more than its header section back, whatever `ret` says (RFC 8689 5).
        """
        return "REQUIRETLS" in self.params

    @property
    def by(self) -> DeliverBy | None:
        """By when the message is to be delivered (RFC 2852)."""
        return value_of(self.params, "BY", DeliverBy)

    @property
    def hold_for(self) -> int | None:
        """Seconds for which the message is to be held (RFC 4865)."""
        return value_of(self.params, "HOLDFOR", int)

    @property
    def hold_until(self) -> datetime | None:
        """The moment, aware and in UTC, until which the message is to be held (RFC 4865)."""
        return value_of(self.params, "HOLDUNTIL", datetime)

    @property
    def mt_priority(self) -> int | None:
        """The priority the client wants, -9 to 9 (RFC 6710); see ``Envelope.priority`` for what it gets."""
        return value_of(self.params, "MT-PRIORITY", int)

    @property
    def solicit(self) -> tuple[str, ...]:
        """The solicitation class keywords, none if none were given (RFC 3865 2.3)."""
        return value_of(self.params, "SOLICIT", tuple) or ()

    @property
    def mtrk(self) -> Mtrk | None:
        """A request to keep track of the message; `envid` is its name then (RFC 3885)."""
        return value_of(self.params, "MTRK", Mtrk)

    @property
    def submitter(self) -> Path | None:
        """The address held responsible for the message, by the client's word (RFC 4405)."""
        return value_of(self.params, "SUBMITTER", Path)

    @property
    def conperm(self) -> bool:
        """The content may be converted where its own header fields permit it (RFC 4141 4)."""
        return "CONPERM" in self.params
