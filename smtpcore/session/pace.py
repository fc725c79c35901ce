"""How fast content has to come: the block, rate and whole-content deadlines of one message."""

from __future__ import annotations

from smtpcore.session.timeouts import Timeouts
from smtpcore.session.timers import Timers


class Pace:
    """Sets the timers ``block``, ``rate`` and ``data`` while content is read.

    Block and rate run only while the session waits for the peer: what a hook or a full output buffer
    takes is never charged to it. The whole-content limit always runs.
    """

    __slots__ = ("_octets", "_since", "_timeouts", "_timers", "_waited")

    def __init__(self, timeouts: Timeouts, timers: Timers) -> None:
        self._timeouts = timeouts
        self._timers = timers
        self._octets = 0
        self._waited = 0.0
        self._since: float | None = None

    def begin(self, now: float) -> None:
        """The 354 is about to go out."""
        self._timers.start("data", now, self._timeouts.data)
        self._octets = 0
        self._waited = 0.0

    def wait(self, now: float, *, fresh: bool) -> None:
        """The session waits for octets; ``fresh``: some have come since it last did."""
        if fresh or "block" not in self._timers:
            self._timers.start("block", now, self._timeouts.block)
        if self._timeouts.min_rate is not None and self._since is None:
            self._since = now
            self._timers["rate"] = now + self._timeouts.rate_window - self._waited

    def resume(self, now: float) -> None:
        """The wait is over."""
        if self._since is not None:
            self._waited += now - self._since
            self._since = None
        self._timers.pop("block", None)
        self._timers.pop("rate", None)

    def count(self, octets: int) -> None:
        """So many octets of content have come."""
        self._octets += octets

    def too_slow(self, now: float) -> bool:
        """Whether the window that is over brought too little; if not, the next one begins."""
        rate = self._timeouts.min_rate
        if rate is not None and self._octets < rate * self._timeouts.rate_window:
            return True
        self._octets = 0
        self._waited = 0.0
        self._since = None
        self.wait(now, fresh=False)
        return False

    def end(self) -> None:
        """The content is complete, or will never be."""
        self._octets = 0
        self._waited = 0.0
        self._since = None
        timers = self._timers
        timers.pop("block", None)
        timers.pop("rate", None)
        timers.pop("data", None)
