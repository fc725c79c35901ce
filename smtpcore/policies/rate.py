"""How much from one network in a time: connections, messages, recipients, failures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smtpcore.commands import Mail, Rcpt
from smtpcore.handler import Handler
from smtpcore.policies.networks import network_of
from smtpcore.replies import Reply

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

_CONNECTIONS = Reply(421, "Too many connections, try again later", "4.7.0")
_FAILURES = Reply(421, "Too many failures, try again later", "4.7.0")
_MESSAGES = Reply(450, "Too many messages, try again later", "4.7.1")
_RECIPIENTS = Reply(450, "Too many recipients, try again later", "4.7.1")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds, on the average; as many may come at once.

    Raises:
        ValueError: One of them is not positive.
    """

    count: int
    seconds: float

    def __post_init__(self) -> None:
        if self.count < 1 or self.seconds <= 0:
            raise ValueError("a rate has a count and a time above zero")


class Meter:
    """Measures one rate for many keys, each by the time at which what it used would be free again.

    Memory is bounded: with too many keys the ones that were quiet longest are forgotten.
    """

    def __init__(self, rate: Rate, max_keys: int) -> None:
        self._step = rate.seconds / rate.count
        self._burst = rate.seconds
        self._max_keys = max_keys
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def over(self, key: str, now: float) -> bool:
        """Whether nothing is left for this key; nothing is taken."""
        return self._free_at.get(key, now) + self._step > now + self._burst + self._step / 2

    def take(self, key: str, now: float, count: int = 1) -> None:
        """Use up some."""
        self._free_at[key] = max(self._free_at.get(key, now), now) + self._step * count
        self._free_at.move_to_end(key)
        while len(self._free_at) > self._max_keys:
            self._free_at.popitem(last=False)

    def __len__(self) -> int:
        return len(self._free_at)


class RateLimit(Handler):
    """Limits what comes from one network. Peers without an address (unix sockets) are not limited.

    Args:
        clock: A monotonic clock in seconds.
        connections: Over it 421 4.7.0 in place of the greeting.
        messages: MAIL commands. Over it 450 4.7.1.
        recipients: RCPT commands. Over it 450 4.7.1.
        failures: Failed AUTH exchanges and recipients refused 5yz, counted when a session ends. Over it 421 4.7.0.
        ipv4_prefix: Bits of an IPv4 network that is counted as one.
        ipv6_prefix: Bits of an IPv6 network that is counted as one.
        max_keys: Networks that are remembered for each rate.
        lock: Held for each count; give ``threading.Lock()`` where sessions run in threads.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        connections: Rate | None = None,
        messages: Rate | None = None,
        recipients: Rate | None = None,
        failures: Rate | None = None,
        ipv4_prefix: int = 32,
        ipv6_prefix: int = 64,
        max_keys: int = 100_000,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._clock = clock
        self._prefixes = (ipv4_prefix, ipv6_prefix)
        self._lock = lock if lock is not None else nullcontext()
        self._connections, self._messages, self._recipients, self._failures = (
            None if rate is None else Meter(rate, max_keys) for rate in (connections, messages, recipients, failures)
        )

    def connect(self, session: ServerSession) -> Reply | None:
        """Count a connection; turn away who has failed too often."""
        network = network_of(session.peer, *self._prefixes)
        if network is not None and self._failures is not None:
            with self._lock:
                if self._failures.over(network, self._clock()):
                    return _FAILURES
        return self._count(session, self._connections, _CONNECTIONS)

    def mail(self, session: ServerSession, mail: Mail) -> Reply | None:
        """Count a message."""
        return self._count(session, self._messages, _MESSAGES)

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        """Count a recipient."""
        return self._count(session, self._recipients, _RECIPIENTS)

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        """Count what failed in the session."""
        count = session.budget.auth_failures + session.budget.bad_recipients
        network = network_of(session.peer, *self._prefixes)
        if count and network is not None and self._failures is not None:
            with self._lock:
                self._failures.take(network, self._clock(), count)

    def _count(self, session: ServerSession, meter: Meter | None, refusal: Reply) -> Reply | None:
        if meter is None:
            return None
        network = network_of(session.peer, *self._prefixes)
        if network is None:
            return None
        with self._lock:
            now = self._clock()
            if meter.over(network, now):
                return refusal
            meter.take(network, now)
        return None
