"""The pages about the commands name flags, servers and words that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from smtpcore_cli.places import parse_place

from smtpcore.session.client import Status
from tests.cli.sending import run

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "send.md").read_text("utf-8")


@pytest.mark.parametrize(("page", "commands"), [("send.md", ("send", "probe")), ("serve.md", ("serve", "passwd"))])
def test_every_flag_of_the_page_is_one(
    page: str, commands: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = "".join(run(capsys, command, "--help").output for command in commands)
    flags = set(re.findall(r"--[a-z][a-z-]+", (DOCS / page).read_text("utf-8"))) - {"--help"}
    assert len(flags) > 20
    assert flags <= set(re.findall(r"--[a-z][a-z-]+", shown))


def test_every_server_of_the_page_has_the_port_that_the_page_says() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \| ([0-9]*) ?\|", PAGE, re.MULTILINE)
    assert len(rows) == 7
    for words, port in rows:
        for word in re.findall(r"`([^`]+)`", words):
            assert parse_place(word.replace(":port", ":24")).port == int(port or (24 if "://" in word else 0))


def test_every_word_of_the_output_is_explained() -> None:
    for status in Status:
        assert (f"| `{status.value}` |" in PAGE) is (status is not Status.PENDING)
