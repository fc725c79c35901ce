"""Servers for the tests of the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.process import Serve


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    """Starts servers in the test's folder, and ends them with the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Serve(*arguments, **{"folder": tmp_path, **options}))
