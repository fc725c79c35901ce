"""The README tells the truth: its example runs and prints what it says, and its commands are the ones CI runs."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
EXAMPLES = list(PYTHON_BLOCK.finditer(README))
COMMANDS = re.findall(r"^```sh\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)


def line_of(example: re.Match[str]) -> int:
    """The line of the README on which the example's code begins."""
    return README[: example.start("code")].count("\n") + 1


def test_the_readme_has_an_example_that_shows_its_output() -> None:
    assert EXAMPLES
    assert EXAMPLES[0]["output"]


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"line {line_of(found)}" for found in EXAMPLES])
def test_an_example_runs_and_prints_what_the_text_block_behind_it_says(example: re.Match[str]) -> None:
    # Empty lines in front make the line numbers of a traceback those of the README.
    code = "\n" * (line_of(example) - 1) + example["code"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    if example["output"] is not None:
        assert printed.getvalue() == example["output"]


def test_each_of_the_two_commands_is_one_line_to_paste() -> None:
    assert len(COMMANDS) == 2
    assert not any("\n" in command for command in COMMANDS)


def test_ci_runs_the_test_command_of_the_readme_to_the_letter() -> None:
    [command] = [command for command in COMMANDS if command.endswith("pytest")]
    lines = [line.strip() for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()]
    assert command in lines


def test_ci_starts_the_server_command_of_the_readme() -> None:
    assert any(command.endswith("smtpcore serve") for command in COMMANDS)
    assert ".ci/readme_server.py" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
