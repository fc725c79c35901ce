"""The users of a test server, for every mechanism that works by a password."""

from __future__ import annotations

from collections.abc import Mapping

from smtpcore.sasl import CredentialStore, ScramKeys, saslprep

MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5")
"""What is offered, the best first."""
ITERATIONS = 4096
"""The least that RFC 5802 5.1 allows: a test has nothing to protect, and should not wait."""


class Users(CredentialStore):
    """Knows each user's password itself.

    Args:
        passwords: The passwords by user name.

    Raises:
        ValueError: A name is none that a client could give (RFC 4013).
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords: dict[str, str] = {}
        for name, password in passwords.items():
            prepared, secret = saslprep(name, stored=True), saslprep(password, stored=True)
            if not prepared or not secret:
                raise ValueError(f"SASLprep leaves nothing of the user name {name!r} or of its password (RFC 4013)")
            self._passwords[prepared] = secret

    def verify_password(self, username: str, password: str) -> bool:
        """PLAIN and LOGIN."""
        return self._passwords.get(username) == password

    def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
        """SCRAM, with keys made on the spot; the salt has to be the same each time, and may be known."""
        password = self._passwords.get(username)
        if password is None:
            return None
        salt = username.encode().ljust(16)[:16]
        return ScramKeys.derive(password, salt=salt, hash_name=hash_name, iterations=ITERATIONS)

    def secret(self, username: str) -> str | None:
        """CRAM-MD5."""
        return self._passwords.get(username)
