"""A worker: a process that serves in one slot, on the orders of its supervisor."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum
from functools import partial

import anyio

from .application import Application
from .errors import UsageError
from .output import Lines
from .serving import Places, Serving, threads
from .settings import Settings

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Those that are for the supervisor alone. A terminal or a service manager may well send them to its workers too."""
_READY = b"r"
_MISUSE = 2


class Order(Enum):
    """What the supervisor tells a worker. The end of its words means STOP: the supervisor is no more."""

    DRAIN = b"d"
    """Another one has taken your place: accept no more, and end with your sessions."""
    STOP = b"s"
    """End when the transactions under way are done."""
    NOW = b"n"
    """End without waiting for them."""


class Worker:
    """A process, as its supervisor sees it.

    Args:
        slot: The number of its slot.
        settings: What it serves.
        places: Where, inherited.
        let_go: Called in the new process, to close there what is not its own.

    Raises:
        OSError: The system has no room for another process.
    """

    def __init__(self, slot: int, settings: Settings, places: Places, let_go: Callable[[], None]) -> None:
        self.slot = slot
        self.settings = settings
        self.serving = False
        self.channel, theirs = socket.socketpair()
        self.began = time.monotonic()
        with theirs:
            # A signal that comes before the new process ignores it would be taken for one to the supervisor.
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            try:
                self.pid = os.fork()
                if self.pid == 0:
                    _be_worker(settings, places, theirs, self.channel, let_go)
            except OSError:
                self.channel.close()
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def tell(self, order: Order) -> None:
        """Give an order; one that has ended already does not hear it."""
        try:
            self.channel.send(order.value)
        except OSError:
            pass

    def kill(self) -> None:
        """End it by force."""
        os.kill(self.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Hear what it has to say: that it serves now, or by falling silent that it has ended."""
        try:
            self.serving = self.channel.recv(1) == _READY
        except ConnectionResetError:
            # It has ended, and has not heard all that it was told.
            self.serving = False
        return not self.serving

    def reap(self) -> int:
        """Wait for the process, which has nothing more to do.

        Returns:
            Its exit status, or the negative number of the signal that has ended it.
        """
        self.channel.close()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def _be_worker(
    settings: Settings, places: Places, channel: socket.socket, other_end: socket.socket, let_go: Callable[[], None]
) -> None:
    """What the new process does; it does not return, for what stands on the stack is the supervisor's."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        other_end.close()
        let_go()
        status = _work(settings, places, channel)
    except UsageError as error:
        status = _MISUSE
        Lines(sys.stderr)(f"smtpcore: error: {error}")
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _work(settings: Settings, places: Places, channel: socket.socket) -> int:
    with ExitStack() as stack:
        serving = Serving(settings, Application(settings, stack))
        anyio.run(serving.run, places, partial(_obey, serving, channel), lambda: _say_ready(channel))
    if not serving.forced:
        for each in threads():
            each.join()
    return serving.status


def _say_ready(channel: socket.socket) -> None:
    try:
        channel.send(_READY)
    except OSError:
        # The supervisor has gone; that is heard from the other direction.
        pass


async def _obey(serving: Serving, channel: socket.socket) -> None:
    channel.setblocking(False)
    while True:
        await anyio.wait_readable(channel)
        match _order(channel):
            case Order.DRAIN:
                serving.drain()
            case Order.STOP:
                serving.stop()
            case Order.NOW:
                serving.stop_now()
            case None:
                if not serving.stopping:
                    serving.log("the supervisor has gone: stopping when the transactions under way are done")
                    serving.stop()
                return


def _order(channel: socket.socket) -> Order | None:
    try:
        word = channel.recv(1)
    except ConnectionResetError:
        word = b""
    return Order(word) if word else None
