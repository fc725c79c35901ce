"""The final reply to a message; under LMTP one for each accepted recipient, each as soon as it is known."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING

from smtpcore.session.replies import MESSAGE_OK
from smtpcore.session.steps import Step
from smtpcore.spec import Dialect

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def accept(session: ServerSession) -> tuple[type, ...]:
    """What ``message`` and ``finish`` may answer besides a reply (RFC 2033 4.2)."""
    return (Iterable, AsyncIterable) if session.config.dialect is Dialect.LMTP else ()


def answered(session: ServerSession, answer: object) -> None:
    """Send what is due; the transaction is over, whatever it is."""
    if isinstance(answer, AsyncIterable):
        _each(session, aiter(answer))
    elif isinstance(answer, Iterable):
        _each(session, iter(answer))
    else:
        _same(session, answer)
        _over(session)


def _same(session: ServerSession, answer: object) -> None:
    """One answer for all that is owed: once in SMTP, for each recipient in LMTP, duplicates included."""
    rule = session.connection.owed
    while rule is not None and session.connection.owed is rule:
        session.reply(MESSAGE_OK if answer is None else answer)


def _each(session: ServerSession, verdicts: Iterator[object] | AsyncIterator[object]) -> None:
    session.enter(lambda: _next(session, verdicts))


def _next(session: ServerSession, verdicts: Iterator[object] | AsyncIterator[object]) -> Step | None:
    """The phase in which verdicts are pulled: what was said last has been sent before this is called again."""
    rule = session.connection.owed
    if rule is None:
        _over(session)
        session.enter(session.dialogue)
        return None
    pull = verdicts.__anext__ if isinstance(verdicts, AsyncIterator) else verdicts.__next__
    session.call("recipient", pull, then=lambda answer: _said(session, answer))
    return None


def _said(session: ServerSession, answer: object) -> None:
    session.reply(MESSAGE_OK if answer is None else answer)
    # RFC 2033 4.2: the client may act upon each reply before the next is known.
    session.flush_now()


def _over(session: ServerSession) -> None:
    session.content.forget(session)
    session.envelope = None
    session.forwarded = {}
    session.budget.message()
