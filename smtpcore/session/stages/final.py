"""The end of a transaction: the final reply, under LMTP one for each accepted recipient, or none: it is given up."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Final

from smtpcore.commands.attributes import NO_ATTRIBUTES
from smtpcore.replies import Reply
from smtpcore.session.content import nothing
from smtpcore.session.replies import MESSAGE_OK
from smtpcore.session.steps import Step
from smtpcore.spec import Dialect

_LMTP: Final = Dialect.LMTP
_VERDICTS: Final = (Iterable, AsyncIterable)

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def accept(session: ServerSession) -> tuple[type, ...]:
    """What ``message`` and ``finish`` may answer besides a reply (RFC 2033 4.2)."""
    return _VERDICTS if session.config.dialect is _LMTP else ()


def answered(session: ServerSession, answer: object) -> None:
    """Send what is due; the transaction is over, whatever it is."""
    # Asked last, since it is many times slower than the others.
    if answer is not None and not isinstance(answer, Reply) and isinstance(answer, (AsyncIterable, Iterable)):
        try:
            pull = _pull(answer)
        except Exception as exception:
            answer = session.fault("recipient", exception)
        else:
            session.enter(lambda: _next(session, pull))
            return
    _same(session, answer)
    over(session)


def _pull(answer: AsyncIterable[object] | Iterable[object]) -> Callable[[], object]:
    """What gives the next verdict, or something to wait for it."""
    return aiter(answer).__anext__ if isinstance(answer, AsyncIterable) else iter(answer).__next__


def _same(session: ServerSession, answer: object) -> None:
    """One answer for all that is owed: once in SMTP, for each recipient in LMTP, duplicates included."""
    rule = session.connection.owed
    while rule is not None and session.connection.owed is rule:
        session.reply(MESSAGE_OK if answer is None else answer)


def _next(session: ServerSession, pull: Callable[[], object]) -> Step | None:
    """The phase in which verdicts are pulled: what was said last has been sent before this is called again."""
    rule = session.connection.owed
    if rule is None:
        over(session)
        session.enter(session.dialogue)
        return None
    session.call("recipient", pull, then=lambda answer: _said(session, answer))
    return None


def _said(session: ServerSession, answer: object) -> None:
    session.reply(MESSAGE_OK if answer is None else answer)
    # RFC 2033 4.2: the client may act upon each reply before the next is known.
    session.flush_now()


def over(session: ServerSession) -> None:
    """The transaction is over."""
    session.content.forget(session)
    session.envelope = None
    session.forwarded = NO_ATTRIBUTES
    session.budget.message()


def drop(session: ServerSession) -> None:
    """The transaction was given up: let go of its content, and tell the application."""
    session.envelope = None
    session.forwarded = NO_ATTRIBUTES
    session.pace.end()
    session.content.forget(session)
    session.content.abort(session, then=lambda _: _tell(session))


def _tell(session: ServerSession) -> None:
    if "reset" in session.overridden:
        session.call("reset", session.handler.reset, session, then=nothing)
