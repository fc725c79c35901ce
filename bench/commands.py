"""Other programs: run one to its end, and say in one line what it complained about."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class CommandError(Exception):
    """A program is not here, or it failed. The message is one line."""


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a program, with these variables besides the usual ones, and give its output.

    Raises:
        CommandError: It is not here, or it ended with another status than 0.
    """
    name = Path(command[0]).name
    if shutil.which(command[0]) is None:
        raise CommandError(f"{name} is not installed")
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()
        raise CommandError(f"{name}: {said[-1]}")
    return done.stdout
