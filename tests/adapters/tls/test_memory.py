"""What an idle connection keeps."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.adapters.tls.engines import new_pair


class MallInfo(ctypes.Structure):
    """``struct mallinfo2`` of the GNU C library."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


class TestMemory:
    @pytest.fixture
    def allocated(self) -> Callable[[], int]:
        """Octets that the C heap has handed out: exact, where resident memory is not."""
        try:
            mallinfo2 = ctypes.CDLL(None).mallinfo2
        except (AttributeError, OSError, TypeError):
            pytest.skip("the C library has no mallinfo2")
        mallinfo2.restype = MallInfo

        def octets_in_use() -> int:
            gc.collect()
            info = mallinfo2()
            return int(info.uordblks + info.hblkhd)

        return octets_in_use

    @pytest.mark.skipif(sys.implementation.name != "cpython", reason="knows how CPython allocates")
    @pytest.mark.parametrize(("traffic", "limit"), [(0, 30), (1 << 20, 64)], ids=["fresh", "after 1 MiB each way"])
    def test_an_idle_connection_keeps_little(
        self, contexts: Any, allocated: Callable[[], int], traffic: int, limit: int
    ) -> None:
        count = 50
        pairs = [new_pair(contexts) for _ in range(count)]
        for pair in pairs:
            pair.exchange()
            if traffic:
                pair.client.send(bytes(traffic))
                pair.server.receive(pair.client.outgoing())
                pair.server.send(bytes(traffic))
                pair.client.receive(pair.server.outgoing())
        clients = [pair.client for pair in pairs]
        before = allocated()
        # What dropping the servers gives back is what they kept.
        pairs.clear()
        del pair
        kept = (before - allocated()) / count
        assert len(clients) == count
        assert 0 < kept < limit * 1024
