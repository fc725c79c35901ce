"""The dialogue of either role: where it stands, what may come now, and where a reply leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from smtpcore.errors import LocalProtocolError, RemoteProtocolError
from smtpcore.replies import Reply
from smtpcore.spec import COMMANDS, Availability, Dialect, Guard, Rule, State

_CLOSED: Final = State.CLOSED
_CONNECTED: Final = State.CONNECTED
_SUCCESS: Final = Reply(250)
_FACTS: Final = ("accepted", "authenticated", "binary", "extended", "refused", "state", "table", "tls")


class Dialogue:
    """The state of a dialogue and the facts beside it. Every transition is read from the table.

    Args:
        table: The rules by verb; the module's own by default, or one that an application's verbs were
            merged into.
        tls: A TLS layer was there from the first octet (RFC 8314 3.3).
    """

    __slots__ = _FACTS

    state: State
    extended: bool
    """EHLO or LHLO came last, not HELO."""
    tls: bool
    """A TLS layer is on."""
    authenticated: bool
    """AUTH has succeeded."""
    accepted: int
    """Recipients accepted in the transaction."""
    binary: bool
    """The content of the transaction was declared to be BINARYMIME."""
    refused: int
    """Recipients refused in the transaction."""

    def __init__(self, table: Mapping[bytes, Rule] = COMMANDS, *, tls: bool = False) -> None:
        self.table = table
        self.state = _CONNECTED
        self.extended = False
        self.tls = tls
        self.authenticated = False
        self.accepted = 0
        self.refused = 0
        self.binary = False

    def allows(self, rule: Rule) -> bool:
        """Whether a verb is in order now: its state and its guards."""
        if self.state not in rule.negative:
            return False
        for guard in rule.guards:
            if guard is Guard.EXTENDED and not self.extended:
                return False
            if guard is Guard.CLEAR and self.tls:
                return False
            if guard is Guard.TEXT and self.binary:
                return False
            if guard is Guard.ANONYMOUS and self.authenticated:
                return False
        return True

    def target(self, rule: Rule, reply: Reply) -> State:
        """Where this reply to this verb leads.

        Raises:
            LocalProtocolError: A reply of this class cannot answer the verb.
        """
        code = reply.code
        moves = rule.positive if code < 300 else rule.negative if code >= 400 else rule.intermediate
        state = moves.get(self.state) if moves is not None else None
        if state is None:
            verb = rule.verb.decode("ascii")
            raise LocalProtocolError(f"{code} cannot answer {verb}; send a reply of another class")
        return _CLOSED if reply.close else state

    def reached(self, rule: Rule, reply: Reply) -> State:
        """Where this reply to this verb has led the server, as its client sees it.

        The client has sent the verb when it was in order, as far as it could know. Commands that it sent before may
        have failed since, and a server may take the verb all the same: a 354 behind a refused MAIL leads to DATA.

        Raises:
            RemoteProtocolError: A reply of this class cannot answer the verb.
        """
        if reply.close:
            return _CLOSED
        if reply.code >= 400:
            return rule.negative.get(self.state, self.state)
        moves = rule.positive if reply.code < 300 else rule.intermediate
        if moves is None:
            raise RemoteProtocolError(f"{reply.code} cannot answer {rule.verb.decode('ascii')}")
        state = moves.get(self.state)
        if state is not None:
            return state
        targets = set(moves.values())
        return targets.pop() if len(targets) == 1 else self.state

    def expect(self, rule: Rule) -> None:
        """Stand where the success of a verb will lead, which is in order now."""
        moves = rule.positive if rule.positive is not None else rule.intermediate
        assert moves is not None  # a verb that is served can succeed
        self.move(rule, _SUCCESS, moves.get(self.state, self.state))

    def stand_as(self, other: Dialogue) -> None:
        """Take over the state and the facts of another dialogue."""
        for name in _FACTS:
            setattr(self, name, getattr(other, name))

    def move(self, rule: Rule, reply: Reply, state: State) -> None:
        """Stand where ``target()`` said that this reply leads, with the facts that follow from it."""
        self.state = state
        effect = (_EFFECTS if reply.code < 400 else _REFUSAL_EFFECTS).get(rule.verb)
        if effect is not None and not rule.only_refused:
            effect(self, reply)

    def _begin(self, reply: Reply) -> None:
        self.accepted = 0
        self.refused = 0

    def _greet(self, reply: Reply) -> None:
        self._begin(reply)
        self.extended = False

    def _extend(self, reply: Reply) -> None:
        self._begin(reply)
        self.extended = True

    def _count(self, reply: Reply) -> None:
        self.accepted += 1

    def _refuse(self, reply: Reply) -> None:
        self.refused += 1

    def _authenticate(self, reply: Reply) -> None:
        self.authenticated = reply.positive

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
        served: The optional verbs that are on; the rest is 502, or 500 where it hides.
        table: Every verb that is known.
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


_EFFECTS: Final[Mapping[bytes, Callable[[Dialogue, Reply], None]]] = {
    b"EHLO": Dialogue._extend,
    b"LHLO": Dialogue._extend,
    b"HELO": Dialogue._greet,
    b"XCLIENT": Dialogue._greet,
    b"MAIL": Dialogue._begin,
    b"RCPT": Dialogue._count,
    b"RSET": Dialogue._begin,
    b"AUTH": Dialogue._authenticate,
    b"=": Dialogue._authenticate,
    b".": Dialogue._begin,
    b"BDAT LAST": Dialogue._begin,
}
"""What a 2yz or 3yz changes beside the state."""

_REFUSAL_EFFECTS: Final[Mapping[bytes, Callable[[Dialogue, Reply], None]]] = {
    b"RCPT": Dialogue._refuse,
    # RFC 5321 4.1.1.4: the buffers are cleared whatever the answer.
    b".": Dialogue._begin,
    b"BDAT LAST": Dialogue._begin,
}
"""What a 4yz or 5yz changes beside the state."""
