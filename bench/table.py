"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results import Results, Row, Spread
from bench.workloads import Workload

NOTHING = "-"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are as wide as they have to be; all but the first are to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]) + " |"

    first, *others = widths
    rule = "| " + " | ".join(["-" * first, *("-" * (width - 1) + ":" for width in others)]) + " |"
    return "\n".join([line(head), rule, *map(line, rows)])


def number(value: float) -> str:
    """Three significant digits, and no exponent."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def ranged(spread: Spread) -> str:
    """The median, and the range behind it."""
    return f"{number(spread.middle)} ({number(spread.least)} to {number(spread.greatest)})"


def overview(results: Results, servers: Sequence[str], reference: str) -> str:
    """One line for each server, one column for each workload that the reference plays: the ratio to it."""
    shown = {name: rows for name, rows in results.items() if _measured(rows, reference)}
    lines = [[server, *(_ratio(rows, server, reference) for rows in shown.values())] for server in servers]
    return table(["server", *shown], lines)


def details(workload: Workload, rows: dict[str, Row], references: Sequence[str]) -> str:
    """All that was measured with one workload, the ratio to the first of the references that plays it."""
    reference = next((each for each in references if _measured(rows, each)), None)
    cost = "MB" if workload.idle else "CPU s"
    head = ["server", cost]
    head += [] if reference is None else [f"ratio to {reference}"]
    head += ["s until all are there", "peak MB"] if workload.idle else ["wall s", "peak MB", "generator busy"]
    lines = []
    for server, row in rows.items():
        if row.measured:
            line = [server, ranged(row.cost)]
            line += [] if reference is None else [ranged(row.ratio(rows[reference]))]
            line += [number(row.wall.middle), number(row.peak / 1e6)]
            line += [] if workload.idle else [f"{row.load:.0%}"]
            lines.append(line)
    failures = [f"\n{server} failed: {row.failure}" for server, row in rows.items() if row.failure]
    return "\n".join([f"### {workload.name}: {workload.what}\n", table(head, lines), *failures])


def _measured(rows: dict[str, Row], server: str) -> bool:
    return server in rows and rows[server].measured


def _ratio(rows: dict[str, Row], server: str, reference: str) -> str:
    if server not in rows:
        return NOTHING
    return number(rows[server].ratio(rows[reference]).middle) if rows[server].measured else "failed"
