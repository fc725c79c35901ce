"""The content of one message on its way to the application: collected, or streamed to a sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.handler import BodySink
from smtpcore.pieces import Pieces, keep
from smtpcore.replies import Reply
from smtpcore.session.replies import STORAGE_FULL

if TYPE_CHECKING:
    from smtpcore.session.machine import Answered
    from smtpcore.session.server import ServerSession


def nothing(value: object) -> None:
    """What goes on with an answer that changes nothing: whatever was asked about is over."""


class Content:
    """What has come of a message, where it goes, and why it will be refused, if it will.

    Memory for what is collected is reserved at the gate, which all sessions share, and given back with
    ``forget()``, at the latest when the session ends.
    """

    __slots__ = ("_parts", "_reserved", "chunks", "collecting", "refusal", "sink", "size")

    def __init__(self) -> None:
        self._parts: Pieces | None = None
        self._reserved = 0
        self.sink: BodySink | None = None
        self.collecting = False
        self.chunks = 0
        self.size = 0
        self.refusal: Reply | None = None

    def begin(self, sink: BodySink | None, *, collecting: bool) -> None:
        """A message begins; without a sink and not collected, it is only counted."""
        self.sink = sink
        self.collecting = collecting
        self.chunks = 0
        self.size = 0
        self.refusal = None

    def collect(self, session: ServerSession, data: bytes) -> Reply | None:
        """Keep some content in memory; a reply refuses the message for which there is none left."""
        if session.gate is not None:
            if not session.gate.reserve(len(data)):
                return STORAGE_FULL
            self._reserved += len(data)
        self._parts = keep(self._parts, data)
        return None

    def drop(self, session: ServerSession) -> None:
        """Count what came of chunks that are refused: it has to come as fast as content, and not without end."""
        octets = session.connection.chunks.take_dropped()
        self.size += octets
        session.pace.count(octets)

    def take(self) -> bytes:
        """What was collected, as one piece. It counts as kept until it is forgotten."""
        data = b"".join(self._parts or ())
        self._parts = None
        return data

    def refuse(self, session: ServerSession, reply: Reply) -> None:
        """Nothing more is kept; the rest is discarded, and the reply comes at the true end."""
        self.refusal = reply
        self.forget(session)
        self.abort(session)

    def forget(self, session: ServerSession) -> None:
        """Drop what was collected and give its memory back."""
        self._parts = None
        if self._reserved and session.gate is not None:
            session.gate.free(self._reserved)
        self._reserved = 0

    def abort(self, session: ServerSession, then: Answered = nothing) -> None:
        """Tell the sink, if there is one, that the message will not be completed; once."""
        sink, self.sink = self.sink, None
        if sink is None:
            then(None)
        else:
            session.call("abort", sink.abort, then=then)
