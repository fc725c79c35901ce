"""The argument parser of the command and its subcommands."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn, TypeAlias

if TYPE_CHECKING:
    Subcommands: TypeAlias = "argparse._SubParsersAction[Parser]"
    """What a subcommand adds itself to."""


class Parser(argparse.ArgumentParser):
    """Complains in one line: the usage, with a flag for every limit, would push it off the screen."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with status 2."""
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}; see {self.prog} --help\n")
