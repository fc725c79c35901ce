"""Octets in pieces: joined they are what came, and small ones cost no more than large ones."""

from __future__ import annotations

import sys
import tracemalloc

import pytest

from smtpcore.lines import InputBuffer
from smtpcore.pieces import Pieces, keep
from smtpcore.session.content import Content
from tests.session.driver import Dialogue


@pytest.mark.parametrize(
    "sizes", [[], [1], [1, 1, 1], [5000], [1, 5000, 1, 1, 4096, 4095, 1, 5000, 5000], [5000, 0, 1]]
)
def test_pieces_give_what_was_kept_in_order(sizes: list[int]) -> None:
    given = [bytes([number]) * size for number, size in enumerate(sizes)]
    pieces: Pieces | None = None
    for piece in given:
        pieces = keep(pieces, piece)
    assert b"".join(pieces or ()) == b"".join(given)
    assert given == [bytes([number]) * size for number, size in enumerate(sizes)]


def test_small_pieces_are_put_together_and_large_ones_are_not_copied() -> None:
    large = b"x" * 4096
    pieces: Pieces | None = None
    for piece in (large, b"ab", b"cd", large):
        pieces = keep(pieces, piece)
    assert pieces is not None
    assert pieces == [large, b"abcd", large]
    assert pieces[0] is large
    assert pieces[2] is large


def memory(pairs: int, buffer: InputBuffer | None) -> int:
    """What so many pieces of two octets take where nobody reads them, or in a message that is collected."""
    content, session = Content(), Dialogue().session
    tracemalloc.start()
    for number in range(pairs):
        piece = b"%02d" % (number % 100)
        if buffer is None:
            content.collect(session, piece)
        else:
            buffer.feed(piece)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="tracemalloc is CPython's")
@pytest.mark.parametrize("buffer", [InputBuffer(), None], ids=["input", "content"])
def test_pieces_of_two_octets_take_no_more_memory_than_what_is_in_them(buffer: InputBuffer | None) -> None:
    assert memory(20_000, buffer) < 80_000
