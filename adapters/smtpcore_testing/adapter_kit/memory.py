"""A bound for what server and client allocate, where they run in one process."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

MIB = 1024 * 1024


@contextmanager
def memory_under(limit: int) -> Iterator[None]:
    """What is allocated in here, by server and client together, is less than so many octets at any time."""
    tracemalloc.start(1)
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()
