"""The same octets cut in every way: what a reader makes of them must not depend on the cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def cuttings(data: bytes) -> Iterator[list[bytes]]:
    """The octets whole, one by one, and cut in two at every place."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for i in range(1, len(data)):
        yield [data[:i], data[i:]]


def read_alike(read: Callable[[list[bytes]], tuple[T, bytes]], data: bytes, trailing: bytes = b"") -> T:
    """Feed a reader ``data`` in every cutting, alone and with ``trailing`` behind it, and demand one result.

    ``read`` gets the pieces, feeds them to a fresh reader in order, reads after each, and gives what it read
    and which octets are left over; those must be exactly the trailing ones.
    """
    result, rest = read([data])
    assert rest == b"", "the reader did not use the octets up"
    for tail in {b"", trailing}:
        for pieces in cuttings(data + tail):
            again, rest = read(pieces)
            assert again == result, f"another result when cut as {pieces!r}"
            assert rest == tail, f"other octets left over when cut as {pieces!r}"
    return result
