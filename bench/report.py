"""The text of a run: printed, and kept in RESULTS.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.results import Results
from bench.table import details, overview
from bench.workloads import Workload

_INTRODUCTION = """\
# Results

Written by `{command}`; what is measured and how is in [README.md](README.md).
Every figure is the median of {rounds} rounds, with the least and the greatest behind it where a range is given.
"""
_OVERVIEW = """\
## CPU time, as a ratio to {reference}

How many times the CPU time of the server {reference} needs for the same messages, paired by round: above 1 is better
than {reference}. In the columns w5 and w5t it is memory. "-": the server has no TLS. Workloads that {reference} cannot
play are in the tables below.
"""

_DETAILS = """\
## Each workload

CPU and wall time are for 1,000 messages, memory is for 1,000 connections; the peak is of the whole process.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """All that a report says."""

    command: str
    rounds: int
    machine: Sequence[str]
    versions: Mapping[str, str]
    """Of the servers that took part."""
    missing: Mapping[str, str]
    """Why the others did not."""
    workloads: Sequence[Workload]
    results: Results
    reference: str
    ceiling: str
    """What is compared with where the reference does not take part."""
    core: str
    """The section about the core alone; empty if it was not measured."""

    def text(self) -> str:
        """As Markdown."""
        versions = [f"* {name}: {version}" for name, version in self.versions.items()]
        missing = [f"* {name}: missing ({reason})" for name, reason in self.missing.items()]
        parts = [
            _INTRODUCTION.format(command=self.command, rounds=self.rounds),
            "## The machine\n\n" + "\n".join(f"* {line}" for line in self.machine) + "\n",
            "## The servers\n\n" + "\n".join([*versions, *missing]) + "\n",
        ]
        if self.results:
            ratios = overview(self.results, list(self.versions), self.reference)
            parts += [_OVERVIEW.format(reference=self.reference), ratios + "\n", _DETAILS]
            parts += [
                details(each, self.results[each.name], (self.reference, self.ceiling)) + "\n" for each in self.workloads
            ]
        if self.core:
            parts.append(self.core)
        return "\n".join(parts)
