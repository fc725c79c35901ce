"""Servers for the tests of the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.process import Serve
from tests.cli.sending import written


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    """Starts servers in the test's folder, and ends them with the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Serve(*arguments, **{"folder": tmp_path, **options}))


@pytest.fixture
def message(tmp_path: Path) -> str:
    """A file with a message."""
    return written(tmp_path)
