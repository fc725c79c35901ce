"""The dialogue of either role: where it stands, what may come now, and where a reply leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from smtpcore.errors import LocalProtocolError
from smtpcore.replies import Reply
from smtpcore.spec import COMMANDS, Availability, Dialect, Guard, Rule, State


class Dialogue:
    """The state of a dialogue and the facts beside it. Every transition is read from the table.

    Args:
        table: The rules by verb; the module's own by default, or one that an application's verbs were
            merged into.
        tls: A TLS layer was there from the first octet (RFC 8314 3.3).
    """

    __slots__ = ("authenticated", "extended", "state", "table", "tls")

    state: State
    extended: bool
    """EHLO or LHLO came last, not HELO."""
    tls: bool
    """A TLS layer is on."""
    authenticated: bool
    """AUTH has succeeded."""

    def __init__(self, table: Mapping[bytes, Rule] = COMMANDS, *, tls: bool = False) -> None:
        self.table = table
        self.state = State.CONNECTED
        self.extended = False
        self.tls = tls
        self.authenticated = False

    def allows(self, rule: Rule) -> bool:
        """Whether a verb is in order now: its state and its guards."""
        if self.state not in rule.negative:
            return False
        for guard in rule.guards:
            if guard is Guard.EXTENDED and not self.extended:
                return False
            if guard is Guard.CLEAR and self.tls:
                return False
            if guard is Guard.ANONYMOUS and self.authenticated:
                return False
        return True

    def target(self, rule: Rule, reply: Reply) -> State:
        """Where this reply to this verb leads.

        Raises:
            LocalProtocolError: A reply of this class cannot answer the verb.
        """
        if reply.close:
            return State.CLOSED
        code = reply.code
        moves = rule.negative if code >= 400 else rule.positive if code < 300 else rule.intermediate
        if moves is None:
            verb = rule.verb.decode("ascii")
            raise LocalProtocolError(f"{code} cannot answer {verb}; send a reply of another class")
        return moves[self.state]

    def restart(self) -> None:
        """Forget what was learnt before a TLS handshake, and stand behind the greeting (RFC 3207 4.2)."""
        self.state = State.GREETED
        self.tls = True
        self.extended = False
        self.authenticated = False


def select(dialect: Dialect, served: frozenset[bytes], table: Mapping[bytes, Rule] = COMMANDS) -> Mapping[bytes, Rule]:
    """The table of one configuration: the verbs of a dialect, those that are off marked or left out.

    Args:
        dialect: Verbs of the other one are unknown: 500.
        table: Every verb that is known.
        served: The optional verbs that are on; the rest is 502, or 500 where it hides.
    """
    rules = {}
    for verb, rule in table.items():
        if dialect not in rule.dialects:
            continue
        on = rule.availability is Availability.ALWAYS or (
            verb in served and rule.availability is not Availability.NEVER
        )
        if on:
            rules[verb] = rule
        elif rule.availability is not Availability.HIDDEN:
            rules[verb] = replace(rule, enabled=False)
    return rules
