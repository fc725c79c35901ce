"""The conformance page: every row of the lists beside this module, with the tests that show it to be kept.

The page depends on the rows, on which tests there are, and on whether they pass: no order of a run, no machine and no
time changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
KINDS = {"conformance": "rows.txt", "threat": "threats.txt"}
"""The markers, and the list that each takes its ids from."""
SHOWN = 3
"""So many tests of a row of the RFCs are named and the others counted; of a threat all are named."""

INTRODUCTION = """\
# Conformance

What smtpcore claims to keep to, row by row, and the tests that show it. The test suite writes this page:

```sh
python -m pytest -m "conformance or threat" --conformance-page=docs/conformance.md
```

A clause is an RFC and a section of it; "own" is a rule of this project, with the threat that it answers. XCLIENT and
XFORWARD are Postfix's, PROXY is HAProxy's. The role is that of the server (srv), the client (cli), LMTP (lmtp) or all
(both). A prohibition (MUST NOT) is put the way it is when it is kept; where an RFC has no key word for its rule, the
level is ours. Of the tests, those that show the fewest other rows come first.
"""


@dataclass(frozen=True)
class Row:
    """One line of a list."""

    ids: tuple[str, ...]
    """What it is about; just one id but in the list of differences."""
    cells: tuple[str, ...]
    """The columns behind the ids."""


@dataclass(frozen=True)
class Section:
    """Rows under one title."""

    title: str
    columns: tuple[str, ...]
    """The headings, ``id`` first."""
    rows: list[Row] = field(default_factory=list)


def read_sections(text: str) -> list[Section]:
    """Read a list: ``#`` comments, the headings, ``## Title`` lines, and rows with ``|`` between their cells.

    Raises:
        ValueError: A line has more or fewer cells than there are headings, or an id is there twice.
    """
    columns: tuple[str, ...] = ()
    sections: list[Section] = []
    known: set[str] = set()
    for line in text.splitlines():
        if line.startswith("## "):
            sections.append(Section(line[3:], columns))
        elif line and not line.startswith("#"):
            cells = tuple(cell.strip() for cell in line.split("|"))
            if not columns:
                columns = cells
                continue
            ids = tuple(cells[0].split())
            if len(cells) != len(columns) or "" in cells:
                raise ValueError(f"not {len(columns)} cells: {line}")
            if known.intersection(ids):
                raise ValueError(f"there twice: {line}")
            known.update(ids)
            sections[-1].rows.append(Row(ids, cells[1:]))
    return sections


def read_list(name: str) -> list[Section]:
    """Read one of the lists beside this module."""
    return read_sections((HERE / name).read_text(encoding="utf-8"))


def ids_of(sections: Iterable[Section]) -> list[str]:
    """All ids, in the order of the list."""
    return [identity for section in sections for row in section.rows for identity in row.ids]


@dataclass
class Evidence:
    """What is known of the tests of each row."""

    tests: dict[str, dict[str, int]] = field(default_factory=dict)
    """By id, the node ids of test functions without their parameters, each with the number of ids it is marked with."""
    passed: set[str] = field(default_factory=set)
    """The test functions of which some run passed."""
    failed: set[str] = field(default_factory=set)
    """Those of which some run failed."""

    def mark(self, function: str, ids: Iterable[str]) -> None:
        """A test function is marked with these ids."""
        ids = set(ids)
        for identity in ids:
            self.tests.setdefault(identity, {})[function] = len(ids)

    def of(self, identity: str) -> list[str]:
        """The test functions of a row; those that show the fewest other rows come first."""
        marked = self.tests.get(identity, {})
        return sorted(marked, key=lambda function: (marked[function], function))

    def result(self, identity: str) -> str:
        """Whether the tests of a row passed. One that was skipped, for want of a program, says nothing."""
        functions = set(self.of(identity))
        if functions & self.failed:
            return "fails"
        return "passes" if functions & self.passed else "not run"


def faults(ids: Iterable[str], evidence: Evidence) -> list[str]:
    """Which of these rows have no test, or one that failed."""
    found = [f"{identity} has no test" for identity in ids if not evidence.of(identity)]
    return found + [f"a test of {identity} failed" for identity in ids if evidence.result(identity) == "fails"]


def link(function: str) -> str:
    """A test function as a link from docs/ to its file."""
    path, _, name = function.partition("::")
    return f"[{path.rpartition('/')[2]}::{name.rpartition('::')[2]}](../{path})"


def named(functions: list[str], most: int | None = None) -> str:
    """The first tests of a row by name, and how many more there are."""
    links = [link(function) for function in functions[:most]]
    more = len(functions) - len(links)
    return "<br>".join([*links, *([f"and {more} more"] if more else [])])


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    headings = list(headings)
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(rows: list[Section], threats: list[Section], differences: list[Section], evidence: Evidence) -> str:
    """The page.

    Args:
        rows: What is claimed to be kept.
        threats: What is claimed to be harmless.
        differences: What is done otherwise, and why; their rows may be about several ids each.
        evidence: The tests of this run.
    """
    differing = set(ids_of(differences))

    def judged(row: Row, most: int | None) -> list[str]:
        [identity] = row.ids
        result = evidence.result(identity)
        if identity in differing:
            result += ", [with a difference](#differences)"
        return [identity, *row.cells, named(evidence.of(identity), most), result]

    written = [INTRODUCTION]
    for sections, most in ((rows, SHOWN), (threats, None)):
        for section in sections:
            judgements = [judged(row, most) for row in section.rows]
            written.append(f"## {section.title}\n\n{table([*section.columns, 'tests', 'result'], judgements)}")
    for section in differences:
        about = [[", ".join(row.ids), *row.cells] for row in section.rows]
        written.append(f"## {section.title}\n\n{table(section.columns, about)}")
    return "\n".join(written)


def known_ids() -> Mapping[str, frozenset[str]]:
    """The ids that each marker may have."""
    return {marker: frozenset(ids_of(read_list(name))) for marker, name in KINDS.items()}
