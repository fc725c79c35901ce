"""What the readers of commands and parameters share: what is in force, and the fault they raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smtpcore.errors import ParseError
from smtpcore.extensions import NONE, Extensions
from smtpcore.leniencies import Leniencies
from smtpcore.replies import Reply


class CommandError(ParseError):
    """An argument that cannot be read, with the reply it deserves."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


@dataclass(slots=True)
class Grammar:
    """What the readers of arguments have to know of the dialogue: settings, and what EHLO put in force."""

    leniencies: Leniencies = field(default_factory=Leniencies)
    max_params: int = 20
    """ESMTP parameters that one command may have."""
    max_chunk: int | None = None
    """Octets of a BDAT chunk that are read, be it to drop them."""
    extensions: Extensions = NONE
    extended: bool = False
    """EHLO or LHLO came last, not HELO."""
    utf8: bool = False
    """The open transaction has asked for SMTPUTF8 (RFC 6531 3.4)."""
    withheld: Mapping[tuple[bytes, bytes], Reply] = field(default_factory=dict)
    """What to answer to a parameter that is not in force, by verb and keyword in upper case, where a plain
    555 would not say how to get it."""
