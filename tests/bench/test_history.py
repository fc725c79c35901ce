"""The benchmarks that asv runs over the history do what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.history.benchmarks.core import Connections, Content, Messages, Wire

FOLDER = Path(__file__).parents[2] / "bench" / "history"


@pytest.mark.parametrize("kind", Messages.params)
def test_a_message_goes_through_as_often_as_it_is_sent(kind: str) -> None:
    messages = Messages()
    messages.setup(kind)
    for _ in range(3000):
        messages.time_message(kind)
    assert messages.session.said.startswith(b"250 ")


def test_a_megabyte_goes_through_as_often_as_it_is_sent() -> None:
    content = Content()
    content.setup()
    for _ in range(20):
        content.time_content()
    assert content.session.said.startswith(b"250 ")


def test_the_others_run() -> None:
    Connections().time_connection()
    Wire().time_recipients()


def test_asv_finds_them_and_keeps_its_results_out_of_the_repository() -> None:
    settings = json.loads((FOLDER / "asv.conf.json").read_text(encoding="utf-8"))
    assert (FOLDER / settings["benchmark_dir"] / "core.py").is_file()
    assert (FOLDER / settings["repo"]).resolve() == FOLDER.parents[1]
    for name in ("env_dir", "results_dir", "html_dir"):
        assert settings[name].startswith("../.cache/")
