"""What was measured, and what follows from it: medians, ranges, ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the least and the greatest."""

    middle: float
    least: float
    greatest: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one server with one workload."""

    cost: float
    """CPU seconds of the server for 1,000 messages; or, with idle connections, MB (10^6 octets) for 1,000."""
    wall: float
    """Seconds for 1,000 messages; with idle connections, for all of them to arrive."""
    load: float
    """The share of the wall time that the generator was busy; near 1 it would be the bottleneck."""


@dataclass(slots=True)
class Row:
    """One server with one workload."""

    samples: list[Sample] = field(default_factory=list)
    """One for each round."""
    peak: int = 0
    """The most octets that the server ever had in memory."""
    failure: str = ""
    """Why it has no samples, in one line."""

    @property
    def measured(self) -> bool:
        """There is something to show."""
        return bool(self.samples) and not self.failure

    @property
    def cost(self) -> Spread:
        """CPU seconds or MB, for 1,000."""
        return spread([sample.cost for sample in self.samples])

    @property
    def wall(self) -> Spread:
        """Seconds, for 1,000."""
        return spread([sample.wall for sample in self.samples])

    @property
    def load(self) -> float:
        """The busiest that the generator was."""
        return max(sample.load for sample in self.samples)

    def ratio(self, reference: Row) -> Spread:
        """How many times as much the reference needs, round by round: above 1 is better than it."""
        pairs = zip(reference.samples, self.samples, strict=True)
        return spread([theirs.cost / ours.cost for theirs, ours in pairs])


Results = dict[str, dict[str, Row]]
"""By workload, then by server."""
