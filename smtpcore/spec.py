"""The executable specification: states, commands, parameters, extensions and codes as data.

Nothing here does anything. Dispatch, the order checks, EHLO, HELP, the client's preconditions and the
documentation all read these tables, and none of them has a second copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

BASE_LINE: Final = 512
"""Octets of a command line with its CRLF that must be taken, extensions apart (RFC 5321 4.5.3.1.4)."""
AUTH_LINE: Final = 12288
"""Octets of an AUTH command or a SASL response line with its CRLF (RFC 4954 4)."""


class Dialect(Enum):
    """The two protocols this machine speaks."""

    SMTP = "SMTP"
    """SMTP and ESMTP (RFC 5321)."""
    LMTP = "LMTP"
    """Local delivery: LHLO, and a reply per recipient behind the content (RFC 2033)."""


class State(Enum):
    """Where a dialogue stands; both roles use the same states."""

    CONNECTED = "CONNECTED"
    """No greeting was sent yet."""
    GREETED = "GREETED"
    """The 220 greeting was sent, no HELO, EHLO or LHLO was accepted yet."""
    REFUSED = "REFUSED"
    """The greeting was a refusal: only QUIT is served (RFC 5321 3.1)."""
    READY = "READY"
    """HELO, EHLO or LHLO was accepted and no mail transaction is open."""
    MAIL = "MAIL"
    """MAIL was accepted, no RCPT yet."""
    RCPT = "RCPT"
    """At least one RCPT was accepted."""
    DATA = "DATA"
    """Between the 354 and the final dot."""
    BDAT = "BDAT"
    """At least one chunk was accepted, and not the last (RFC 3030)."""
    BDAT_FAILED = "BDAT_FAILED"
    """A chunk was refused: this message can never be completed (RFC 3030 2)."""
    AUTH = "AUTH"
    """Inside a SASL exchange: every line is a SASL response (RFC 4954 4)."""
    TLS_HANDSHAKE = "TLS_HANDSHAKE"
    """The 220 to STARTTLS was sent: no SMTP octet passes until the handshake ends."""
    CLOSED = "CLOSED"
    """The dialogue is over."""

    # Members are singletons. Enum's own __hash__ is a Python function and would be called for every
    # command, since the transitions below are keyed by state.
    __hash__ = object.__hash__


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
    ANONYMOUS = "anonymous"
    """No AUTH has succeeded in this session (RFC 4954 4)."""


Moves: TypeAlias = Mapping[State, State]
"""From each state in which a verb is allowed to the state its reply leads to."""

LIVE: Final = (State.GREETED, State.READY, State.MAIL, State.RCPT, State.BDAT, State.BDAT_FAILED)
"""The states of an open dialogue between two commands."""


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
    enabled: bool = True
    """False in the table of a configuration that does not serve the verb: 502."""
    clause: str = ""
    """Where it is specified."""

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
        clause="RFC 5321 4.1.1.2",
    ),
    Rule(
        b"RCPT",
        positive=_to(State.RCPT, State.MAIL, State.RCPT),
        negative=_stay(State.MAIL, State.RCPT),
        argument=Argument.REQUIRED,
        holds=True,
        clause="RFC 5321 4.1.1.3",
    ),
    Rule(
        b"DATA",
        intermediate=_to(State.DATA, State.RCPT),
        negative=_stay(State.RCPT),
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
        b"QUIT",
        positive=_to(State.CLOSED, *LIVE, State.REFUSED),
        negative=_stay(*LIVE, State.REFUSED),
        before_tls=True,
        before_auth=True,
        clause="RFC 5321 4.1.1.10",
    ),
    _never(b"ETRN", "RFC 1985"),
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


class Value(Enum):
    """Whether an ESMTP parameter has a value behind ``=``."""

    NONE = "none"
    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A row of the parameter table: one ESMTP parameter of MAIL or RCPT (RFC 5321 4.1.1.11)."""

    verb: bytes
    keyword: bytes
    """In upper case."""
    extension: str
    """The EHLO keyword that must be in force."""
    value: Value
    clause: str


PARAMETERS: Final = (
    Parameter(b"MAIL", b"SIZE", "SIZE", Value.REQUIRED, "RFC 1870 3"),
    Parameter(b"MAIL", b"BODY", "8BITMIME", Value.REQUIRED, "RFC 6152 2"),
    Parameter(b"MAIL", b"AUTH", "AUTH", Value.REQUIRED, "RFC 4954 5"),
)


@dataclass(frozen=True, slots=True)
class Extension:
    """A row of the extension table: one EHLO keyword (RFC 5321 2.2)."""

    keyword: str
    clause: str
    mail: int = 0
    """Octets by which the MAIL line may grow (RFC 5321 4.1.1.11)."""
    rcpt: int = 0
    """Octets by which the RCPT line may grow."""
    requires: str | None = None
    """A keyword that must be announced with it."""
    bare: bool = True
    """The keyword stands alone, without parameters."""


EXTENSIONS: Final[Mapping[str, Extension]] = MappingProxyType(
    {
        row.keyword: row
        for row in (
            Extension("PIPELINING", "RFC 2920"),
            Extension("SIZE", "RFC 1870", mail=26, bare=False),
            Extension("8BITMIME", "RFC 6152", mail=14),
            Extension("ENHANCEDSTATUSCODES", "RFC 2034"),
            Extension("STARTTLS", "RFC 3207"),
            Extension("AUTH", "RFC 4954", mail=500, bare=False),
            Extension("EXPN", "RFC 5321 4.1.1.7"),
            Extension("HELP", "RFC 5321 4.1.1.8"),
        )
    }
)

CODES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        211: ("system status or help", "2.0.0"),
        214: ("help", "2.0.0"),
        220: ("service ready", "2.0.0"),
        221: ("closing the channel", "2.0.0"),
        235: ("authentication succeeded", "2.7.0"),
        250: ("completed", "2.0.0"),
        251: ("user not local, will forward", "2.1.5"),
        252: ("cannot verify, will attempt delivery", "2.5.0"),
        253: ("messages pending", "2.0.0"),
        334: ("SASL challenge", ""),
        354: ("start mail input", ""),
        355: ("octet offset", ""),
        421: ("service not available, closing the channel", "4.3.2"),
        432: ("password transition needed", "4.7.12"),
        450: ("mailbox unavailable for now", "4.2.0"),
        451: ("local error", "4.3.0"),
        452: ("insufficient storage", "4.3.1"),
        453: ("no mail", "4.3.2"),
        454: ("temporarily not available", "4.7.0"),
        455: ("cannot accommodate parameters", "4.3.3"),
        458: ("unable to queue messages", "4.5.0"),
        459: ("node not allowed", "4.7.1"),
        500: ("unknown or unreadable command", "5.5.2"),
        501: ("syntax error in arguments", "5.5.4"),
        502: ("command not implemented", "5.5.1"),
        503: ("bad sequence of commands", "5.5.1"),
        504: ("parameter not implemented", "5.5.4"),
        521: ("host does not accept mail", "5.3.2"),
        523: ("encryption needed", "5.7.10"),
        525: ("account disabled", "5.7.13"),
        530: ("authentication or TLS required", "5.7.0"),
        534: ("mechanism too weak", "5.7.9"),
        535: ("credentials invalid", "5.7.8"),
        538: ("encryption required for mechanism", "5.7.11"),
        550: ("mailbox unavailable or policy", "5.7.1"),
        551: ("user not local", "5.1.6"),
        552: ("storage allocation exceeded", "5.3.4"),
        553: ("mailbox name not allowed", "5.1.3"),
        554: ("transaction failed", "5.0.0"),
        555: ("parameters not recognised", "5.5.4"),
        556: ("domain does not accept mail", "5.1.10"),
    }
)
"""Each reply code with its meaning and the enhanced status code it has when none is given (RFC 5321
4.2.3, RFC 5248)."""


@dataclass(frozen=True, slots=True)
class Leniencies:
    """What the readers accept beyond the grammar of RFC 5321, each by name.

    Strict grammar alone loses real mail, so the defaults are what every large receiver does.
    """

    space_after_colon: bool = True
    """A SP after ``FROM:`` or ``TO:``, never before the colon."""
    bare_address: bool = True
    """``MAIL FROM:a@b.c`` without angle brackets, up to the first SP."""
    underscore_domain: bool = True
    """``_`` in a domain label."""
    loose_dots: bool = True
    """Leading, trailing or doubled dots in an unquoted local part; kept as sent."""
    long_paths: bool = True
    """Local parts over 64 and paths over 256 octets, as far as the command line allows."""
    helo_names: bool = True
    """HELO and EHLO arguments that are no domain; exposed as ``helo_valid=False``."""
    helo_params: bool = False
    """SIZE and BODY on MAIL after HELO."""

    @classmethod
    def strict(cls) -> Leniencies:
        """Every leniency off: the grammar of RFC 5321 and nothing else."""
        return cls(**{field.name: False for field in fields(cls)})
