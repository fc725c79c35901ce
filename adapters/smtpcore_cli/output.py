"""Lines for the operator, and for whoever runs a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from smtpcore.utf8 import printable

from .errors import UsageError, reason


class Lines:
    """Writes lines to a stream. One that is closed or full loses them, for no session may fail by its log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, line: str) -> None:
        """Write one line, at once; it may quote strangers."""
        try:
            self._stream.write(f"{printable(line)}\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass


@contextmanager
def open_log(path: str) -> Iterator[TextIO]:
    """A file to append lines to; who makes it keeps it to the user, for it says who writes to whom.

    Raises:
        UsageError: It cannot be written to.
    """
    try:
        # It is not left by a with statement, for closing it fails where its last lines could not be written.
        file = open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"cannot write the transcript: {reason(error)}") from error
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()


def say(line: str) -> None:
    """Write a line to the standard output, as far as its encoding goes.

    Where nobody reads it or the disk is full it is lost: what was done stays done, and the exit status tells it too.
    """
    encoding = sys.stdout.encoding
    try:
        print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError:
        # What is still in the buffer goes where it does no harm.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
