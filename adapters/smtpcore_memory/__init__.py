"""Sessions over pipes in memory: no socket, no thread, and only as much time as the caller lets pass.

`run` is a whole dialogue in one call. `Pipe` is the peer's end of one connection, for tests that go step by step,
with STARTTLS and a clock of their own. `pair` gives both ends, for those who bring their own client.
"""

from __future__ import annotations

from .clock import Clock
from .driver import Driver
from .pipe import Options, Pipe, pair, run

__all__ = ["Clock", "Driver", "Options", "Pipe", "pair", "run"]
