"""The file of users and their password hashes, and the store that checks passwords by it."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Mapping

from .errors import UsageError, reason
from .hashes import Hash


def read_users(path: str | os.PathLike[str]) -> dict[str, Hash]:
    """Read a file with a line ``user:hash`` for each user; blank lines and lines that begin with # are left out.

    Raises:
        UsageError: It cannot be read, or a line is none; the message names file and line, and no secret.
    """
    users: dict[str, Hash] = {}
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot read the auth file: {reason(error)}") from error
    for number, octets in enumerate(lines, 1):
        try:
            line = octets.decode("utf-8").strip()
            if not line or line.startswith("#"):
                continue
            name, colon, hashed = line.partition(":")
            if not colon:
                raise ValueError("no line like user:hash")
            check_name(name)
            if name in users:
                raise ValueError("the same user a second time")
            users[name] = Hash.parse(hashed)
        except UnicodeDecodeError:
            raise UsageError(f"{os.fspath(path)}:{number}: not UTF-8") from None
        except ValueError as error:
            raise UsageError(f"{os.fspath(path)}:{number}: {error}") from None
    return users


def check_name(name: str) -> None:
    """See that a name can stand in the file.

    Raises:
        ValueError: It is empty, or has a colon, a control character or space around it in it.
    """
    if not name or name != name.strip() or ":" in name or name.startswith("#") or not name.isprintable():
        raise ValueError("a user name is printable, without colon, space around it or # in front")


class Users:
    """Checks passwords; this blocks for as long as a hash takes.

    Args:
        users: The hash of each user.
        token_bytes: So many random octets.
    """

    def __init__(self, users: Mapping[str, Hash], token_bytes: Callable[[int], bytes]) -> None:
        self._users = users
        self._key = token_bytes(32)
        # Who is not here costs what somebody who is here costs, by a hash that no password has (T-AUTH).
        known = list(users.values()) or [Hash.make("", token_bytes)]
        self._strangers = [Hash(one.cost, token_bytes(len(one.salt)), token_bytes(len(one.digest))) for one in known]

    def verify(self, username: str, password: str) -> bool:
        """Whether this is the password of this user; false, after equal work, for an unknown one."""
        # A keyed choice: the same name costs the same each time, as a user does, and nobody can foretell how much.
        chosen = int.from_bytes(hmac.digest(self._key, username.encode("utf-8"), "sha256")) % len(self._strangers)
        found = self._users.get(username)
        return (found or self._strangers[chosen]).verify(password) and found is not None
