"""The load generator: compiled when it is needed, run on a core of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import apt
from bench.commands import CommandError, run
from bench.places import CACHE
from bench.process import pin

_SOURCE = Path(__file__).with_name("generator.c")
_PROGRAM = CACHE / "generator"


class LoadError(Exception):
    """A server did not answer as it has to. The message is one line."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run took, in seconds."""

    wall: float
    cpu: float
    """Of the generator; close to ``wall`` it was the bottleneck."""


def build() -> None:
    """Compile the generator, unless it is up to date.

    Raises:
        CommandError: There is no C compiler and no OpenSSL to be had.
    """
    if _PROGRAM.exists() and _PROGRAM.stat().st_mtime > _SOURCE.stat().st_mtime:
        return
    CACHE.mkdir(exist_ok=True)
    command = ["gcc", "-O2", "-o", str(_PROGRAM), str(_SOURCE), "-lssl", "-lcrypto"]
    try:
        run(command)
    except CommandError:
        apt.install("gcc", "libc6-dev", "libssl-dev")
        run(command)


def _start(port: int, script: Path, connections: int, sessions: int, core: int | None) -> subprocess.Popen[str]:
    command = [str(_PROGRAM), "127.0.0.1", str(port), str(script), str(connections), str(sessions)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, preexec_fn=lambda: pin(core))


def _ended(process: subprocess.Popen[str]) -> Load:
    said, complaint = process.communicate()
    if process.returncode:
        raise LoadError(complaint.strip().splitlines()[-1] if complaint.strip() else f"status {process.returncode}")
    wall, cpu = said.split()[-2:]
    return Load(float(wall), float(cpu))


def play(port: int, script: Path, connections: int, sessions: int, core: int | None) -> Load:
    """Play a script ``sessions`` times, ``connections`` at a time.

    Raises:
        LoadError: A reply was not the expected one, or the server hung.
    """
    return _ended(_start(port, script, connections, sessions, core))


@contextmanager
def held(port: int, script: Path, connections: int, core: int) -> Iterator[float]:
    """So many connections that have played a script up to its hold, and stay for the time of the block.

    Yields:
        The seconds until all of them were there.

    Raises:
        LoadError: As for ``play``.
    """
    began = time.monotonic()
    process = _start(port, script, connections, connections, core)
    assert process.stdout is not None
    if process.stdout.readline() != "holding\n":
        _ended(process)
        raise LoadError("the script does not hold")
    try:
        yield time.monotonic() - began
    finally:
        _ended(process)
