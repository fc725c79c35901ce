"""The fuzz targets without a fuzzer: the seeds, all that was ever found, and some octets from nowhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

FOLDER = Path(__file__).parents[2] / "fuzz"
TARGETS = sorted(path.stem for path in FOLDER.glob("fuzz_*.py"))
SOME = 150
"""Inputs made up for each target; a fuzzer makes millions."""


def target(name: str) -> Callable[[bytes], None]:
    """What the fuzzer calls."""
    module = importlib.import_module(f"fuzz.{name}")
    function: Callable[[bytes], None] = module.TestOneInput
    return function


def kept(name: str) -> Iterator[bytes]:
    """The files of a target's corpus."""
    for path in sorted((FOLDER / "corpus" / name.removeprefix("fuzz_")).iterdir()):
        yield path.read_bytes()


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_kept_is_passed(name: str) -> None:
    inputs = list(kept(name))
    assert inputs
    for data in inputs:
        target(name)(data)


@pytest.mark.conformance("C324")
@pytest.mark.parametrize("name", TARGETS)
def test_octets_from_nowhere_are_passed(name: str) -> None:
    random = Random(name)
    run = target(name)
    for _ in range(SOME):
        run(random.randbytes(random.choice((0, 3, 10, 40, 200))))


def test_every_target_says_what_holds() -> None:
    assert len(TARGETS) == 13
    for name in TARGETS:
        text = importlib.import_module(f"fuzz.{name}").__doc__
        assert text is not None
        assert "Properties: " in text
