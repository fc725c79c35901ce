"""The supervisor starts the workers, replaces those that end, and ends them. It has no event loop and serves nobody."""

from __future__ import annotations

import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import anyio

from .errors import UsageError, reason
from .output import Lines
from .restarts import Restarts
from .serving import announce, listen, prepare, show_certificate
from .settings import Settings
from .slots import Slots
from .worker import SIGNALS, Order, Worker

_MISUSE = 2


def supervise(settings: Settings, renew: Callable[[], Settings]) -> int:
    """Serve by several processes until a signal comes.

    Args:
        settings: What they serve.
        renew: Makes the settings anew, for the workers that SIGHUP asks for.

    Returns:
        The exit status: 0; 1 when a worker ended by a fault while it was to stop, or none could be started any more;
        2 when it was to be seen from the start that none could.

    Raises:
        UsageError: A place to listen at is not to be had.
    """
    log = Lines(sys.stderr)
    prepare(settings, log)
    return Supervisor(settings, renew, log).run()


class Supervisor:
    """Starts one worker at a time: at the beginning, after a death, and for SIGHUP one for each slot that is taken.

    Args:
        settings: What the workers serve.
        renew: Makes the settings anew.
        log: Takes lines for the operator.

    Raises:
        UsageError: A place to listen at is not to be had.
    """

    def __init__(self, settings: Settings, renew: Callable[[], Settings], log: Callable[[str], None]) -> None:
        self._settings = settings
        self._renew = renew
        self._log = log
        self._slots = Slots(anyio.run(listen, settings), settings.workers)
        self._restarts = Restarts()
        self._not_before = 0.0
        self._due = deque(range(settings.workers))
        self._starting: Worker | None = None
        self._current: dict[int, Worker] = {}
        self._alive: set[Worker] = set()
        self._announced = False
        self._renewing = False
        self._told = 0
        self._status = 0
        self._selector = selectors.DefaultSelector()
        self._bell, self._ringing = socket.socketpair()

    def run(self) -> int:
        """Supervise until all workers have ended.

        Returns:
            The exit status.
        """
        with self._selector, self._bell, self._ringing, self._signals():
            self._selector.register(self._bell, selectors.EVENT_READ)
            try:
                while self._alive or not self._told:
                    self._start_next()
                    for key, _ in self._selector.select(self._patience()):
                        if key.data is None:
                            for number in self._bell.recv(64):
                                self._signalled(signal.Signals(number))
                        elif key.data.has_ended():
                            self._ended(key.data)
                        else:
                            self._serves(key.data)
            finally:
                self._slots.close()
        return self._status

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals ring the bell meanwhile; the handlers have to be there, and to do nothing."""

        def heard(number: int, frame: FrameType | None) -> None:
            pass

        self._bell.setblocking(False)
        self._ringing.setblocking(False)
        signal.set_wakeup_fd(self._ringing.fileno())
        for number in SIGNALS:
            signal.signal(number, heard)
        try:
            yield
        finally:
            # All is over. A signal that comes from here on is no failure.
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)

    # Starting.

    def _patience(self) -> float | None:
        if self._starting is None and self._due and not self._told:
            return max(0.0, self._not_before - time.monotonic())
        return None

    def _start_next(self) -> None:
        if self._patience() != 0.0:
            return
        slot = self._due.popleft()
        try:
            made = Worker(slot, self._settings, self._slots[slot], lambda: self._let_go(slot))
        except OSError as error:
            self._log(f"cannot start a worker: {reason(error)}")
            self._failed(slot, 0.0, 1)
            return
        self._starting = made
        self._alive.add(made)
        self._selector.register(made.channel, selectors.EVENT_READ, made)

    def _let_go(self, slot: int) -> None:
        """Close in a worker what is not its own."""
        self._slots.keep(slot)
        self._selector.close()
        for sock in (self._bell, self._ringing, *(each.channel for each in self._alive)):
            sock.close()

    def _serves(self, worker: Worker) -> None:
        self._starting = None
        self._restarts.served()
        before = self._current.get(worker.slot)
        self._current[worker.slot] = worker
        if self._told:
            return
        if before is not None:
            before.tell(Order.DRAIN)
        if len(self._current) < self._settings.workers or self._due:
            return
        if not self._announced:
            self._announced = True
            announce(self._settings, self._slots[0], self._log)
        if self._renewing:
            self._renewing = False
            show_certificate(self._settings, self._log)
            self._log("SIGHUP: new workers serve")

    # Ends.

    def _ended(self, worker: Worker) -> None:
        self._selector.unregister(worker.channel)
        self._alive.discard(worker)
        code = worker.reap()
        lived = time.monotonic() - worker.began
        how = f"worker {worker.pid}: {_how(code)}"
        if self._told:
            if code:
                self._log(how)
                self._status = self._status or 1
        elif worker is self._starting:
            self._starting = None
            self._log(f"{how} before it served")
            self._failed(worker.slot, lived, code)
        elif worker is self._current.get(worker.slot):
            self._log(f"{how}; another one takes its place")
            del self._current[worker.slot]
            self._start_again(worker.slot, self._restarts.ended(lived, served=True))
        elif code:
            self._log(f"{how}, though it had but to finish its sessions")

    def _failed(self, slot: int, lived: float, code: int) -> None:
        """A worker did not get so far as to serve."""
        pause = self._restarts.ended(lived, served=False)
        if kept := self._current.get(slot):
            self._log("SIGHUP: the workers that are not replaced yet stay")
            self._renewing = False
            self._settings = kept.settings
            self._due = deque(each for each in self._due if each not in self._current)
        elif self._restarts.hopeless or (code == _MISUSE and not self._announced):
            self._log("no worker can be started: stopping")
            self._status = code if code == _MISUSE else 1
            self._stop(Order.STOP)
        else:
            self._start_again(slot, pause)

    def _start_again(self, slot: int, pause: float) -> None:
        self._not_before = time.monotonic() + pause
        if slot not in self._due and (self._starting is None or self._starting.slot != slot):
            self._due.appendleft(slot)

    # Signals.

    def _signalled(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            if not self._told:
                self._replace_all()
        elif not self._told:
            self._log(f"{number.name}: stopping when the transactions under way are done")
            self._stop(Order.STOP)
        elif self._told == 1:
            self._log(f"{number.name}: stopping now")
            self._stop(Order.NOW)
        else:
            self._log(f"{number.name}: killing the workers")
            for worker in self._alive:
                worker.kill()

    def _replace_all(self) -> None:
        try:
            settings = self._renew()
        except UsageError as error:
            self._log(f"SIGHUP: the workers stay: {error}")
            return
        self._log("SIGHUP: replacing the workers")
        self._settings = settings
        self._renewing = True
        self._due = deque(range(settings.workers))

    def _stop(self, order: Order) -> None:
        self._told += 1
        self._due.clear()
        for worker in self._alive:
            worker.tell(order)
        # Who comes now is refused, and does not wait in a queue for nobody.
        self._slots.close()


def _how(code: int) -> str:
    """What an exit status says."""
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
