"""What is timed: the wire layer, the whole session, and the cheapest loop that could stand in their place."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from bench.servers.application import Accepting
from smtpcore import (
    BodyChunk,
    BodySink,
    EhloReply,
    EndOfBody,
    Envelope,
    Extensions,
    Limits,
    Pause,
    Peer,
    Rejected,
    Reply,
    ServerConfig,
    ServerConnection,
    ServerSession,
    State,
    Timeouts,
)
from smtpcore.commands import Bdat, Data, Ehlo, Mail, Rcpt, Rset
from smtpcore.events import Event
from smtpcore.session import Receive, Send

_DRAIN: Final = 16 * 1024 * 1024
"""A line without end is to be read to its end, and not to close the connection."""
_OK: Final = Reply(250, "OK")
_REPLIES: Final[dict[type[Event], Reply | None]] = {
    Ehlo: EhloReply(
        "mx.test",
        Extensions(dict.fromkeys(("PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME", "ENHANCEDSTATUSCODES"), "")),
    ),
    Mail: _OK,
    Rcpt: _OK,
    Rset: _OK,
    Data: Reply(354, "Go ahead"),
    Bdat: None,
    BodyChunk: None,
    EndOfBody: _OK,
}


class Subject(Protocol):
    """Takes octets and gives replies."""

    def feed(self, octets: bytes) -> None:
        """Read these octets and answer what is in them."""


class Connection:
    """``ServerConnection`` with a fixed reply to each event; content is dropped."""

    def __init__(self) -> None:
        self._connection = ServerConnection(max_line_drain=_DRAIN)
        self._connection.send(Reply(220, "mx.test ESMTP"))

    def feed(self, octets: bytes) -> None:
        """Work on the events until there are no more."""
        connection = self._connection
        connection.receive_data(octets)
        out: list[bytes] = []
        while not isinstance(event := connection.next_event(), Pause):
            reply = event.reply if isinstance(event, Rejected) else _REPLIES[type(event)]
            if reply is not None:
                out.append(connection.send(reply))
        b"".join(out)


class Dropping(Accepting):
    """Streams content to where it is dropped, so that what is timed is the core and not the copying of 16 MiB."""

    def data(self, session: ServerSession, envelope: Envelope) -> BodySink:  # type: ignore[override]
        """Yes; a new sink."""
        return Dropped()


class Dropped(BodySink):
    """Overrides what there is to override."""

    def write(self, chunk: bytes) -> None:
        """Drop it."""

    def finish(self) -> None:
        """Yes."""

    def abort(self) -> None:
        """Nothing to be done."""


class Session:
    """``ServerSession`` with every hook overridden by a plain one, limits and deadlines on, no observer."""

    _config = ServerConfig(limits=Limits(max_line_drain=_DRAIN), timeouts=Timeouts.hardened(), binarymime=True)
    _handler = Dropping()

    def __init__(self) -> None:
        self._session = ServerSession(
            self._config,
            Peer(None),
            self._handler,
            monotonic=time.monotonic,
            utcnow=lambda: datetime.now(UTC),
            token_bytes=secrets.token_bytes,
        )
        while self._session.state is not State.GREETED:
            self._run()
            self._session.timed_out()

    def feed(self, octets: bytes) -> None:
        """Take the steps until more is to be received."""
        self._session.receive_data(octets)
        self._run()

    def _run(self) -> None:
        session = self._session
        while not isinstance(step := session.next_step(), Receive):
            if not isinstance(step, Send):
                raise AssertionError(f"the session wants {step}")
            session.sent()


class Lines:
    """Cuts lines, looks their verbs up, and has a reply for each."""

    _replies: Final = dict.fromkeys((b"EHLO", b"MAIL", b"RCPT", b"RSET", b"DATA"), b"250 2.0.0 OK\r\n")

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, octets: bytes) -> None:
        """Answer each line that is complete."""
        rest = self._rest
        seen = max(len(rest) - 1, 0)
        rest += octets
        out: list[bytes] = []
        start = 0
        find = rest.find
        while (end := find(b"\r\n", seen)) >= 0:
            verb = bytes(rest[start:end]).partition(b" ")[0]
            out.append(self._replies[verb])
            start = seen = end + 2
        del rest[:start]
        b"".join(out)


class Text:
    """Looks for the end of content in each piece."""

    def feed(self, octets: bytes) -> None:
        """Search the piece."""
        octets.find(b"\r\n.\r\n")


class Octets:
    """Counts content."""

    def __init__(self) -> None:
        self._size = 0

    def feed(self, octets: bytes) -> None:
        """Count the piece."""
        self._size += len(octets)


def seconds(make: Callable[[], Subject], before: Sequence[bytes], pieces: Sequence[bytes]) -> float:
    """CPU seconds for the pieces, on a fresh subject that was brought there."""
    feed = make().feed
    for piece in before:
        feed(piece)
    began = time.thread_time()
    for piece in pieces:
        feed(piece)
    return time.thread_time() - began
