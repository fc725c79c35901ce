"""Files with a line ``user:something`` for each user, as text editors and people make them."""

from __future__ import annotations

import os
from collections.abc import Callable

from smtpcore.sasl import saslprep

from .errors import UsageError, reason


def read_lines(path: str | os.PathLike[str], title: str, take: Callable[[str, str], None]) -> None:
    """Read such a file; blank lines and lines that begin with # are left out.

    Args:
        path: The file.
        title: What to call it in a complaint.
        take: Gets a prepared name and what is behind its colon; a ValueError from it is a complaint about the line.

    Raises:
        UsageError: It cannot be read, or a line is none; the message names file and line, and no secret.
    """
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot read the {title}: {reason(error)}") from error
    for number, octets in enumerate(lines, 1):
        try:
            # Space at the end may belong to a password.
            line = octets.decode("utf-8").removesuffix("\r").lstrip()
            if not line or line.startswith("#"):
                continue
            name, colon, rest = line.partition(":")
            if not colon:
                raise ValueError("no line like user:something")
            take(prepare_name(name), rest)
        except UnicodeDecodeError:
            raise UsageError(f"{os.fspath(path)}:{number}: not UTF-8") from None
        except ValueError as error:
            raise UsageError(f"{os.fspath(path)}:{number}: {error}") from None


def prepare_name(name: str) -> str:
    """A name in the form in which it is compared and can stand in a file (RFC 4013).

    Raises:
        ValueError: It is empty, or has a colon, a control character or space around it in it, or is none for SASL.
    """
    prepared = saslprep(name, stored=True)
    if prepared is None or not all(map(_can_stand, (name, prepared))):
        raise ValueError("a user name is printable, without colon, space around it or # in front")
    return prepared


def _can_stand(name: str) -> bool:
    return bool(name) and name == name.strip() and ":" not in name and not name.startswith("#") and name.isprintable()
