"""What a user can do wrong."""

from __future__ import annotations


class UsageError(Exception):
    """The command cannot do what was asked for; the message is one line for the user, the exit status 2."""


def reason(error: OSError) -> str:
    """What an OSError says to a person: the file, if it names one, and what is wrong with it."""
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename is not None else text
