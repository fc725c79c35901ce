"""A handler that takes every message and keeps none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore import BodySink, Handler

if TYPE_CHECKING:
    from smtpcore import Envelope, ServerSession

_SINK = BodySink()


class DiscardHandler(Handler):
    """Lets the content of every message go by and accepts it."""

    def data(self, session: ServerSession, envelope: Envelope) -> BodySink:
        """Not even in memory is it kept."""
        return _SINK
