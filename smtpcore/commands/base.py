"""What all commands have in common."""

from __future__ import annotations

from typing import ClassVar, Self

from smtpcore.events import Event
from smtpcore.grammar import Grammar


class Command(Event):
    """A command line: the event the server reports and, equal to it, what a client sends."""

    __slots__ = ()
    verb: ClassVar[bytes]

    @classmethod
    def parse(cls, argument: bytes, grammar: Grammar) -> Self:
        """Read the argument, which has been stripped of trailing white space.

        Raises:
            CommandError: The argument is wrong; the exception has the reply.
        """
        raise NotImplementedError

    def write_argument(self, grammar: Grammar) -> bytes:
        """What a client writes behind the verb and a space; nothing if the verb stands alone.

        This says the form and no more. `smtpcore.commands.wire.to_wire` makes the line of it and judges every octet.

        Raises:
            ParseError: A field cannot be sent; the message says what can, and never quotes it.
        """
        raise NotImplementedError
