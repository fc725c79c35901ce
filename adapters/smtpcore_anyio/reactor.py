"""An event loop inside one task of trio: the sockets and timers of all connections of a server.

A task of trio for each connection costs more than the session in it: every wait for a command is a registration of
the socket, a turn of trio's scheduler and, for the deadline, a scope. Here all sockets are in one selector, and stay in
it. The selector has a descriptor that is readable when one of them is, so a single task waits for all of them.

It offers what `Connection` and `Acceptor` need of a loop of asyncio.
"""

from __future__ import annotations

import heapq
import math
import selectors
import socket
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeAlias

import anyio
import anyio.lowlevel

from .hooks import is_asyncio, logger

Ready: TypeAlias = Callable[[int], None]
"""Is called with the events that a socket is ready for."""

_PASSES = 10
"""Looks at the sockets in a row that find something; then the other tasks have their turn."""
_MANY = 100
"""Timers that are worth to be sorted out when most of them are of no use any more."""


def is_for_this_loop() -> bool:
    """Whether there can be a reactor: on trio, where a selector can be waited for (not so on Windows)."""
    return not is_asyncio() and hasattr(selectors.DefaultSelector, "fileno")


class Handle:
    """A function that will be called, in the context of whoever asked for it, unless it is cancelled."""

    __slots__ = ("_context", "callback")

    def __init__(self, callback: Callable[[], None]) -> None:
        self._context = copy_context()
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not call it. It is let go at once, with the connection it belongs to."""
        self.callback = None

    def run(self) -> None:
        """Call it."""
        callback, self.callback = self.callback, None
        if callback is not None:
            try:
                self._context.run(callback)
            except Exception:
                # No peer can cause this, and it must not cost the other connections anything.
                logger.exception("internal error")


class Timer(Handle):
    """The same, at a time."""

    __slots__ = ("_reactor", "when")

    def __init__(self, callback: Callable[[], None], when: float, reactor: Reactor) -> None:
        super().__init__(callback)
        self.when = when
        self._reactor = reactor

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when

    def cancel(self) -> None:
        """Do not call it."""
        if self.callback is not None:
            super().cancel()
            self._reactor.cancelled()


class Reactor:
    """Calls what is to be called when sockets are ready and timers due; everything in the task that calls `run`."""

    def __init__(self) -> None:
        from trio import current_time  # who has no trio never comes here

        self.time = current_time
        self._selector = selectors.DefaultSelector()
        self._descriptor = int(self._selector.fileno())  # see is_for_this_loop()
        self._soon: list[Handle] = []
        self._timers: list[Timer] = []
        self._useless = 0
        self._sleep: anyio.CancelScope | None = None
        self._stopped = False

    # What connections ask for.

    def call_soon(self, callback: Callable[[], None]) -> Handle:
        """Call a function in the next turn, behind a look at the sockets."""
        handle = Handle(callback)
        self._soon.append(handle)
        self._wake()
        return handle

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call a function at a time of the clock."""
        timer = Timer(callback, when, self)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._wake()
        return timer

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call a function in so many seconds."""
        return self.call_at(self.time() + seconds, callback)

    def cancelled(self) -> None:
        """A timer will not be called. The heap is made anew when it holds little else than such."""
        self._useless += 1
        if self._useless > _MANY and self._useless * 2 > len(self._timers):
            self._useless = 0
            self._timers = [timer for timer in self._timers if timer.callback is not None]
            heapq.heapify(self._timers)

    def watch(self, sock: socket.socket, before: int, events: int, ready: Ready) -> None:
        """Call a function when a socket is ready for other events than before; 0 is for none.

        A socket that nothing is wanted of is in no selector, which would tell of an error again and again.
        """
        if self._stopped:
            return
        if not before:
            self._selector.register(sock, events, ready)
        elif events:
            self._selector.modify(sock, events, ready)
        else:
            self._selector.unregister(sock)

    def add_reader(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        """Call a function whenever there is something to read."""
        self.watch(sock, 0, selectors.EVENT_READ, lambda _: callback())

    def remove_reader(self, sock: socket.socket) -> None:
        """Do so no more."""
        self.watch(sock, selectors.EVENT_READ, 0, _nothing)

    # The loop.

    async def run(self) -> None:
        """Call what is due until `stop`. Whatever ends it, no socket is watched any more then."""
        try:
            while not self._stopped:
                for _ in range(_PASSES):
                    if not self._turn():
                        break
                if self._soon:
                    await anyio.lowlevel.checkpoint()
                    continue
                with anyio.CancelScope(deadline=self._next_time()) as self._sleep:
                    await anyio.wait_readable(self._descriptor)
                self._sleep = None
        finally:
            self._stopped = True
            self._selector.close()

    def stop(self) -> None:
        """Let `run` return; no connection may be left."""
        self._stopped = True
        self._wake()

    def drain(self) -> None:
        """Call what was to be called soon, where no turn will come any more, and look at no socket."""
        while self._soon:
            self._call_soon()

    def _wake(self) -> None:
        if self._sleep is not None:
            self._sleep.cancel()

    def _next_time(self) -> float:
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
            self._useless -= 1
        return self._timers[0].when if self._timers else math.inf

    def _turn(self) -> bool:
        """Call what is due; whether a socket was ready."""
        events = self._selector.select(0)
        for key, ready in events:
            key.data(ready)
        if self._timers and self._next_time() <= (now := self.time()):
            while self._next_time() <= now:
                heapq.heappop(self._timers).run()
        if self._soon:
            self._call_soon()
        return bool(events)

    def _call_soon(self) -> None:
        handles, self._soon = self._soon, []
        for handle in handles:
            handle.run()


def _nothing(events: int) -> None:
    """Nobody calls it: there are no events."""
