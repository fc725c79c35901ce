"""The markers ``conformance`` and ``threat``, and the option that writes the page about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.page import KINDS, Evidence, faults, ids_of, known_ids, page, read_list

KNOWN = known_ids()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--conformance-page``."""
    parser.addoption(
        "--conformance-page",
        metavar="PATH",
        type=Path,
        help="write the table of conformance rows, their tests and results to PATH; fail when a row has no test",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and what keeps the results if they are wanted."""
    config.addinivalue_line("markers", "conformance(*ids): shows rows of tests/conformance/rows.txt (C001) to be kept")
    config.addinivalue_line("markers", "threat(*ids): sends what tests/conformance/threats.txt (T-EOD) is about")
    path: Path | None = config.getoption("--conformance-page")
    if path is not None:
        config.pluginmanager.register(PageWriter(path), "conformance-page")


def marked_ids(item: pytest.Item) -> list[str]:
    """The ids that the markers of a test name."""
    return [identity for marker in KINDS for mark in item.iter_markers(marker) for identity in mark.args]


def marker_faults(item: pytest.Item) -> list[str]:
    """What is wrong with the markers of a test: each takes ids of its list."""
    found = []
    for marker, known in KNOWN.items():
        for mark in item.iter_markers(marker):
            if not mark.args or mark.kwargs:
                found.append(f"{item.nodeid}: {marker} takes ids and nothing else")
            found += [f"{item.nodeid}: {marker} knows no {one!r}" for one in mark.args if one not in known]
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An id that is not in the list would tie a test to nothing, so the run does not start."""
    found = [fault for item in items for fault in marker_faults(item)]
    if found:
        raise pytest.UsageError("\n".join(found))


def function_of(nodeid: str) -> str:
    """The test function of a node id, without its parameters."""
    return nodeid.partition("[")[0]


class PageWriter:
    """Keeps what a run shows, and writes the page at its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.evidence = Evidence()
        self.faults: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            self.evidence.mark(function_of(item.nodeid), marked_ids(item))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.evidence.failed.add(function_of(report.nodeid))
        elif report.passed and report.when == "call":
            self.evidence.passed.add(function_of(report.nodeid))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return  # A run that was broken off shows nothing.
        rows, threats = (read_list(name) for name in KINDS.values())
        self.faults = faults([*ids_of(rows), *ids_of(threats)], self.evidence)
        written = page(rows, threats, read_list("differences.txt"), self.evidence)
        self.path.write_text(written, encoding="utf-8")
        if self.faults:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.faults:
            terminalreporter.section("conformance")
            for fault in self.faults:
                terminalreporter.line(fault)
