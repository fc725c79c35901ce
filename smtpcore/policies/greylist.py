"""Greylisting: who has not been seen is asked to come again (RFC 6647)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from smtpcore.commands import Rcpt
from smtpcore.handler import Handler, MaybeAwaitable
from smtpcore.policies.networks import network_of
from smtpcore.replies import Reply

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

_GREYLISTED = Reply(450, "Greylisted, try again later", "4.7.1")


class GreylistStore:
    """Remembers when a key was first and last seen. The method may be plain or async."""

    def first_seen(self, key: str, now: float, expiry: float) -> MaybeAwaitable[float]:
        """Note that the key was seen now.

        Args:
            key: Printable text.
            now: The clock's time, in seconds.
            expiry: Seconds of silence after which a key is new again.

        Returns:
            When it was seen first; ``now`` for a new one.
        """
        raise NotImplementedError


class MemoryGreylistStore(GreylistStore):
    """Keeps the keys in memory, the latest ``max_keys`` of them.

    Args:
        max_keys: Those that were quiet longest are forgotten beyond it.
        lock: Held for each look; give ``threading.Lock()`` where sessions run in threads.
    """

    def __init__(self, max_keys: int = 100_000, *, lock: AbstractContextManager[object] | None = None) -> None:
        self._max_keys = max_keys
        self._lock = lock if lock is not None else nullcontext()
        self._times: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def first_seen(self, key: str, now: float, expiry: float) -> float:
        """Note that the key was seen now."""
        with self._lock:
            first, last = self._times.get(key, (now, now))
            if now - last > expiry:
                first = now
            self._times[key] = (first, now)
            self._times.move_to_end(key)
            while len(self._times) > self._max_keys:
                self._times.popitem(last=False)
        return first

    def __len__(self) -> int:
        return len(self._times)


class Greylist(Handler):
    """Refuses 450 4.7.1 a sender, recipient and network that come together for the first time.

    Args:
        clock: Seconds since some fixed moment; wall time where the store outlives the process.
        store: What remembers; in memory by default.
        delay: Seconds after which a second attempt is taken.
        expiry: Seconds of silence after which the three are new again. RFC 6647 5 suggests at least a day
            for those that never came a second time, and weeks for the others; one value serves both.
        ipv4_prefix: Bits of an IPv4 network: a sender may have several hosts that try in turn.
        ipv6_prefix: Bits of an IPv6 network.

    Who has authenticated, or has no address, is not asked to come again.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        store: GreylistStore | None = None,
        *,
        delay: float = 300.0,
        expiry: float = 36 * 86400.0,
        ipv4_prefix: int = 24,
        ipv6_prefix: int = 64,
    ) -> None:
        self._clock = clock
        self._store = store if store is not None else MemoryGreylistStore()
        self._delay = delay
        self._expiry = expiry
        self._prefixes = (ipv4_prefix, ipv6_prefix)

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> MaybeAwaitable[Reply | None]:
        """Ask the store."""
        if session.identity is not None:
            return None
        network = network_of(session.peer, *self._prefixes)
        if network is None or session.envelope is None:
            return None
        key = f"{network} {session.envelope.mail.path} {rcpt.path}"
        now = self._clock()
        first = self._store.first_seen(key, now, self._expiry)
        return self._judge_later(now, first) if isinstance(first, Awaitable) else self._judge(now, first)

    def _judge(self, now: float, first: float) -> Reply | None:
        return None if now - first >= self._delay else _GREYLISTED

    async def _judge_later(self, now: float, first: Awaitable[float]) -> Reply | None:
        return self._judge(now, await first)
