"""The page about testing tells the truth: its tests pass, and its programs run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
TESTS = [block for block in BLOCKS if "def test_" in block]
PROGRAMS = [block for block in BLOCKS if "def test_" not in block]


def test_the_tests_of_the_page_pass(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(**{f"test_{number}": block for number, block in enumerate(TESTS)})
    result = pytester.runpytest_inprocess("-p", "smtpcore_testing.plugin", "--strict-markers")
    result.assert_outcomes(passed=sum(block.count("def test_") for block in TESTS))


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_the_programs_of_the_page_run(number: int) -> None:
    exec(compile(PROGRAMS[number], "testing.md", "exec"), {})
