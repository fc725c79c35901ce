"""What a connection reports besides the commands: content, faults and the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from smtpcore.body import NO_DEFECT, Defect
from smtpcore.replies import Reply

_E = TypeVar("_E")


class Pause(Enum):
    """Why there is no next event."""

    NEED_DATA = "need data"
    """Nothing complete is buffered: feed more octets."""
    NEED_REPLY = "need reply"
    """The last event has to be answered first; the greeting is owed from the start."""


class Event:
    """Anything a connection reports."""

    __slots__ = ()


@dataclass(slots=True)
class BodyChunk(Event):
    """Some content of the message, unstuffed; chunks are cut anywhere (RFC 5321 4.5.2)."""

    data: bytes


@dataclass(slots=True)
class EndOfChunk(Event):
    """A chunk is complete and more are to come; it wants a reply (RFC 3030 2)."""

    size: int
    """Octets of the chunk."""


@dataclass(slots=True)
class EndOfBody(Event):
    """The content is complete; the message wants its final reply. A client sends it behind the content for DATA."""

    defects: Defect = NO_DEFECT
    """What was found in the content; the wire layer reports, the session judges. Of no meaning where it is sent."""
    size: int = 0
    """Octets of the content, CRLF counted, stuffing and final dot not (RFC 1870 5)."""


@dataclass(slots=True)
class Rejected(Event):
    """A line that the wire layer answers by itself: send ``reply``."""

    line: bytes = field(repr=False)
    """The line without its CRLF, empty where it was not kept; as the peer sent it, so escape it in logs.
    A SASL response or an AUTH command is never shown here."""
    reply: Reply
    fatal: bool = False
    """What follows cannot be read: close behind the reply. The reply says so too."""


@dataclass(slots=True)
class EarlyTalk(Event):
    """The peer spoke before the greeting was sent; wants no reply (RFC 5321 4.3.1)."""


@dataclass(slots=True)
class ConnectionClosed(Event):
    """The end of the input, behind everything that came before it, or the end of the dialogue."""


class EventIterator(Iterator[_E]):
    """``next_event()`` as an iterator that ends where it pauses or with ConnectionClosed; after a pause it goes on."""

    __slots__ = ("_next_event", "_over")

    def __init__(self, next_event: Callable[[], _E | Pause]) -> None:
        self._next_event = next_event
        self._over = False

    def __next__(self) -> _E:
        if self._over:
            raise StopIteration
        event = self._next_event()
        if isinstance(event, Pause):
            raise StopIteration
        self._over = isinstance(event, ConnectionClosed)
        return event
