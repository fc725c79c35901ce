"""The command run in this process: what its words amount to, and what it complains of."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from smtpcore_cli import main
from smtpcore_cli.command import build
from smtpcore_cli.settings import Settings, settings

from smtpcore import ServerConfig


def settle(*words: str) -> Settings:
    """The settings that ``smtpcore serve`` makes of its words."""
    return settings(build().parse_args(["serve", *words]))


def configured(*words: str) -> ServerConfig:
    """The configuration of the one service that these words ask for."""
    [config] = settle("--discard", *words).configs.values()
    return config


def complaint(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command, which must end with status 2 and one line on the standard error.

    Returns:
        The line.
    """
    try:
        status: object = main(words)
    except SystemExit as end:
        status = end.code
    output, error = capsys.readouterr()
    assert status == 2
    assert output == ""
    [line] = error.splitlines()
    return line
