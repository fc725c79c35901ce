"""BDAT: the content in counted chunks (RFC 3030 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.commands import Bdat
from smtpcore.events import EndOfChunk
from smtpcore.handler import BodySink
from smtpcore.replies import Reply
from smtpcore.session.replies import STORAGE_FULL, TOO_BIG, TOO_MANY_CHUNKS
from smtpcore.session.stages import data
from smtpcore.spec import State

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, chunk: Bdat) -> None:
    """A chunk begins; with the first one ask the application how it wants the content."""
    if session.content.chunks == 0:
        data.ask(session, lambda answer: _opened(session, chunk, answer))
    else:
        _judge(session, chunk)


def _opened(session: ServerSession, chunk: Bdat, answer: object) -> None:
    sink = answer if isinstance(answer, BodySink) else None
    data.begin(session, sink)
    if answer is None or sink is not None or (isinstance(answer, Reply) and answer.intermediate):
        # A reply that would let the content come behind a DATA is as good as None.
        answer = STORAGE_FULL if data.full(session, sink) else None
    elif not isinstance(answer, Reply) or answer.code < 400:
        answer = session.fault("data", TypeError("data answers None, a sink or a refusal"))
    if answer is not None:
        # It is told behind the chunk: its octets are read before any reply.
        session.content.refuse(session, answer)
    _judge(session, chunk)


def _judge(session: ServerSession, chunk: Bdat) -> None:
    limits = session.config.limits
    content = session.content
    content.chunks += 1
    if limits.max_bdat_chunks is not None and content.chunks > limits.max_bdat_chunks:
        session.end(TOO_MANY_CHUNKS)
    elif content.refusal is None and 0 < limits.max_message_size < content.size + chunk.size:
        content.refuse(session, TOO_BIG)


def refused(session: ServerSession, reply: Reply) -> Reply:
    """What to say when the wire layer has refused a chunk and read it: its reply, or that there were too many."""
    limits = session.config.limits
    content = session.content
    content.drop(session)
    session.pace.end()
    if session.state is State.BDAT_FAILED:
        content.chunks += 1
        if limits.max_bdat_chunks is not None and content.chunks > limits.max_bdat_chunks:
            return TOO_MANY_CHUNKS
    if limits.max_drain is not None and content.size > limits.max_drain:
        return session.config.replies.too_big
    return reply


def ended(session: ServerSession, end: EndOfChunk) -> None:
    """The chunk is there: take it, or refuse the message, which then can never be completed."""
    if session.content.refusal is None:
        session.reply(Reply(250, f"{end.size} octets received", "2.0.0"))
    else:
        session.pace.end()
        session.reply(session.content.refusal)
