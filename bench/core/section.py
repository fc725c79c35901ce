"""The core alone: measured, and written as a section of the results."""

from __future__ import annotations

from collections.abc import Callable

from bench.core.cases import Case, usual, worst
from bench.core.subjects import Connection, Lines, Octets, Session, Subject, Text, seconds
from bench.results import Spread, spread
from bench.table import number, ranged, table

_SCALE = 4
_TITLE = """\
## The core alone

In one process, without sockets; CPU time. Commands in millions a second, octets in MB (10^6) a second. Beside them the
cheapest loop: commands are cut at CRLF, their verb looked up and a reply appended; each piece of content is searched
for its end (DATA) or counted (BDAT). The session streams content to a sink, which drops it.
"""
_WORST = """\
### Worst cases

MB a second, and the same for a quarter of the input: where the two agree the time is linear in it.
"""

_CEILINGS: dict[str, Callable[[], Subject]] = {"commands": Lines, "text": Text, "chunk": Octets}
_SUBJECTS: list[Callable[[], Subject]] = [Connection, Session]


def section(rounds: int) -> str:
    """As Markdown."""
    return "\n".join([_TITLE, _usual(rounds) + "\n", _WORST, _worst(rounds) + "\n"])


def _usual(rounds: int) -> str:
    lines = [[case.name, "M/s" if case.commands else "MB/s", *map(ranged, _rates(case, rounds))] for case in usual()]
    return table(["", "", "cheapest loop", "ServerConnection", "ServerSession"], lines)


def _worst(rounds: int) -> str:
    lines = []
    for whole, quarter in zip(worst(_SCALE), worst(1), strict=True):
        pairs = zip(_rates(whole, rounds), _rates(quarter, rounds), strict=True)
        lines.append([whole.name, *(number(rate.middle) for pair in pairs for rate in pair)])
    head = ["cheapest loop", "a quarter", "ServerConnection", "a quarter", "ServerSession", "a quarter"]
    return table(["", *head], lines)


def _rates(case: Case, rounds: int) -> list[Spread]:
    """Millions of commands or of octets a second: of the cheapest loop, then of the subjects, in turn in each round."""
    amount = (case.commands or case.octets) / 1e6
    makers = [_CEILINGS[case.kind], *_SUBJECTS]
    measured = [[amount / seconds(make, case.before, case.pieces) for make in makers] for _ in range(rounds)]
    return [spread(rates) for rates in zip(*measured, strict=True)]
