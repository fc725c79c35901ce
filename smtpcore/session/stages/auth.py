"""AUTH: the exchange from the command to its final reply (RFC 4954 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from smtpcore.commands import Auth, SaslCancel, SaslResponse
from smtpcore.replies import Reply
from smtpcore.sasl import Challenge, Context, Failure, Identity, Outcome, Query, ServerMechanism, Success
from smtpcore.sasl.base64 import encode
from smtpcore.session import replies as texts
from smtpcore.session.barriers import raise_barrier
from smtpcore.spec import AUTH_LINE

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


_T = TypeVar("_T")
_LONGEST_CHALLENGE = AUTH_LINE - len("334 \r\n")


class Exchange:
    """One exchange: its mechanism, how many challenges it has had, and what is due behind the last one."""

    __slots__ = ("granted", "mechanism", "rounds")

    def __init__(self, mechanism: ServerMechanism) -> None:
        self.mechanism = mechanism
        self.rounds = 0
        self.granted: tuple[Identity, Reply] | None = None


def received(session: ServerSession, command: Auth) -> None:
    """Begin an exchange, if the mechanism may be used now. Only then is the initial response looked at."""
    config = session.config
    tls = session.connection.dialogue.tls
    kind = config.mechanism_types.get(command.mechanism)
    offered = config.offer.mechanisms(tls=tls, info=session.tls)
    if kind is None or not kind.usable(session.tls):
        _refuse(session, texts.AUTH_MECHANISM)
    elif command.mechanism not in offered:
        _refuse(session, texts.AUTH_NEEDS_TLS)
    elif command.malformed:
        _refuse(session, texts.AUTH_BASE64)
    elif kind.server_first and command.initial is not None:
        _refuse(session, texts.AUTH_SERVER_FIRST)
    else:
        context = Context(
            hostname=config.hostname,
            token_bytes=session.token_bytes,
            tls=session.tls,
            offered=offered,
            secret=config.sasl_secret,
            iterations=config.scram_iterations,
            token_error=config.token_error,
        )
        _begin(session, kind, context, command.initial)


def responded(session: ServerSession, response: SaslResponse) -> None:
    """The client has answered a challenge."""
    exchange = session.exchange
    assert exchange is not None
    if exchange.granted is None:
        _advance(session, exchange.mechanism.step, response.data)
    elif response.data:
        # RFC 4954 4: additional data is answered with nothing.
        _fail(session, texts.AUTH_MALFORMED)
    else:
        _succeed(session, *exchange.granted)


def cancelled(session: ServerSession, event: SaslCancel) -> None:
    """The client gives up."""
    session.exchange = None
    _fail(session, texts.AUTH_CANCELLED)


def _begin(session: ServerSession, kind: type[ServerMechanism], context: Context, initial: bytes | None) -> None:
    def start(response: bytes | None) -> Outcome:
        session.exchange = exchange = Exchange(kind(context))
        return exchange.mechanism.step(response)

    _advance(session, start, initial)


def _advance(session: ServerSession, take: Callable[[_T], Outcome], value: _T) -> None:
    """Let the mechanism go on. What it raises is its own fault, and it may be the application's mechanism."""
    try:
        outcome = take(value)
        if not isinstance(outcome, (Challenge, Query, Success, Failure)):
            raise TypeError(f"a mechanism's step led to {type(outcome).__name__}")
    except Exception as exception:
        _fail(session, session.fault("mechanism", exception))
    else:
        _lead_to(session, outcome)


def _lead_to(session: ServerSession, outcome: Outcome) -> None:
    exchange = session.exchange
    assert exchange is not None
    if isinstance(outcome, Challenge):
        _challenge(session, exchange, outcome.data)
    elif isinstance(outcome, Query):
        store = session.handler.credentials
        if store is None:
            _verified(session, None)
        else:
            session.call(
                "credentials",
                outcome.ask,
                store,
                then=lambda answer: _verified(session, answer),
                accept=outcome.answers,
            )
    elif isinstance(outcome, Success):
        identity = outcome.identity
        if "authenticate" in session.overridden:
            session.call(
                "authenticate",
                session.handler.authenticate,
                session,
                identity,
                then=lambda answer: answered(session, identity, answer, outcome.data),
            )
        else:
            # Whether one may act for another is for the application; who does not say so, forbids it.
            allowed = identity.name == identity.username
            answered(session, identity, None if allowed else texts.AUTH_FAILED, outcome.data)
    else:
        _fail(session, texts.AUTH_MALFORMED if outcome.malformed else texts.AUTH_FAILED)


def _challenge(session: ServerSession, exchange: Exchange, data: bytes) -> None:
    exchange.rounds += 1
    if exchange.rounds > session.config.limits.max_auth_rounds:
        _fail(session, texts.AUTH_FAILED)
        return
    try:
        text = encode(data).decode("ascii")
        if len(text) > _LONGEST_CHALLENGE:
            raise ValueError(f"a challenge of {len(data)} octets does not fit a line (RFC 4954 4)")
    except (TypeError, ValueError) as exception:
        _fail(session, session.fault("mechanism", exception))
    else:
        session.reply(Reply(334, text))


def _verified(session: ServerSession, answer: object) -> None:
    exchange = session.exchange
    assert exchange is not None
    if answer is texts.AUTH_FAULT:
        # The store failed: nobody knows whether the credentials are right.
        _fail(session, texts.AUTH_FAULT)
    elif isinstance(answer, Reply):
        fault = TypeError("a credential store answers what it was asked, and no reply")
        _fail(session, session.fault("credentials", fault))
    else:
        _advance(session, exchange.mechanism.answered, answer)


def answered(session: ServerSession, identity: Identity, answer: object, data: bytes = b"") -> None:
    """The identity is proven, and the application has said whether it may come in."""
    exchange = session.exchange
    assert exchange is not None
    if answer is None:
        answer = texts.AUTH_OK
    if not isinstance(answer, Reply) or answer.intermediate:
        answer = session.fault("authenticate", TypeError("authenticate answers None, a 2yz or a refusal"))
    if not answer.positive:
        _fail(session, answer)
    elif data:
        exchange.granted = (identity, answer)
        _challenge(session, exchange, data)
    else:
        _succeed(session, identity, answer)


def _succeed(session: ServerSession, identity: Identity, reply: Reply) -> None:
    session.exchange = None
    session.reply(reply)
    session.identity = identity
    raise_barrier(session)


def _fail(session: ServerSession, reply: Reply) -> None:
    """The exchange has failed, whoever is to blame: one who is told 454 could try for ever."""
    session.exchange = None
    session.reply(session.config.replies.too_many if session.budget.auth_failure() else reply)


def _refuse(session: ServerSession, reply: Reply) -> None:
    session.reply(session.config.replies.too_many if session.budget.error() else reply)
