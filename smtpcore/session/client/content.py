"""Content on its way out: where its pieces come from, and what of them may be sent."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from inspect import iscoroutinefunction
from typing import Final, TypeAlias

from smtpcore.body import Defect, DefectScanner
from smtpcore.errors import LocalProtocolError
from smtpcore.line_ends import LineEnds
from smtpcore.session.client.config import ClientConfig
from smtpcore.session.client.message import Content, Piece, Readable

PIECE: Final = 256 * 1024
"""Octets that are asked for and sent at a time."""
PIECES: Final = (bytes, bytearray, memoryview, str)
"""What a piece may be."""


class End(Enum):
    """What is no piece.

    It is not None, by which a file that does not block says that it has nothing now: a part must never be taken for
    the whole.
    """

    END = "end"
    """Stands behind the last piece."""


Pull: TypeAlias = Callable[[], object]
"""Gives the next piece, something awaitable that gives it, or END behind the last."""


class Feed:
    """Content that the application gives when it has it; meanwhile the session is idle."""

    __slots__ = ("_begun", "_pieces", "ended")

    ended: bool
    """Nothing more will come."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self._begun = False
        self.ended = False

    @property
    def empty(self) -> bool:
        """Whether all that was given so far has been sent, and more is to come."""
        return not self._pieces and not self.ended

    def write(self, piece: Piece) -> None:
        """Give the next piece.

        Raises:
            LocalProtocolError: The content was ended.
        """
        if self.ended:
            raise LocalProtocolError("the content was ended; nothing can be added to it")
        self._pieces.append(piece)

    def finish(self) -> None:
        """The content is complete."""
        self.ended = True

    def begin(self) -> Pull:
        """Give what gives the pieces.

        Raises:
            LocalProtocolError: It was the content of another message.
        """
        if self._begun:
            raise LocalProtocolError("a feed is for one message; make another")
        self._begun = True
        return self.take

    def take(self) -> Piece | End:
        """The next piece, or END behind the last."""
        return self._pieces.popleft() if self._pieces else End.END


class Source:
    """Where the content of a message comes from.

    Raises:
        TypeError: It is nothing that content could come from.
    """

    __slots__ = ("_begin", "_pull", "ends_empty", "feed", "repeatable", "whole")

    whole: bytes | str | None
    """All of it, where it is there already."""
    repeatable: bool
    """It can be had more than once."""
    ends_empty: bool
    """A piece of no octets is the end, as it is with files."""
    feed: Feed | None
    """It comes when the application has it."""

    def __init__(self, content: Content | Feed) -> None:
        self._pull: Pull | None = None
        self.whole = None
        self.ends_empty = False
        self.feed = None
        if isinstance(content, PIECES):
            self.whole = content if isinstance(content, str) else bytes(content)
            self.repeatable = True
            self._begin: Callable[[], Pull] = partial(_iterated, (content,))
        elif isinstance(content, Feed):
            self.feed = content
            self._begin = content.begin
            self.repeatable = False
        elif isinstance(content, Readable):
            self._begin, self.repeatable = _file(content)
            self.ends_empty = True
        elif isinstance(content, AsyncIterable):
            self._begin = partial(_asynchronous, content)
            self.repeatable = not isinstance(content, AsyncIterator)
        elif isinstance(content, Iterable):
            self._begin = partial(_iterated, content)
            self.repeatable = not isinstance(content, Iterator)
        else:
            raise TypeError(f"{type(content).__name__} is no content: give octets, text, a binary file or an iterable")

    def begin(self) -> None:
        """Have the pieces from the first on."""
        self._pull = None

    def pull(self) -> object:
        """The next piece, something awaitable that gives it, or END behind the last; ``begin()`` comes before."""
        if self._pull is None:
            # Here and not in begin(): all that the application's own content may raise is raised by this method.
            self._pull = self._begin()
        return self._pull()


def _file(file: Readable) -> tuple[Callable[[], Pull], bool]:
    """How to have a file read from where it stands, and whether that can be done again."""
    read = partial(file.read, PIECE)
    seekable, seek, tell = (getattr(file, name, None) for name in ("seekable", "seek", "tell"))
    # What has to be awaited is not asked whether it can be rewound.
    if not (callable(seekable) and callable(seek) and callable(tell)) or any(
        iscoroutinefunction(method) for method in (seekable, seek, tell)
    ):
        return lambda: read, False
    if not seekable():
        return lambda: read, False
    start = tell()

    def rewind() -> Pull:
        seek(start)
        return read

    return rewind, True


def _iterated(content: Iterable[Piece]) -> Pull:
    iterator = iter(content)
    return lambda: next(iterator, End.END)


def _asynchronous(content: AsyncIterable[Piece]) -> Pull:
    iterator = aiter(content)

    async def next_piece() -> Piece | End:
        try:
            return await anext(iterator)
        except StopAsyncIteration:
            return End.END

    return next_piece


class Filter:
    """Lets through what may be sent of the content, as the configuration and the server will have it.

    Args:
        config: The policies.
        binary: The content is declared to be BINARYMIME, and everything may be in it.
        seven_bit: The server takes no octets over 0x7F.
    """

    __slots__ = ("_allow_nul", "_choice", "_line_ends", "_pass_long", "_scanner", "_seven_bit", "binary")

    def __init__(self, config: ClientConfig, *, binary: bool, seven_bit: bool) -> None:
        self.binary = binary
        self._seven_bit = seven_bit
        self._choice = config.bare_newlines
        self._allow_nul = config.allow_nul
        self._pass_long = config.long_lines == "pass"
        self._line_ends: LineEnds | None = None
        self._scanner = DefectScanner()

    def feed(self, piece: Piece) -> bytes:
        """Give what can be sent of the next piece.

        Raises:
            LocalProtocolError: Something in it may not be sent.
        """
        try:
            data = piece.encode("utf-8") if isinstance(piece, str) else bytes(piece)
        except ValueError as error:
            # Half of a surrogate pair has no UTF-8, and memory that was released has no octets.
            raise LocalProtocolError(f"a piece of the content that has no octets: {error}") from error
        if self.binary:
            return data
        if self._line_ends is None:
            bare = self._choice or ("convert" if isinstance(piece, str) else "error")
            self._line_ends = LineEnds(bare_newlines=bare, allow_nul=self._allow_nul)
        return self._checked(self._line_ends.write(data))

    def finish(self) -> bytes:
        """Give what is left behind the last piece.

        Raises:
            LocalProtocolError: The content ended with what may not be sent.
        """
        if self._line_ends is None:
            return b""
        data = self._checked(self._line_ends.finish())
        self._scanner.finish()
        self._judge()
        return data

    def _checked(self, data: bytes) -> bytes:
        if self._pass_long:
            if self._seven_bit and not data.isascii():
                raise LocalProtocolError(_EIGHT_BIT)
            return data
        self._scanner.feed(data)
        self._judge()
        return data

    def _judge(self) -> None:
        defects = self._scanner.defects
        if Defect.LONG_LINE in defects:
            raise LocalProtocolError(
                'a line of over 998 octets: encode the content, or let it pass with long_lines="pass"'
            )
        if self._seven_bit and Defect.EIGHT_BIT in defects:
            raise LocalProtocolError(_EIGHT_BIT)


_EIGHT_BIT: Final = "8-bit content for a server without 8BITMIME: encode it"
