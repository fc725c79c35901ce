"""What a server stores for SCRAM in place of a password (RFC 5802 3)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from smtpcore.sasl.saslprep import prepare

ITERATIONS = 15000
"""The iteration count that RFC 7677 4 recommends; at least 4096 (RFC 5802 5.1). It costs the client work, and
whoever steals the keys, not the server."""
SALT = 16
"""Octets of a salt that is made up. Salts of another length tell the users who exist from those who do not."""


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """StoredKey and ServerKey of one user for one hash function. They verify a password and are none.

    Raises:
        ValueError: The hash function is unknown, a key is not as long as its digest, there is no salt, or the
            iteration count is not positive.
    """

    hash_name: str
    """The hash function as ``hashlib`` names it: ``"sha1"`` or ``"sha256"``."""
    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        size = hashlib.new(self.hash_name).digest_size
        if len(self.stored_key) != size or len(self.server_key) != size:
            raise ValueError(f"keys for {self.hash_name} have {size} octets")
        if not self.salt or self.iterations < 1:
            raise ValueError("SCRAM keys need a salt and a positive iteration count")

    @classmethod
    def derive(
        cls, password: str, *, salt: bytes, hash_name: str = "sha256", iterations: int = ITERATIONS
    ) -> ScramKeys:
        """What to store for a password.

        Args:
            password: The password; it is prepared as a stored string (RFC 4013 2.5).
            salt: Random octets, other ones for each user; 16, as unknown users seem to have.
            hash_name: The hash function as ``hashlib`` names it.
            iterations: Rounds of the derivation, the same for all users.

        Raises:
            ValueError: SASLprep forbids the password or leaves nothing of it, or as for the class.
        """
        prepared = prepare(password, stored=True)
        if prepared is None:
            raise ValueError("the password cannot be prepared: SASLprep forbids a character or leaves none (RFC 4013)")
        return cls(hash_name, salt, iterations, *_keys(prepared, hash_name, salt, iterations))

    @classmethod
    def decoy(
        cls, username: str, *, secret: bytes, hash_name: str = "sha256", iterations: int = ITERATIONS
    ) -> ScramKeys:
        """Keys that no password fits, for a user who does not exist: always the same for the same name.

        Args:
            username: The name, prepared by SASLprep.
            secret: Known to the server alone; who knows it can tell that the keys are made up.
            hash_name: The hash function as ``hashlib`` names it.
            iterations: What the users who exist have.
        """

        def made_up(use: bytes) -> bytes:
            text = b"%b\0%b\0%b" % (use, hash_name.encode("ascii"), username.encode("utf-8"))
            return hmac.digest(secret, text, hash_name)

        return cls(hash_name, made_up(b"salt")[:SALT], iterations, made_up(b"stored key"), made_up(b"server key"))

    def check(self, password: str) -> bool:
        """Whether this is the password, for ``verify_password`` of a store that holds keys.

        Args:
            password: The password, prepared or not. The work does not depend on whether it is right.
        """
        stored_key, _ = _keys(prepare(password) or "", self.hash_name, self.salt, self.iterations)
        return hmac.compare_digest(stored_key, self.stored_key)


def client_and_server_key(password: str, hash_name: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """ClientKey and ServerKey of a prepared password (RFC 5802 3)."""
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode("utf-8"), salt, iterations)
    return hmac.digest(salted, b"Client Key", hash_name), hmac.digest(salted, b"Server Key", hash_name)


def _keys(password: str, hash_name: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """StoredKey and ServerKey of a prepared password (RFC 5802 3)."""
    client_key, server_key = client_and_server_key(password, hash_name, salt, iterations)
    return hashlib.new(hash_name, client_key).digest(), server_key
