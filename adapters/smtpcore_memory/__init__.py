"""Sessions over pipes in memory: no socket, no thread, and only as much time as the caller lets pass.

`run` is a whole dialogue with a server in one call. `Pipe` is the peer's end of one connection, for tests that go step
by step, with STARTTLS and a clock of their own. `pair` connects a client's session to a server's. `Driver` and
`ClientDriver` are the ends alone, for those who bring a peer of their own.
"""

from __future__ import annotations

from .clock import Clock
from .driver import ClientDriver, Driver
from .pair import Cut, Pair, pair
from .pipe import Options, Pipe, run

__all__ = ["ClientDriver", "Clock", "Cut", "Driver", "Options", "Pair", "Pipe", "pair", "run"]
