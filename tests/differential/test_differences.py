"""The page about differences and the dialogues say the same, and the notation is read as it says itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.differential.differences import PAGE, rows
from tests.differential.driver import groups, script
from tests.differential.notation import Dialogue, Difference, read, show
from tests.differential.test_dialogues import FILES


def test_each_reason_is_a_row_of_the_page_and_no_row_is_idle() -> None:
    dialogues = (dialogue for path in FILES for dialogue in read(path))
    reasons = {difference.reason for dialogue in dialogues for _, _, difference in dialogue.all_differences()}
    names = [row["name"] for row in rows()]
    assert sorted(names) == sorted(reasons)


def test_the_rows_of_other_pages_that_are_named_are_there() -> None:
    conformance = (PAGE.parent / "conformance.md").read_text("utf-8")
    named = {name for row in rows() for name in re.findall(r"\b(?:C\d{3}|T-[A-Z]+)\b", row["by"])}
    assert named
    assert [name for name in sorted(named) if f"\n| {name} |" not in conformance] == []


def reading(text: str, tmp_path: Path) -> list[Dialogue]:
    """The dialogues of a text."""
    path = tmp_path / "some.txt"
    path.write_text(text, "utf-8")
    return read(path)


def test_steps_results_and_differences_are_read(tmp_path: Path) -> None:
    [first, second] = reading(
        r"""# A comment.
setup basic
in EHLO
    MAIL FROM:<{x*3}@a.test>\x20{cut}{b64:\0} # another
    {} -> 500
""".replace(" # another", " -> 250 # another")
        + r"""
setup tls, aiosmtpd
each in GREETED
    x\r\n.\c -> 250 250
        = <a@b.c> <d@e.f>: {x*2}\r\n
        aiosmtpd: 552 closes [some-reason]
        aiosmtpd = nothing [other-reason]
""",
        tmp_path,
    )
    assert (first.name, first.setup, first.peers) == ("some:3", "basic", ("aiosmtpd", "smtp-server"))
    assert [step.octets for step in first.steps] == [
        b"EHLO client.test\r\n",
        b"MAIL FROM:<xxx@a.test> {cut}AA==\r\n",
        b"\r\n",
    ]
    assert (second.setup, second.peers) == ("tls", ("aiosmtpd",))
    [step] = second.steps
    assert (step.octets, step.outcome) == (b"x\r\n.", "250 250")
    assert step.delivered == [show("a@b.c", ["d@e.f"], b"xx\r\n")]
    assert step.expected(None) == "250 250"
    assert step.expected("aiosmtpd") == "552 closes"
    assert step.taken("aiosmtpd") == []
    assert [difference.reason for _, _, difference in second.all_differences()] == ["some-reason", "other-reason"]


@pytest.mark.parametrize(
    "result",
    [
        "aiosmtpd: 250 [no-difference]",
        "aiosmtpd: 500",
        "aiosmtpd: 500 []",
        "aiosmtpd: 999 [code]",
        "smtp-server: 500 [not-there]",
        "exim: 500 [who]",
        "aiosmtpd: 500 [twice]\n        aiosmtpd: 501 [twice]",
        "NOOP",
    ],
)
def test_what_is_no_difference_is_refused(result: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"some\.txt:\d"):
        reading(f"setup basic, aiosmtpd\neach in EHLO\n    NOOP -> 250\n        {result}\n", tmp_path)


@pytest.mark.parametrize("step", ["NOOP", "NOOP -> OK", "NOOP -> 250 ends", " NOOP -> 250"])
def test_what_is_no_step_is_refused(step: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"some\.txt:3"):
        reading(f"setup basic\neach in EHLO\n    {step}\n", tmp_path)


def test_a_session_ends_with_quit_unless_it_is_over_or_cannot_go_on(tmp_path: Path) -> None:
    [dialogue] = reading("setup tls\nin EHLO\n    STARTTLS -> 220\n    {tls} -> nothing\n    NOOP -> 250\n", tmp_path)
    dialogue.steps[-1].differences["aiosmtpd"] = Difference("354", "some-reason", ends=True)
    assert [step.text for step in script(dialogue, None)][-2:] == ["NOOP", "QUIT"]
    assert [step.text for step in script(dialogue, "aiosmtpd")][-1] == "NOOP"
    assert [outcome for _, outcome in groups(dialogue)] == ["250 220", "nothing", "250 221 closes"]
