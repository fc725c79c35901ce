"""What a server's connections need of their event loop: sockets, timers, calls. One for all of them, on either backend.

All sockets are in one selector and stay in it. The selector has a descriptor that is readable when one of them is, and
for that the event loop waits, or on trio a single task. What the loop itself does for a socket costs more than a short
command does in the session: a transport of asyncio is made by a task, and calls through a handle, a selector and three
methods for each read; on trio every wait is a registration of the socket, a turn of the scheduler and a scope.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import Context
from typing import Protocol

import anyio
import anyio.lowlevel

from .hooks import is_asyncio, logger
from .sockets import Sockets, can_be_waited_for

_PASSES = 10
"""Looks at the sockets in a row that find something; then the other tasks have their turn."""
_TICK = 0.001
"""Seconds that a timer is late at the most for a clock that has no finer ones."""
_MANY = 100
"""Timers that are worth to be sorted out when most of them are of no use any more."""


class Sleeper(Protocol):
    """Whoever wants to be called at a time."""

    context: Context
    """Where it is called."""

    def wake(self) -> None:
        """The time has come."""


class Handle:
    """A function that will be called soon, unless it is cancelled."""

    __slots__ = ("_callback", "_context")

    def __init__(self, callback: Callable[[], None], context: Context) -> None:
        self._context = context
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not call it."""
        self._callback = None

    def run(self) -> None:
        """Call it."""
        if self._callback is not None:
            try:
                self._context.run(self._callback)
            except Exception:
                # No peer can cause this, and it must not cost the other connections anything.
                logger.exception("internal error")


class Timer:
    """A call that is to come at a time."""

    __slots__ = ("_reactor", "when", "who")

    def __init__(self, when: float, who: Sleeper, reactor: Reactor) -> None:
        self.when = when
        self.who: Sleeper | None = who
        self._reactor = reactor

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when

    def cancel(self) -> None:
        """It is not to come. The sleeper is let go at once, with the connection that it is."""
        if self.who is not None:
            self.who = None
            self._reactor.cancelled()


class Reactor(ABC):
    """Calls what is to be called when sockets are ready and timers due, while `run` runs."""

    time: Callable[[], float]
    """Seconds on the loop's clock."""

    def __init__(self) -> None:
        self.sockets = Sockets()
        self._soon: list[Handle] = []
        self._timers: list[Timer] = []
        self._useless = 0

    def call_soon(self, callback: Callable[[], None], context: Context) -> Handle:
        """Call a function in the next turn."""
        handle = Handle(callback, context)
        self._soon.append(handle)
        if len(self._soon) == 1:
            self._hurry()
        return handle

    def wake_at(self, when: float, who: Sleeper) -> Timer:
        """Call somebody at a time of the clock."""
        timer = Timer(when, who, self)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._set_alarm()
        return timer

    def cancelled(self) -> None:
        """A timer will not be called. The heap is made anew when it holds little else than such."""
        self._useless += 1
        if self._useless > _MANY and self._useless * 2 > len(self._timers):
            self._useless = 0
            self._timers = [timer for timer in self._timers if timer.who is not None]
            heapq.heapify(self._timers)

    @abstractmethod
    async def run(self) -> None:
        """Call what is due until `stop`. Whatever ends it, no socket is watched any more then."""

    @abstractmethod
    def stop(self) -> None:
        """Let `run` return; no connection may be left."""

    def drain(self) -> None:
        """Call what was to be called soon, where `run` has ended, and look at no socket."""
        while self._soon:
            self._call_soon()

    @abstractmethod
    def _hurry(self) -> None:
        """See that `_call_soon` is called in the next turn."""

    @abstractmethod
    def _set_alarm(self) -> None:
        """See that `_wake_due` is called when the first timer is due, which may be another than before."""

    def _call_soon(self) -> None:
        handles, self._soon = iter(self._soon), []
        self.sockets.hold()
        try:
            for handle in handles:
                handle.run()
        except BaseException:
            # The server ends by this, and calls the others by `drain`.
            self._soon = [*handles, *self._soon]
            raise
        finally:
            self.sockets.release()

    def _next_time(self) -> float:
        while self._timers and self._timers[0].who is None:
            heapq.heappop(self._timers)
            self._useless -= 1
        return self._timers[0].when if self._timers else math.inf

    def _wake_due(self) -> None:
        """Call those whose time has come."""
        now = self.time()
        while self._next_time() <= now:
            timer = heapq.heappop(self._timers)
            who, timer.who = timer.who, None
            assert who is not None  # see _next_time()
            try:
                who.context.run(who.wake)
            except Exception:
                # No peer can cause this, and it must not cost the other connections anything.
                logger.exception("internal error")


def reactor_of_this_loop() -> Reactor | None:
    """A reactor on the running event loop; None where a selector cannot be waited for."""
    if not can_be_waited_for():
        return None
    return AsyncioReactor() if is_asyncio() else TrioReactor()


class AsyncioReactor(Reactor):
    """On asyncio the loop calls when the selector is readable, and when the first timer is due."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = loop = asyncio.get_running_loop()
        self.time = loop.time
        self._alarm: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self._error: BaseException | None = None

    async def run(self) -> None:
        """Call what is due until `stop`.

        Raises:
            BaseException: What no function may raise, and one has.
        """
        self._loop.add_reader(self.sockets.fileno(), self._call, self.sockets.look)
        try:
            await self._over.wait()
        finally:
            self._loop.remove_reader(self.sockets.fileno())
            self.sockets.close()
            self._over.set()
            self._set_alarm()
        if isinstance(self._error, asyncio.CancelledError):
            # Raised as it is it would be taken for the end of a task that was cancelled, in good order.
            raise RuntimeError("what a function waited for was cancelled") from self._error
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Let `run` return."""
        self._over.set()

    def _hurry(self) -> None:
        self._loop.call_soon(self._call, self._call_soon)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        when = self._next_time()
        over = when == math.inf or self._over.is_set()
        # uvloop counts in milliseconds, and would call before the time again and again until it has come.
        when = max(when, self.time() + _TICK)
        self._alarm = None if over else self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._call(self._wake_due)
        self._set_alarm()

    def _call(self, function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException as error:
            # The loop would report it and go on, and the connection that it befell would stand for ever.
            self._error = error
            self._over.set()


class TrioReactor(Reactor):
    """On trio everything is called in the task that calls `run`, which waits for the selector and the next timer."""

    def __init__(self) -> None:
        from trio import current_time  # who has no trio never comes here

        super().__init__()
        self.time = current_time
        self._sleep: anyio.CancelScope | None = None
        self._stopped = False

    async def run(self) -> None:
        """Call what is due until `stop`."""
        try:
            while not self._stopped:
                for _ in range(_PASSES):
                    if not self._turn():
                        break
                if self._soon:
                    await anyio.lowlevel.checkpoint()
                    continue
                with anyio.CancelScope(deadline=self._next_time()) as self._sleep:
                    await anyio.wait_readable(self.sockets.fileno())
                self._sleep = None
        finally:
            self._stopped = True
            self.sockets.close()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped = True
        self._wake()

    def _hurry(self) -> None:
        self._wake()

    def _set_alarm(self) -> None:
        self._wake()

    def _wake(self) -> None:
        if self._sleep is not None:
            self._sleep.cancel()

    def _turn(self) -> bool:
        """Call what is due; whether a socket was ready."""
        ready = self.sockets.look()
        if self._timers:
            self._wake_due()
        if self._soon:
            self._call_soon()
        return ready
