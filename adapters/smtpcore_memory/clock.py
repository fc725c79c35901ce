"""A clock that the caller moves."""

from __future__ import annotations


class Clock:
    """Monotonic time in seconds, which stands still until it is moved. Several connections may share one."""

    __slots__ = ("now",)

    now: float
    """Seconds since the clock was made, unless it was made with another time."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time, as a session's ``monotonic``."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock and do nothing else; `Pipe.advance` tells the session of each deadline on the way.

        Raises:
            ValueError: Time does not run backwards.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards: seconds is 0 or more")
        self.now += seconds

    def __repr__(self) -> str:
        return f"Clock({self.now})"
