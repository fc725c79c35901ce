"""The table of commands: where each verb may stand, where its reply leads, and what else is fixed about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from smtpcore.spec.states import LIVE, Dialect, State

BASE_LINE: Final = 512
"""Octets of a command line with its CRLF that must be taken, extensions apart (RFC 5321 4.5.3.1.4)."""
AUTH_LINE: Final = 12288
"""Octets of an AUTH command or a SASL response line with its CRLF (RFC 4954 4)."""


class Argument(Enum):
    """Whether a verb takes an argument; the two faults are 501 before the order is looked at."""

    NONE = "none"
    REQUIRED = "required"
    OPTIONAL = "optional"


class Availability(Enum):
    """What is served without being asked for, and how a verb that is off is answered."""

    ALWAYS = "always"
    """Cannot be turned off."""
    OPTIONAL = "optional"
    """Served when configured, 502 otherwise (RFC 5321 4.2.4)."""
    HIDDEN = "hidden"
    """Served when configured, 500 otherwise, as if the verb did not exist."""
    NEVER = "never"
    """Recognised and refused: 502."""


class Guard(Enum):
    """A condition beside the state; a verb whose guard fails is out of order (503)."""

    EXTENDED = "extended"
    """EHLO or LHLO came last, not HELO."""
    CLEAR = "clear"
    """No TLS layer is on."""
    TEXT = "text"
    """The content was not declared to be binary, which has no lines and so no dot to end it (RFC 3030 3)."""
    ANONYMOUS = "anonymous"
    """No AUTH has succeeded in this session (RFC 4954 4)."""


Moves: TypeAlias = Mapping[State, State]
"""From each state in which a verb is allowed to the state its reply leads to."""


def _to(target: State, *origins: State) -> Moves:
    return MappingProxyType(dict.fromkeys(origins, target))


def _stay(*states: State) -> Moves:
    return MappingProxyType({state: state for state in states})


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table: one verb, or one of the things that are answered like a verb."""

    verb: bytes
    """In upper case; what is no command has a name that no verb can have."""
    negative: Moves
    """What a 4yz or 5yz leads to. Its keys are the states in which the verb is allowed."""
    positive: Moves | None = None
    """What a 2yz leads to; None when a 2yz cannot answer this verb."""
    intermediate: Moves | None = None
    """What a 3yz leads to; None when a 3yz cannot answer this verb."""
    argument: Argument = Argument.NONE
    availability: Availability = Availability.ALWAYS
    dialects: tuple[Dialect, ...] = (Dialect.SMTP, Dialect.LMTP)
    guards: tuple[Guard, ...] = ()
    keyword: str | None = None
    """The EHLO keyword that announces the verb."""
    holds: bool = False
    """Its reply may wait for others and it may stand anywhere in a pipelined group (RFC 2920 3.1, 3.2)."""
    enhanced: bool = True
    """Replies carry an enhanced status code (RFC 2034 4 excludes some); a 3yz never does."""
    before_tls: bool = False
    """Served before a TLS layer that is required (RFC 3207 4)."""
    before_auth: bool = False
    """Served before an authentication that is required (RFC 4954 6)."""
    payload: bool = False
    """Octets follow the line, and are read before it is answered."""
    utf8: bool = False
    """Its argument may have UTF-8 in it where SMTPUTF8 was announced (RFC 6531 3.3, 3.7.4.2)."""
    enabled: bool = True
    """False in the table of a configuration that does not serve the verb: 502."""
    clause: str = ""
    """Where it is specified."""

    @property
    def only_refused(self) -> bool:
        """Whether nothing but a refusal can answer it, as where a verb is out of order; then nothing changes."""
        return self.positive is None and self.intermediate is None

    def allowed_in(self, state: State) -> bool:
        """Whether the verb may be used in this state, guards apart."""
        return state in self.negative


GREETING: Final = Rule(
    b"(greeting)",
    positive=_to(State.GREETED, State.CONNECTED),
    negative=_to(State.REFUSED, State.CONNECTED),
    enhanced=False,
    clause="RFC 5321 4.3.1",
)
UNKNOWN: Final = Rule(b"(unknown)", negative=_stay(*LIVE, State.REFUSED), clause="RFC 5321 4.2.4")
"""A line without a known verb. Its reply is not held back (RFC 2920 3.2)."""
END_OF_DATA: Final = Rule(
    b".",
    positive=_to(State.READY, State.DATA),
    negative=_to(State.READY, State.DATA),
    holds=True,
    clause="RFC 5321 4.1.1.4",
)
SASL: Final = Rule(
    b"=",
    positive=_to(State.READY, State.AUTH),
    intermediate=_to(State.AUTH, State.AUTH),
    negative=_to(State.READY, State.AUTH),
    clause="RFC 4954 4",
)
BDAT_LAST: Final = Rule(
    b"BDAT LAST",
    positive=_to(State.READY, State.RCPT, State.BDAT),
    negative=_to(State.READY, State.RCPT, State.BDAT, State.BDAT_FAILED),
    argument=Argument.REQUIRED,
    availability=Availability.OPTIONAL,
    guards=(Guard.EXTENDED,),
    keyword="CHUNKING",
    holds=True,
    payload=True,
    clause="RFC 3030 2",
)


def _hello(verb: bytes, dialect: Dialect, clause: str, *, before_tls: bool = True) -> Rule:
    return Rule(
        verb,
        positive=_to(State.READY, *LIVE),
        negative=_stay(*LIVE),
        argument=Argument.REQUIRED,
        dialects=(dialect,),
        enhanced=False,
        before_tls=before_tls,
        before_auth=True,
        clause=clause,
    )


def _enquiry(verb: bytes, clause: str, argument: Argument, availability: Availability) -> Rule:
    return Rule(
        verb,
        positive=_stay(*LIVE),
        negative=_stay(*LIVE),
        argument=argument,
        availability=availability,
        keyword=None if availability is Availability.ALWAYS else verb.decode(),
        before_tls=verb == b"NOOP",
        before_auth=verb == b"NOOP",
        utf8=verb in (b"VRFY", b"EXPN"),
        clause=clause,
    )


def _never(verb: bytes, clause: str) -> Rule:
    return Rule(verb, negative=_stay(*LIVE), argument=Argument.OPTIONAL, availability=Availability.NEVER, clause=clause)


_RULES = (
    _hello(b"HELO", Dialect.SMTP, "RFC 5321 4.1.1.1", before_tls=False),
    _hello(b"EHLO", Dialect.SMTP, "RFC 5321 4.1.1.1"),
    _hello(b"LHLO", Dialect.LMTP, "RFC 2033 4.1"),
    Rule(
        b"MAIL",
        positive=_to(State.MAIL, State.READY),
        negative=_stay(State.READY),
        argument=Argument.REQUIRED,
        holds=True,
        utf8=True,
        clause="RFC 5321 4.1.1.2",
    ),
    Rule(
        b"RCPT",
        positive=_to(State.RCPT, State.MAIL, State.RCPT),
        negative=_stay(State.MAIL, State.RCPT),
        argument=Argument.REQUIRED,
        holds=True,
        utf8=True,
        clause="RFC 5321 4.1.1.3",
    ),
    Rule(
        b"DATA",
        intermediate=_to(State.DATA, State.RCPT),
        negative=_stay(State.RCPT),
        guards=(Guard.TEXT,),
        clause="RFC 5321 4.1.1.4",
    ),
    Rule(
        b"BDAT",
        positive=_to(State.BDAT, State.RCPT, State.BDAT),
        negative=_to(State.BDAT_FAILED, State.RCPT, State.BDAT, State.BDAT_FAILED),
        argument=Argument.REQUIRED,
        availability=Availability.OPTIONAL,
        guards=(Guard.EXTENDED,),
        keyword="CHUNKING",
        holds=True,
        payload=True,
        clause="RFC 3030 2",
    ),
    Rule(
        b"RSET",
        positive=MappingProxyType({**dict.fromkeys(LIVE, State.READY), State.GREETED: State.GREETED}),
        negative=_stay(*LIVE),
        holds=True,
        before_auth=True,
        clause="RFC 5321 4.1.1.5",
    ),
    _enquiry(b"NOOP", "RFC 5321 4.1.1.9", Argument.OPTIONAL, Availability.ALWAYS),
    _enquiry(b"VRFY", "RFC 5321 4.1.1.6", Argument.REQUIRED, Availability.ALWAYS),
    _enquiry(b"EXPN", "RFC 5321 4.1.1.7", Argument.REQUIRED, Availability.OPTIONAL),
    _enquiry(b"HELP", "RFC 5321 4.1.1.8", Argument.OPTIONAL, Availability.OPTIONAL),
    Rule(
        b"STARTTLS",
        positive=_to(State.TLS_HANDSHAKE, State.READY),
        negative=_stay(State.READY),
        availability=Availability.OPTIONAL,
        guards=(Guard.EXTENDED, Guard.CLEAR),
        keyword="STARTTLS",
        before_tls=True,
        before_auth=True,
        clause="RFC 3207 4",
    ),
    Rule(
        b"AUTH",
        positive=_stay(State.READY),
        intermediate=_to(State.AUTH, State.READY),
        negative=_stay(State.READY),
        argument=Argument.REQUIRED,
        availability=Availability.OPTIONAL,
        guards=(Guard.EXTENDED, Guard.ANONYMOUS),
        keyword="AUTH",
        before_auth=True,
        clause="RFC 4954 4",
    ),
    Rule(
        b"ETRN",
        positive=_stay(State.READY),
        negative=_stay(State.READY),
        argument=Argument.REQUIRED,
        availability=Availability.OPTIONAL,
        guards=(Guard.EXTENDED,),
        keyword="ETRN",
        clause="RFC 1985 5",
    ),
    Rule(
        b"XCLIENT",
        positive=_to(State.GREETED, State.GREETED, State.READY),
        negative=_stay(State.GREETED, State.READY),
        argument=Argument.REQUIRED,
        availability=Availability.HIDDEN,
        keyword="XCLIENT",
        before_tls=True,
        before_auth=True,
        clause="Postfix XCLIENT_README",
    ),
    Rule(
        b"XFORWARD",
        positive=_stay(State.GREETED, State.READY),
        negative=_stay(State.GREETED, State.READY),
        argument=Argument.REQUIRED,
        availability=Availability.HIDDEN,
        keyword="XFORWARD",
        holds=True,
        before_tls=True,
        before_auth=True,
        clause="Postfix XFORWARD_README",
    ),
    Rule(
        b"QUIT",
        positive=_to(State.CLOSED, *LIVE, State.REFUSED),
        negative=_stay(*LIVE, State.REFUSED),
        before_tls=True,
        before_auth=True,
        clause="RFC 5321 4.1.1.10",
    ),
    _never(b"ATRN", "RFC 2645"),
    _never(b"BURL", "RFC 4468"),
    _never(b"TURN", "RFC 5321 F.1"),
    _never(b"SEND", "RFC 5321 F.6"),
    _never(b"SOML", "RFC 5321 F.6"),
    _never(b"SAML", "RFC 5321 F.6"),
)

COMMANDS: Final[Mapping[bytes, Rule]] = MappingProxyType({rule.verb: rule for rule in _RULES})
"""Every verb that is known, by its name in upper case."""

PSEUDO: Final = (GREETING, UNKNOWN, END_OF_DATA, SASL, BDAT_LAST)
"""The rows for what is answered like a command and is none, or is a command's second form."""
