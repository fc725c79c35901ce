"""The commands whose argument is free text: NOOP, VRFY, EXPN, HELP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from smtpcore.commands.base import Command
from smtpcore.errors import ParseError
from smtpcore.grammar import CommandError, Grammar
from smtpcore.params import is_utf8_announced
from smtpcore.replies import Reply
from smtpcore.utf8 import decode, encode

_BAD_OCTETS: Final = Reply(501, "Octets that are not allowed in an argument", "5.5.2")


class _Text(Command):
    __slots__ = ()
    text: str

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Any printable ASCII will do; the connection has checked the octets (RFC 5321 3.5.1)."""
        return cls(argument.decode("ascii"))  # type: ignore[call-arg]

    def write_argument(self, grammar: Grammar) -> bytes:
        """The text, if there is one."""
        return encode(self.text)


@dataclass(slots=True)
class Noop(_Text):
    """Nothing, to see whether the server answers (RFC 5321 4.1.1.9)."""

    verb = b"NOOP"
    text: str = ""
    """Ignored, whatever it is."""


class _Enquiry(Command):
    __slots__ = ()
    text: str
    utf8: bool

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Any text; with SMTPUTF8 on offer also UTF-8, and the word itself behind it (RFC 6531 3.7.4.2)."""
        utf8 = False
        if is_utf8_announced(grammar):
            text, _, word = argument.rpartition(b" ")
            if word.upper() == b"SMTPUTF8" and text.strip(b" "):
                argument, utf8 = text, True
        try:
            return cls(decode(argument), utf8)  # type: ignore[call-arg]
        except ParseError:
            raise CommandError(_BAD_OCTETS) from None

    def write_argument(self, grammar: Grammar) -> bytes:
        """``text`` or ``text SMTPUTF8``."""
        if not self.text.strip(" "):
            raise ParseError("give it something to ask for")
        if not self.utf8:
            return encode(self.text)
        if not is_utf8_announced(grammar):
            raise ParseError("SMTPUTF8 is not announced; ask in ASCII and without utf8")
        return encode(self.text) + b" SMTPUTF8"


@dataclass(slots=True)
class Vrfy(_Enquiry):
    """Is this a user here (RFC 5321 4.1.1.6)."""

    verb = b"VRFY"
    text: str
    """An address with or without brackets, or a name; as sent."""
    utf8: bool = False
    """The client can take UTF-8 in the reply (RFC 6531 3.7.4.2)."""


@dataclass(slots=True)
class Expn(_Enquiry):
    """Who is on this list (RFC 5321 4.1.1.7)."""

    verb = b"EXPN"
    text: str
    """The list's name, as sent."""
    utf8: bool = False
    """The client can take UTF-8 in the reply (RFC 6531 3.7.4.2)."""


@dataclass(slots=True)
class Help(_Text):
    """What can be said here (RFC 5321 4.1.1.8)."""

    verb = b"HELP"
    text: str = ""
    """The subject, a verb for instance, or nothing."""
