"""Several deadlines at once, by name, and the earliest of them."""

from __future__ import annotations


class Timers:
    """Points in monotonic time at which something is due. Setting one replaces its former value."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def set(self, name: str, at: float) -> None:
        """Let the timer ``name`` expire at the given time, in seconds of the session's monotonic clock."""
        self._due[name] = at

    def start(self, name: str, now: float, duration: float | None) -> None:
        """Let a timer expire so many seconds from now; None turns it off."""
        if duration is None:
            self._due.pop(name, None)
        else:
            self._due[name] = now + duration

    def bring(self, name: str, at: float) -> None:
        """Let a timer expire at the given time, unless it is set to expire earlier."""
        self._due[name] = min(at, self._due.get(name, at))

    def stop(self, *names: str) -> None:
        """Forget timers, running or not."""
        for name in names:
            self._due.pop(name, None)

    def runs(self, name: str) -> bool:
        """Whether a timer is set."""
        return name in self._due

    @property
    def earliest(self) -> float | None:
        """When the first one expires."""
        return min(self._due.values(), default=None)

    def expired(self, now: float) -> list[str]:
        """Take the timers whose time has come, the earliest first."""
        names = sorted((name for name, at in self._due.items() if at <= now), key=self._due.__getitem__)
        self.stop(*names)
        return names
