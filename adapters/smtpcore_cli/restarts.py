"""When a worker that has ended gets a successor."""

from __future__ import annotations

_QUICK = 10.0
"""Seconds; who lives longer has not ended at once."""
_FIRST, _LONGEST = 0.25, 5.0
"""Seconds to wait. So do the connections of the slot; clients wait 300 for a greeting (RFC 5321 4.5.3.2.1)."""
_ATTEMPTS = 5


class Restarts:
    """Waits the longer the more workers in a row have ended at once, and gives up if none even begins to serve."""

    def __init__(self) -> None:
        self._quick = 0
        self._stillborn = 0

    @property
    def hopeless(self) -> bool:
        """Whether so many in a row have ended before they served that another one is of no use."""
        return self._stillborn >= _ATTEMPTS

    def served(self) -> None:
        """A worker serves."""
        self._stillborn = 0

    def ended(self, lived: float, *, served: bool) -> float:
        """A worker has ended that should not have.

        Args:
            lived: Seconds.
            served: Whether it got so far.

        Returns:
            The seconds to wait until the next one starts.
        """
        self._quick = self._quick + 1 if lived < _QUICK else 0
        if not served:
            self._stillborn += 1
        # The first time may be an accident. A row may be longer than floats can count by doubling.
        return min(_FIRST * 2.0 ** min(self._quick - 2, 10), _LONGEST) if self._quick > 1 else 0.0
