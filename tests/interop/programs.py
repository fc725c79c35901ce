"""Programs that run beside a test, and what it takes to have them at all."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import AF_INET, AF_UNIX, socket
from threading import Event

import pytest

PATIENCE = 30.0


def needs(condition: object, reason: str) -> None:
    """Skip for this reason, or fail where everything must be there (CI)."""
    if condition:
        return
    if os.environ.get("SMTPCORE_REQUIRE_TOOLS") == "1":
        pytest.fail(f"{reason}, and SMTPCORE_REQUIRE_TOOLS=1", pytrace=False)
    pytest.skip(reason)


def surroundings() -> dict[str, str]:
    """The environment of a program: it is found, with its modules, and nobody's own settings get in the way."""
    found = {name: os.environ[name] for name in ("PATH", "NODE_PATH") if name in os.environ}
    return {**found, "HOME": "/nonexistent", "LC_ALL": "C"}


def until(condition: Callable[[], object], what: Callable[[], str]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + PATIENCE
    pause = Event()
    while not condition():
        assert time.monotonic() < deadline, what()
        pause.wait(0.02)


def listens(place: tuple[str, int] | Path) -> bool:
    """Whether a connection is taken at a TCP port, or a unix socket, which has its name a moment before."""
    with socket(AF_UNIX if isinstance(place, Path) else AF_INET) as probe:
        return probe.connect_ex(str(place) if isinstance(place, Path) else place) == 0


@contextmanager
def running(
    *words: str | Path, log: Path, descriptors: Sequence[int] = (), stdin: socket | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the context is left; it is killed then, with all it has started.

    Args:
        words: The command.
        log: Gets all it says.
        descriptors: What it inherits.
        stdin: Its standard input, for those who want to find a socket there.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL if stdin is None else stdin.fileno(),
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=descriptors,
            start_new_session=True,
            env=surroundings(),
        )
    try:
        yield process
        assert process.poll() is None, log.read_text(errors="replace")
    finally:
        # Nothing of what it leaves behind is looked at, so it need not end in good order, which takes Postfix a second.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
