"""Password hashes as text: made, read and checked with what the standard library has.

Two forms are read: ``$scrypt$ln=14,r=8,p=5$salt$hash`` (RFC 7914; the PHC string format) and
``$pbkdf2-sha256$29000$salt$hash`` (RFC 8018; as passlib writes it, or with ``i=29000``).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .base64text import decode, encode

_SALT = 16
_DIGEST = 32
_MAX_MEMORY = 1 << 30
"""Octets that one check may take; a line that asks for more is a mistake, or worse."""
_MAX_ROUNDS = 100_000_000

_SCRYPT = re.compile(r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,4}),p=([0-9]{1,4})\$([^$]*)\$([^$]*)")
_PBKDF2 = re.compile(r"\$pbkdf2-sha256\$(?:i=)?([0-9]{1,9})\$([^$]*)\$([^$]*)")


@dataclass(frozen=True, slots=True)
class Scrypt:
    """The cost of scrypt (RFC 7914 2). The default, 16 MiB and five passes, is what OWASP asks for at least."""

    ln: int = 14
    """Binary logarithm of N, the cost in memory and time."""
    r: int = 8
    """Block size."""
    p: int = 5
    """Passes."""

    def __post_init__(self) -> None:
        if min(self.ln, self.r, self.p) < 1:
            raise ValueError("the parameters of scrypt are at least 1")
        if self.memory > _MAX_MEMORY or self.r * self.p >= 1 << 30:
            raise ValueError("the parameters of scrypt ask for more than 1 GiB")

    @property
    def memory(self) -> int:
        """Octets it takes."""
        return 128 * self.r * ((1 << self.ln) + self.p + 2)

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes:
        """The key; this takes its time, and other threads run meanwhile."""
        return hashlib.scrypt(
            password, salt=salt, n=1 << self.ln, r=self.r, p=self.p, maxmem=self.memory + (1 << 20), dklen=length
        )

    def __str__(self) -> str:
        return f"$scrypt$ln={self.ln},r={self.r},p={self.p}"


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """The cost of PBKDF2 with HMAC-SHA-256 (RFC 8018 5.2)."""

    rounds: int

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= _MAX_ROUNDS:
            raise ValueError(f"the rounds of pbkdf2-sha256 are 1 to {_MAX_ROUNDS}")

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes:
        """The key; this takes its time, and other threads run meanwhile."""
        return hashlib.pbkdf2_hmac("sha256", password, salt, self.rounds, length)

    def __str__(self) -> str:
        return f"$pbkdf2-sha256${self.rounds}"


@dataclass(frozen=True, slots=True)
class Hash:
    """What is kept of a password."""

    cost: Scrypt | Pbkdf2
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def make(cls, password: str, token_bytes: Callable[[int], bytes], cost: Scrypt | Pbkdf2 | None = None) -> Hash:
        """Hash a password with fresh salt."""
        cost = cost if cost is not None else Scrypt()
        salt = token_bytes(_SALT)
        return cls(cost, salt, cost.derive(password.encode("utf-8"), salt, _DIGEST))

    @classmethod
    def parse(cls, text: str) -> Hash:
        """Read one.

        Raises:
            ValueError: It has none of the known forms; the message does not repeat the text.
        """
        if match := _SCRYPT.fullmatch(text):
            cost: Scrypt | Pbkdf2 = Scrypt(int(match[1]), int(match[2]), int(match[3]))
        elif match := _PBKDF2.fullmatch(text):
            cost = Pbkdf2(int(match[1]))
        else:
            raise ValueError("no password hash like $scrypt$ln=14,r=8,p=5$salt$hash; `smtpcore passwd` makes one")
        salt, digest = (decode(part) for part in match.groups()[-2:])
        if not 16 <= len(digest) <= 64:
            raise ValueError("the hash is not 16 to 64 octets of base64")
        return cls(cost, salt, digest)

    def verify(self, password: str) -> bool:
        """Whether it is the password; takes the same time for yes and no."""
        derived = self.cost.derive(password.encode("utf-8"), self.salt, len(self.digest))
        return hmac.compare_digest(derived, self.digest)

    def __str__(self) -> str:
        return f"{self.cost}${encode(self.salt)}${encode(self.digest)}"
