"""What a test wants to go wrong: rules for each stage of a session, and which of them applies."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal, Protocol, Self, TypeAlias

from smtpcore.replies import Reply

Stage: TypeAlias = Literal["connect", "auth", "mail", "rcpt", "data", "message"]

_DROPPED = Reply(421, "The connection is cut and nobody reads this")


class Line(Protocol):
    """The connection, as far as a rule has to do with it."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""

    def drop(self) -> None:
        """Cut the connection; nothing that is said from now on reaches the client."""


class Rule:
    """What happens at one stage, if it is about an address, or a user, that fits the pattern.

    A rule without `reply` or `drop` accepts. The methods return the rule, so that they can be written in a row::

        sink.on_rcpt("slow@*").delay(2).reply(451, "try again").times(1)
    """

    def __init__(self, stage: Stage, pattern: str) -> None:
        self._stage = stage
        self._pattern = pattern.casefold()
        self._reply: Reply | None = None
        self._drop = False
        self._seconds = 0.0
        self._left: int | None = None

    def reply(self, code: int, text: str = "As the test wants it", enhanced: str | None = None) -> Self:
        """Answer with this reply, whose class decides; a 421 closes the connection behind it.

        Args:
            code: 2yz, 4yz or 5yz.
            text: What a person reads.
            enhanced: The enhanced status code; by default the usual one for the code.

        Raises:
            ValueError: This is no such code, or no text of a reply.
        """
        reply = Reply(code, text, enhanced)
        if reply.intermediate:
            raise ValueError(f"a rule ends its command, and {code} does not: reply with 2yz, 4yz or 5yz")
        self._reply = reply
        return self

    def drop(self) -> Self:
        """Cut the connection in place of an answer."""
        self._drop = True
        return self

    def delay(self, seconds: float) -> Self:
        """Wait so long before the answer, or the cut."""
        self._seconds = seconds
        return self

    def times(self, number: int) -> Self:
        """Apply so many times, and never again."""
        self._left = number
        return self

    def fits(self, stage: Stage, subjects: Iterable[str]) -> bool:
        """Whether the rule is about this stage and one of these, and not used up."""
        return (
            self._stage == stage
            and self._left != 0
            and any(fnmatchcase(subject.casefold(), self._pattern) for subject in subjects)
        )

    def use(self) -> None:
        """Count one time."""
        if self._left is not None:
            self._left -= 1

    def act(self, line: Line) -> Reply | None:
        """Do what the rule says.

        Returns:
            The answer; None is yes.
        """
        if self._seconds:
            line.wait(self._seconds)
        if self._drop:
            line.drop()
            return _DROPPED
        return self._reply


class Script:
    """The rules of one server, for all its connections."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, stage: Stage, pattern: str) -> Rule:
        """A new rule, asked behind those that are there."""
        rule = Rule(stage, pattern)
        with self._lock:
            self._rules.append(rule)
        return rule

    def play(self, stage: Stage, subjects: Iterable[str], line: Line) -> Reply | None:
        """Apply the first rule that fits, if there is one.

        Args:
            stage: Where the session stands.
            subjects: What patterns are compared with, case aside.
            line: The connection.

        Returns:
            The answer; None is yes.
        """
        with self._lock:
            rule = next((rule for rule in self._rules if rule.fits(stage, subjects)), None)
            if rule is None:
                return None
            rule.use()
        return rule.act(line)
