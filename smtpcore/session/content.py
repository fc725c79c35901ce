"""The content of one message on its way to the application: collected, or streamed to a sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.handler import BodySink
from smtpcore.replies import Reply

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


class Content:
    """What has come of a message, where it goes, and why it will be refused, if it will."""

    __slots__ = ("parts", "refusal", "sink", "size")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.sink: BodySink | None = None
        self.size = 0
        self.refusal: Reply | None = None

    def begin(self, sink: BodySink | None) -> None:
        """A message begins."""
        self.parts = []
        self.sink = sink
        self.size = 0
        self.refusal = None

    def refuse(self, session: ServerSession, reply: Reply) -> None:
        """Nothing more is kept; the rest is discarded, and the reply comes at the true end."""
        self.refusal = reply
        self.parts = []
        if self.sink is not None:
            self.abort(session)

    def abort(self, session: ServerSession) -> None:
        """Tell the sink that the message will not be completed; once."""
        sink, self.sink = self.sink, None
        if sink is not None:
            session.call("abort", sink.abort, then=_nothing)


def _nothing(value: object) -> None:
    """An abort cannot be refused."""
