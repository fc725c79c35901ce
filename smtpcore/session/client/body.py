"""The content of a transaction on its way: by DATA, or by BDAT in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from smtpcore.commands import Bdat
from smtpcore.errors import LocalProtocolError
from smtpcore.events import BodyChunk, EndOfBody
from smtpcore.pieces import Pieces, keep
from smtpcore.replies import Reply
from smtpcore.session.client.content import PIECE, PIECES, End
from smtpcore.session.client.plan import Plan

if TYPE_CHECKING:
    from smtpcore.session.client.session import ClientSession

_END: Final = EndOfBody()
_ENOUGH: Final = 16 * 1024
"""Octets that are worth a write, where the content comes in small pieces."""
_GATHER: Final = 0.05
"""Seconds for which pieces are gathered at the most: a source may be slow without saying so."""
_MOST_CHUNKS: Final = 4
"""Chunks without a reply at the most: behind a refusal nothing more is to be sent."""


class _Owner(Protocol):
    def content_failed(self, error: BaseException, *, temporary: bool) -> None:
        """The content cannot be had, or not be sent."""


class Body:
    """Sends the content of one transaction; a step at a time, so that replies are seen between them."""

    def __init__(self, session: ClientSession, plan: Plan, owner: _Owner, *, empty: bool = False) -> None:
        self._session = session
        self._plan = plan
        self._owner = owner
        self._empty = empty
        self._filter = plan.filter(session.config)
        assert plan.source is not None  # it was loaded by now
        self._source = plan.source
        self._offset = 0  # octets sent, where all of the content is there
        self._held: Pieces | None = None  # for the next chunk, where it is not
        self._held_size = 0
        self._drained = False  # the source has no more
        self.ended = False
        """The end of the content was sent."""
        self._source.begin()

    @property
    def waits(self) -> bool:
        """Whether it is the application's turn to give more content."""
        feed = None if self._empty else self._source.feed
        return feed is not None and feed.empty and self._held_size <= self._session.config.chunk_size

    def advance(self) -> bool:
        """Send the next part, or ask for it; whether there was anything to do."""
        if self.ended or self.waits:
            return False
        if self._plan.chunks:
            return self._advance_chunks()
        if self._empty:
            self._send(b"", last=True)
        elif self._plan.octets is None:
            self._gather()
        else:
            self._send_part(self._plan.octets)
        return True

    def _gather(self) -> None:
        """Have enough for a write, as far as nothing has to be waited for: content may come line by line."""
        session = self._session
        until = session.monotonic() + _GATHER
        self._pull()
        while not self.ended and not self.waits and session.holds_less_than(_ENOUGH) and session.monotonic() < until:
            self._pull()

    def _pull(self) -> None:
        self._session.call("content", self._source.pull, then=self._pulled, accept=(*PIECES, End))

    def _pulled(self, value: object) -> None:
        if value is None or isinstance(value, Reply):
            error = self._session.take_fault() or LocalProtocolError("the content gave nothing, and has not ended")
            self._owner.content_failed(error, temporary=True)
            return
        try:
            if value is End.END or (not value and self._source.ends_empty):
                self._drained = True
                data = self._filter.finish()
            else:
                assert isinstance(value, PIECES)  # the machine has seen to it
                data = self._filter.feed(value)
        except LocalProtocolError as error:
            self._owner.content_failed(error, temporary=False)
            return
        if self._plan.chunks:
            self._hold(data)
        else:
            self._send(data, last=self._drained)

    # By DATA.

    def _send_part(self, octets: bytes) -> None:
        part = octets[self._offset : self._offset + PIECE] if len(octets) > PIECE else octets
        self._offset += len(part)
        self._send(part, last=self._offset == len(octets))

    def _send(self, data: bytes, *, last: bool) -> None:
        session = self._session
        if data:
            session.send(BodyChunk(data))
        if last:
            session.send(_END)
            self.ended = True

    # By BDAT.

    def _advance_chunks(self) -> bool:
        session = self._session
        connection = session.connection
        # Room for one more: with the extension several are on their way (RFC 3030 4.2), without it one is.
        most = _MOST_CHUNKS if session.config.pipelining else 1
        if not connection.may_send or len(connection.outstanding) >= most:
            return False
        octets = self._plan.octets
        size = session.config.chunk_size
        if octets is not None:
            part = octets[self._offset : self._offset + size] if len(octets) > size else octets
            self._offset += len(part)
            self._send_chunk(part, last=self._offset == len(octets))
        elif self._drained or self._held_size > size:
            data = b"".join(self._held or ())
            rest = data[size:]
            self._held = keep(None, rest)
            self._held_size = len(rest)
            self._send_chunk(data[:size] if rest else data, last=self._drained and not rest)
        else:
            self._pull()
        return True

    def _hold(self, data: bytes) -> None:
        self._held = keep(self._held, data)
        self._held_size += len(data)

    def _send_chunk(self, data: bytes, *, last: bool) -> None:
        session = self._session
        session.send(Bdat(len(data), last))
        if data:
            session.send(BodyChunk(data))
        self.ended = last
