"""The file of users and what is kept of their passwords, and the store that checks by it."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from smtpcore.sasl import SERVER_MECHANISMS, ScramKeys, ScramServer
from smtpcore.sasl.keys import ITERATIONS, SALT

from .entries import Entry, Plain, Scram, parse, unlike
from .hashes import Hash
from .userlines import read_lines


def read_users(path: str | os.PathLike[str]) -> dict[str, Entry]:
    """Read a file with a line ``user:hash`` for each user.

    Raises:
        UsageError: It cannot be read, or a line is none; the message names file and line, and no secret.
    """
    users: dict[str, Entry] = {}

    def take(name: str, text: str) -> None:
        if name in users:
            raise ValueError("the same user a second time")
        users[name] = parse(text)

    read_lines(path, "auth file", take)
    return users


class Users:
    """Checks passwords, which blocks for as long as a hash takes, and knows keys and secrets, which does not.

    Args:
        users: What is kept of each user's password.
        token_bytes: So many random octets.
        secret: The server's own, the same after a restart; needed for SCRAM.
        mechanisms: Those on offer.
    """

    def __init__(
        self,
        users: Mapping[str, Entry],
        token_bytes: Callable[[int], bytes],
        secret: bytes = b"",
        mechanisms: Iterable[str] = (),
    ) -> None:
        self._users = users
        self._key = token_bytes(32)
        # Who is not here costs what somebody who is here costs, by a hash that no password has (T-AUTH).
        known = list(users.values()) or [Hash.make("", token_bytes)]
        self._strangers = [unlike(one, token_bytes) for one in known]
        self._secret = secret
        kinds = [SERVER_MECHANISMS[name] for name in mechanisms]
        hash_names = {kind.hash_name for kind in kinds if issubclass(kind, ScramServer)}
        # All of it now: who is made to wait for a derivation at the first time would be known to exist.
        self._keys = {hash_name: self._derived(hash_name) for hash_name in hash_names}
        # Counts and salts may differ where the file has lines of several programs. Sorted: the same after a restart.
        self._shapes = {
            hash_name: sorted((each.iterations, len(each.salt)) for each in keys.values()) or [(ITERATIONS, SALT)]
            for hash_name, keys in self._keys.items()
        }

    def verify(self, username: str, password: str) -> bool:
        """Whether this is the password of this user; false, after equal work, for an unknown one."""
        # A keyed choice: the same name costs the same each time, as a user does, and nobody can foretell how much.
        stranger = self._strangers[_choice(self._key, username, len(self._strangers))]
        found = self._users.get(username)
        return (found or stranger).verify(password) and found is not None

    def scram_keys(self, username: str, hash_name: str) -> ScramKeys:
        """The keys of this user; for an unknown one some that no password fits, and that look like somebody's."""
        shapes = self._shapes[hash_name]
        iterations, size = shapes[_choice(self._secret, username, len(shapes))]
        decoy = ScramKeys.decoy(username, secret=self._secret, hash_name=hash_name)
        decoy = replace(decoy, salt=self._salt(username, hash_name, size), iterations=iterations)
        return self._keys[hash_name].get(username, decoy)

    def secret(self, username: str) -> str | None:
        """The password itself, where the file has it."""
        found = self._users.get(username)
        return found.password if isinstance(found, Plain) else None

    def _derived(self, hash_name: str) -> dict[str, ScramKeys]:
        keys = {}
        for name, entry in self._users.items():
            if isinstance(entry, Scram) and entry.keys.hash_name == hash_name:
                keys[name] = entry.keys
            elif isinstance(entry, Plain):
                salt = self._salt(name, hash_name, SALT)
                keys[name] = ScramKeys.derive(entry.password, salt=salt, hash_name=hash_name, iterations=ITERATIONS)
        return keys

    def _salt(self, username: str, hash_name: str, size: int) -> bytes:
        """The salt of somebody for whom none is stored."""
        return hmac.digest(self._secret, f"salt {hash_name} {username}".encode(), "sha512")[:size]


def _choice(key: bytes, username: str, count: int) -> int:
    return int.from_bytes(hmac.digest(key, username.encode("utf-8"), "sha256")) % count
