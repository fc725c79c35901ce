"""Extensions of the application's own: EHLO keywords, verbs, and parameters of MAIL and RCPT (RFC 5321 2.2.2).

They are merged into the tables of one configuration, never into the module's. A name that begins with X needs
nothing; any other should be that of a registered extension.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from smtpcore.spec import COMMANDS, EXTENSIONS, PARAMETERS, Argument, Extension, Guard, Parameter, Rule, State, Value

_VERB = re.compile(r"[A-Z][A-Z0-9-]{0,31}")
_KEYWORD = re.compile(r"[A-Z0-9][A-Z0-9-]{0,63}")


def is_custom_verb(name: str) -> bool:
    """Whether an application may register a verb of this name: in upper case, and none that is known already."""
    return _VERB.fullmatch(name) is not None and name.encode("ascii") not in COMMANDS


def _text(value: bytes) -> str:
    return value.decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomVerb:
    """A verb. Its reply may be a 2yz, 4yz or 5yz and leaves the state as it is.

    Raises:
        ValueError: The name is no verb, or one that is known already.
    """

    name: str
    """In upper case."""
    argument: Argument = Argument.OPTIONAL
    """What stands behind the verb. With NONE, a line that has something is 501; with REQUIRED, one that has not."""
    states: Collection[State] = (State.READY,)
    """Where it may be used."""
    extended: bool = True
    """Only after EHLO or LHLO."""
    holds: bool = False
    """Its reply may wait for those of the commands behind it (RFC 2920 3.1)."""
    before_tls: bool = False
    """Served before a TLS layer that is required."""
    before_auth: bool = False
    """Served before an authentication that is required."""

    def __post_init__(self) -> None:
        if not is_custom_verb(self.name):
            raise ValueError(f"{self.name!r} is no verb, or one that is known already")

    def rule(self) -> Rule:
        """The row of the table."""
        moves = {state: state for state in self.states}
        return Rule(
            self.name.encode(),
            negative=moves,
            positive=moves,
            argument=self.argument,
            guards=(Guard.EXTENDED,) if self.extended else (),
            holds=self.holds,
            before_tls=self.before_tls,
            before_auth=self.before_auth,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomParameter:
    """A parameter of MAIL or RCPT. Its value is in ``mail.params`` or ``rcpt.params`` under its keyword.

    Raises:
        ValueError: The name is no keyword, or one that is known already.
    """

    verb: Literal["MAIL", "RCPT"]
    keyword: str
    """In upper case."""
    room: int
    """Octets by which the line may grow: `` KEYWORD=value`` at its longest (RFC 5321 4.1.1.11)."""
    value: Value = Value.REQUIRED
    read: Callable[[bytes], object] = _text
    """Makes something of the value, which is printable ASCII without ``=``. It raises ParseError or
    another ValueError for 501 5.5.4, or CommandError for a reply of its own; whatever else it raises is 451 4.3.0."""

    def __post_init__(self) -> None:
        known = {row.keyword for row in PARAMETERS}
        if not _KEYWORD.fullmatch(self.keyword) or self.keyword.encode() in known:
            raise ValueError(f"{self.keyword!r} is no parameter, or one that is known already")
        if self.room < len(self.keyword) + 1:
            raise ValueError(f"{self.keyword} needs more room than {self.room} octets on the line")

    def row(self, extension: str) -> Parameter:
        """The row of the table."""
        return Parameter(
            self.verb.encode(), self.keyword.encode(), extension, self.value, "application", read=self.read
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomExtension:
    """An EHLO keyword with what comes with it.

    Raises:
        ValueError: The keyword is none, or one that is known already.
    """

    keyword: str
    """In upper case."""
    text: str = ""
    """What stands behind the keyword in the EHLO reply."""
    verbs: Collection[CustomVerb] = ()
    """Verbs that are served with it."""
    parameters: Collection[CustomParameter] = ()
    """Parameters of MAIL and RCPT that are read with it."""

    def __post_init__(self) -> None:
        if not _KEYWORD.fullmatch(self.keyword) or self.keyword in EXTENSIONS:
            raise ValueError(f"{self.keyword!r} is no EHLO keyword, or one that is known already")

    def row(self) -> Extension:
        """The row of the table."""
        room = {
            verb: sum(parameter.room for parameter in self.parameters if parameter.verb == verb)
            for verb in ("MAIL", "RCPT")
        }
        return Extension(self.keyword, "application", mail=room["MAIL"], rcpt=room["RCPT"], bare=False)
