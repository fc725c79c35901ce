"""The page about conformance: how its lists are read, what it says of them, and when it fails a run."""

from __future__ import annotations

import re

import pytest

from tests.conformance.page import (
    Evidence,
    Row,
    Section,
    faults,
    ids_of,
    known_ids,
    named,
    page,
    read_list,
    read_sections,
)

PLUGIN = ("-p", "tests.conformance.plugin", "--conformance-page=page.md", "-p", "no:cacheprovider")

# The lists.


def test_a_list_has_headings_titles_and_rows() -> None:
    text = "# a remark\nid | level\n\n## One\nC001 | MUST\nC002 C003 | MAY\n\n## Two\nC004 | MUST\n"
    columns = ("id", "level")
    assert read_sections(text) == [
        Section("One", columns, [Row(("C001",), ("MUST",)), Row(("C002", "C003"), ("MAY",))]),
        Section("Two", columns, [Row(("C004",), ("MUST",))]),
    ]


@pytest.mark.parametrize("line", ["C001", "C001 | MUST | x", "C001 |", "C001 | "])
def test_a_row_has_as_many_cells_as_there_are_headings(line: str) -> None:
    with pytest.raises(ValueError, match="not 2 cells"):
        read_sections(f"id | level\n## One\n{line}\n")


def test_an_id_is_there_once() -> None:
    with pytest.raises(ValueError, match="there twice: C001 "):
        read_sections("id | level\n## One\nC001 | MUST\n## Two\nC001 | MAY\n")


def test_the_rows_are_complete_and_in_order() -> None:
    sections = read_list("rows.txt")
    assert ids_of(sections) == [f"C{number:03}" for number in range(1, 365)]
    for row in (row for section in sections for row in section.rows):
        _clause, role, level, statement = row.cells
        assert role in ("srv", "cli", "lmtp", "both")
        assert level in ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
        assert re.fullmatch(r"(xtext|[A-Z0-9`]).*[^ ]\.", statement), statement


def test_rules_of_our_own_and_differences_name_what_there_is() -> None:
    known = known_ids()
    threats = {name for section in read_list("rows.txt") for row in section.rows for name in row.cells[0].split()}
    assert {name for name in threats if name.startswith("T-")} <= known["threat"]
    assert set(ids_of(read_list("differences.txt"))) <= known["conformance"] | known["threat"]


# The page.


def evidence() -> Evidence:
    """C001 passes, C002 fails, C003 was skipped, and C004 has no test."""
    found = Evidence()
    found.mark("tests/test_a.py::test_one", ["C001"])
    found.mark("tests/test_a.py::test_two", ["C001", "C002"])
    found.mark("tests/b/test_b.py::TestB::test_three", ["C003"])
    found.passed |= {"tests/test_a.py::test_one", "tests/test_a.py::test_two"}
    found.failed.add("tests/test_a.py::test_two")
    return found


def test_a_row_fails_with_any_of_its_tests_and_passes_with_one() -> None:
    found = evidence()
    assert [found.result(identity) for identity in ("C001", "C002", "C003", "C004")] == [
        "fails", "fails", "not run", "not run",
    ]  # fmt: skip
    found.failed.clear()
    assert found.result("C001") == "passes"


def test_a_row_without_a_test_and_one_whose_test_failed_are_faults() -> None:
    assert faults(["C002", "C003", "C004"], evidence()) == ["C004 has no test", "a test of C002 failed"]


def test_tests_that_show_the_fewest_rows_come_first() -> None:
    found = Evidence()
    found.mark("tests/test_a.py::test_of_all", ["C001", "C002"])
    found.mark("tests/test_z.py::test_of_one", ["C001"])
    found.mark("tests/test_c.py::test_of_one", ["C001", "C001"])
    assert found.of("C001") == [
        "tests/test_c.py::test_of_one", "tests/test_z.py::test_of_one", "tests/test_a.py::test_of_all",
    ]  # fmt: skip


def test_tests_are_linked_and_too_many_are_counted() -> None:
    functions = [f"tests/b/test_b.py::TestB::test_{number}" for number in range(5)]
    assert named(functions[:1], 3) == "[test_b.py::test_0](../tests/b/test_b.py)"
    assert named(functions[:3], 3).count("<br>") == 2
    assert named(functions, 3).endswith("[test_b.py::test_2](../tests/b/test_b.py)<br>and 2 more")
    assert named(functions).count("<br>") == 4


def test_the_page_is_a_table_for_each_section() -> None:
    rows = read_sections("id | level\n## One\nC001 | MUST\n## Two\nC003 | MAY\n")
    threats = read_sections("id | what\n## Three\nT-ONE | this\n")
    differences = read_sections("id | what | why\n## Differences\nC003 T-ONE | this | that\n")
    found = evidence()
    for number in range(4):
        found.mark(f"tests/test_c.py::test_{number}", ["C001", "T-ONE"])
    tests = [f"[test_c.py::test_{number}](../tests/test_c.py)" for number in range(4)]
    one = "[test_a.py::test_one](../tests/test_a.py)"
    three = "[test_b.py::test_three](../tests/b/test_b.py)"
    two = "[test_a.py::test_two](../tests/test_a.py)"
    assert page(rows, threats, differences, found).partition("## ")[2].splitlines() == [
        "One",
        "",
        "| id | level | tests | result |",
        "| --- | --- | --- | --- |",
        f"| C001 | MUST | {one}<br>{two}<br>{tests[0]}<br>and 3 more | fails |",
        "",
        "## Two",
        "",
        "| id | level | tests | result |",
        "| --- | --- | --- | --- |",
        f"| C003 | MAY | {three} | not run, [with a difference](#differences) |",
        "",
        "## Three",
        "",
        "| id | what | tests | result |",
        "| --- | --- | --- | --- |",
        f"| T-ONE | this | {'<br>'.join(tests)} | not run, [with a difference](#differences) |",
        "",
        "## Differences",
        "",
        "| id | what | why |",
        "| --- | --- | --- |",
        "| C003, T-ONE | this | that |",
    ]


# The plugin.

ALL = f"""
import pytest

pytestmark = [
    pytest.mark.conformance({", ".join(map(repr, sorted(known_ids()["conformance"])))}),
    pytest.mark.threat({", ".join(map(repr, sorted(known_ids()["threat"])))}),
]
"""


def test_a_run_in_which_every_row_has_a_test_that_passes_is_fine(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"{ALL}\n@pytest.mark.parametrize('number', [1, 2])\ndef test_all(number):\n    pass\n")
    result = pytester.runpytest_inprocess(*PLUGIN, "--strict-markers")
    assert result.ret == pytest.ExitCode.OK
    written = (pytester.path / "page.md").read_text(encoding="utf-8")
    rows = [line for line in written.splitlines() if "::test_all](../" in line]
    assert len(rows) == 364 + len(known_ids()["threat"])
    assert all(row.endswith((" | passes |", " | passes, [with a difference](#differences) |")) for row in rows)


@pytest.mark.parametrize(
    ("body", "result"),
    [("assert False", "fails"), ("pytest.skip('no tool')", "not run"), ("pytest.xfail('not yet')", "not run")],
)
def test_a_test_that_does_not_pass_shows_nothing(pytester: pytest.Pytester, body: str, result: str) -> None:
    pytester.makepyfile(f"{ALL}\ndef test_all():\n    {body}\n")
    run = pytester.runpytest_inprocess(*PLUGIN)
    assert run.ret == (pytest.ExitCode.TESTS_FAILED if result == "fails" else pytest.ExitCode.OK)
    assert (pytester.path / "page.md").read_text(encoding="utf-8").count(f" | {result} |") > 300


def test_a_run_in_which_a_row_has_no_test_fails_and_says_which(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n\n@pytest.mark.conformance('C002')\ndef test_one():\n    pass\n")
    result = pytester.runpytest_inprocess(*PLUGIN)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*= conformance =*", "C001 has no test", "C003 has no test"])
    result.stdout.no_fnmatch_line("C002 *")


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("conformance('C999')", "*::test_one: conformance knows no 'C999'"),
        ("conformance('T-EOD')", "*::test_one: conformance knows no 'T-EOD'"),
        ("threat('T-NONE')", "*::test_one: threat knows no 'T-NONE'"),
        ("threat()", "*::test_one: threat takes ids and nothing else"),
        ("conformance(row='C001')", "*::test_one: conformance takes ids and nothing else"),
    ],
)
def test_a_marker_that_names_nothing_stops_every_run(pytester: pytest.Pytester, marker: str, message: str) -> None:
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.{marker}\ndef test_one():\n    pass\n")
    result = pytester.runpytest_inprocess("-p", "tests.conformance.plugin", "-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_without_the_option_nothing_is_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one():\n    pass\n")
    result = pytester.runpytest_inprocess("-p", "tests.conformance.plugin", "-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.OK


def test_a_run_that_is_broken_off_leaves_the_page(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import nothing_of_this_name\n")
    result = pytester.runpytest_inprocess(*PLUGIN)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not (pytester.path / "page.md").exists()
