"""The client subcommands in this process and in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from smtpcore_cli import main

from tests.cli.process import PATHS

ENVELOPE = ("--from", "ann@a.test", "--to", "bob@b.test")
MESSAGE = "Subject: hello\n\nThe first line.\n.\n"
SENT = MESSAGE.replace("\n", "\r\n").encode()


@dataclass
class Outcome:
    """How a command has ended."""

    status: object
    output: str
    errors: str

    @property
    def lines(self) -> list[list[str]]:
        """The lines of the output, cut at their tabs."""
        return [line.split("\t") for line in self.output.splitlines()]

    @property
    def states(self) -> list[str]:
        """The first word of each line."""
        return [line[0] for line in self.lines]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> Outcome:
    """Run the command here."""
    capsys.readouterr()
    try:
        status: object = main(words)
    except SystemExit as end:
        status = end.code
    output, errors = capsys.readouterr()
    return Outcome(status, output, errors)


def start(
    *words: str, environment: dict[str, str] | None = None, session: bool = False, redirections: str = ""
) -> subprocess.Popen[bytes]:
    """Start the command in a process whose three streams are pipes; warnings are errors in it.

    Args:
        words: Those of the command.
        environment: Further variables.
        session: In a session of its own, without a terminal.
        redirections: What a shell is to do with the streams.
    """
    command = [sys.executable, "-W", "error", "-m", "smtpcore_cli", *words]
    return subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", *command] if redirections else command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS), **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=session,
    )


def written(folder: Path, content: str | bytes = MESSAGE, name: str = "nachricht für bob.eml") -> str:
    """A file with a message; its name."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)
