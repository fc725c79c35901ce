"""Every test of this adapter runs over both backends, and none may leave a complaint in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import smtpcore_anyio.server


@pytest.fixture(params=["asyncio", "uvloop", "asyncio-stream", "trio", "trio-stream"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    """Both backends, with the reactor, on asyncio with two event loops, and the path of any byte stream."""
    backend, _, path = request.param.partition("-")
    if path:
        monkeypatch.setattr(smtpcore_anyio.server, "reactor_of_this_loop", lambda: None)
    if backend == "uvloop":
        pytest.importorskip("uvloop")
        return "asyncio", {"use_uvloop": True}
    return backend, {}


@pytest.fixture(autouse=True)
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What was logged as a warning or worse; a test that expects some of it takes it out."""
    expected: list[str] = []
    yield expected
    logged = [each.getMessage() for each in caplog.get_records("call") if each.levelno >= logging.WARNING]
    # In its debug mode asyncio complains about the machine, too, when that is slow.
    assert [message for message in logged if not message.startswith("Executing ")] == expected
