"""AUTH: the exchange from the command to its final reply (RFC 4954 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import Auth, SaslCancel, SaslResponse
from smtpcore.replies import Reply
from smtpcore.sasl import SERVER_MECHANISMS, Challenge, Identity, Outcome, ServerMechanism, Success, VerifyPassword
from smtpcore.sasl.base64 import encode
from smtpcore.session import replies as texts

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


class Exchange:
    """One exchange: its mechanism, and how many challenges it has had."""

    __slots__ = ("mechanism", "rounds")

    def __init__(self, mechanism: ServerMechanism) -> None:
        self.mechanism = mechanism
        self.rounds = 0


def received(session: ServerSession, command: Auth) -> None:
    """Begin an exchange, if the mechanism may be used now. Only then is the initial response looked at."""
    config = session.config
    tls = session.connection.dialogue.tls
    kind = SERVER_MECHANISMS.get(command.mechanism)
    if kind is None or command.mechanism not in config.mechanisms:
        _refuse(session, texts.AUTH_MECHANISM)
    elif not config.offers(command.mechanism, tls=tls):
        _refuse(session, texts.AUTH_NEEDS_TLS)
    elif command.malformed:
        _refuse(session, texts.AUTH_BASE64)
    else:
        session.exchange = Exchange(kind())
        _step(session, command.initial)


def responded(session: ServerSession, response: SaslResponse) -> None:
    """The client has answered a challenge."""
    _step(session, response.data)


def cancelled(session: ServerSession, event: SaslCancel) -> None:
    """The client gives up."""
    session.exchange = None
    _fail(session, texts.AUTH_CANCELLED)


def _step(session: ServerSession, response: bytes | None) -> None:
    exchange = session.exchange
    assert exchange is not None
    _lead_to(session, exchange.mechanism.step(response))


def _lead_to(session: ServerSession, outcome: Outcome) -> None:
    exchange = session.exchange
    assert exchange is not None
    if isinstance(outcome, Challenge):
        exchange.rounds += 1
        if exchange.rounds > session.config.limits.max_auth_rounds:
            _fail(session, texts.AUTH_FAILED)
        else:
            session.reply(Reply(334, encode(outcome.data).decode("ascii")))
    elif isinstance(outcome, VerifyPassword):
        store = session.handler.credentials
        if store is None:
            _verified(session, False)
        else:
            session.call(
                "credentials",
                store.verify_password,
                outcome.username,
                outcome.password,
                then=lambda answer: _verified(session, answer),
                accept=(bool,),
            )
    elif isinstance(outcome, Success):
        identity = outcome.identity
        if "authenticate" in session.overridden:
            session.call(
                "authenticate",
                session.handler.authenticate,
                session,
                identity,
                then=lambda answer: answered(session, identity, answer),
            )
        else:
            # Whether one may act for another is for the application; who does not say so, forbids it.
            allowed = identity.name == identity.username
            answered(session, identity, None if allowed else texts.AUTH_FAILED)
    else:
        _fail(session, texts.AUTH_MALFORMED if outcome.malformed else texts.AUTH_FAILED)


def _verified(session: ServerSession, answer: object) -> None:
    exchange = session.exchange
    assert exchange is not None
    if answer is texts.AUTH_FAULT:
        # The store failed: nobody knows whether the credentials are right.
        _fail(session, texts.AUTH_FAULT)
    elif isinstance(answer, Reply):
        fault = TypeError("a credential store answers True or False and no reply")
        _fail(session, session.fault("credentials", fault))
    else:
        _lead_to(session, exchange.mechanism.answered(answer is True))


def answered(session: ServerSession, identity: Identity, answer: object) -> None:
    """The identity is proven, and the application has said whether it may come in."""
    session.exchange = None
    if answer is None:
        answer = texts.AUTH_OK
    if not isinstance(answer, Reply) or answer.intermediate:
        answer = session.fault("authenticate", TypeError("authenticate answers None, a 2yz or a refusal"))
    if not answer.positive:
        _fail(session, answer)
        return
    session.reply(answer)
    session.identity = identity
    session.raise_barrier()


def _fail(session: ServerSession, reply: Reply) -> None:
    """The exchange has failed, whoever is to blame: one who is told 454 could try for ever."""
    session.exchange = None
    session.reply(session.config.replies.too_many if session.budget.auth_failure() else reply)


def _refuse(session: ServerSession, reply: Reply) -> None:
    session.reply(session.config.replies.too_many if session.budget.error() else reply)
