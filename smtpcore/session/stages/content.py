"""The content of a message and its end (RFC 5321 4.1.1.4, 6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.body import NO_DEFECT, Defect
from smtpcore.events import BodyChunk, EndOfBody
from smtpcore.replies import Reply
from smtpcore.session.replies import BARE_NEWLINES, LONG_LINES, TOO_BIG
from smtpcore.session.stages import final

if TYPE_CHECKING:
    from smtpcore.session.config import BareNewlines
    from smtpcore.session.server import ServerSession

_BARE = Defect.BARE_CR | Defect.BARE_LF | Defect.NUL


def received(session: ServerSession, chunk: BodyChunk) -> None:
    """Some of it came."""
    take(session, chunk.data)


def take(session: ServerSession, data: bytes) -> None:
    """Keep it, hand it to the sink, or discard it."""
    content = session.content
    octets = len(data)
    content.size += octets
    session.pace.count(octets)
    limits = session.config.limits
    too_big = 0 < limits.max_message_size < content.size
    if too_big and limits.max_drain is not None and content.size > limits.max_drain:
        session.end(session.config.replies.too_big)
    elif _policy(session) == "close" and session.connection.defects & _BARE:
        session.end(session.config.replies.bare_newlines)
    elif content.refusal is not None:
        return
    elif too_big:
        content.refuse(session, TOO_BIG)
    elif content.sink is not None:
        session.call("write", content.sink.write, data, then=lambda answer: _written(session, answer))
    elif content.collecting and (refusal := content.collect(session, data)) is not None:
        content.refuse(session, refusal)


def _written(session: ServerSession, answer: object) -> None:
    if answer is None:
        return
    if not isinstance(answer, Reply) or answer.code < 400:
        answer = session.fault("write", TypeError("write answers None or a refusal"))
    if answer.close:
        session.end(answer)
    else:
        session.content.refuse(session, answer)


def ended(session: ServerSession, end: EndOfBody) -> None:
    """All of it has come: refuse it for what is wrong with it, or let the application answer."""
    session.pace.end()
    content = session.content
    if content.refusal is None and end.defects is not NO_DEFECT:
        fault = _judge(session, end.defects)
        if fault is not None:
            content.refuse(session, fault)
    if content.refusal is not None:
        final.answered(session, content.refusal)
        return
    envelope = session.envelope
    assert envelope is not None  # content comes only in a transaction
    envelope.size = end.size
    envelope.defects = end.defects
    sink, content.sink = content.sink, None
    if sink is not None:
        session.call(
            "finish", sink.finish, then=lambda answer: final.answered(session, answer), accept=final.accept(session)
        )
    elif content.collecting:
        envelope.content = content.take()
        session.call(
            "message",
            session.handler.message,
            session,
            envelope,
            then=lambda answer: final.answered(session, answer),
            accept=final.accept(session),
        )
    else:
        final.answered(session, None)


def answered(session: ServerSession, subject: None, answer: object) -> None:
    """The hook ``message`` has answered."""
    final.answered(session, answer)


def _policy(session: ServerSession) -> BareNewlines:
    return session.config.bare_newlines_bdat if session.content.chunks else session.config.bare_newlines


def _judge(session: ServerSession, defects: Defect) -> Reply | None:
    policy = _policy(session)
    if defects & _BARE and policy != "pass":
        # That a CR at the very end is bare shows only here.
        return session.config.replies.bare_newlines if policy == "close" else BARE_NEWLINES
    if defects & Defect.LONG_LINE and session.config.long_lines == "reject":
        return LONG_LINES
    return None
