"""What the auth file has of one password, in each of its forms, and which mechanisms can be checked with it.

A password hash (see ``hashes``) knows a password when it sees one: PLAIN, LOGIN. The derived keys of SCRAM, as
``$scram-sha-256$15000$salt$stored-key$server-key`` (RFC 5802 3) or in the form of RFC 5803, do so too and serve their
own mechanism. ``{PLAIN}password`` is the password itself and serves everything.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from smtpcore.sasl import SERVER_MECHANISMS, ScramKeys, ScramServer, saslprep

from .base64text import decode, encode
from .hashes import Hash

_PLAIN = "{PLAIN}"
_SCRAM = re.compile(r"\$scram-(sha-1|sha-256)\$([0-9]{1,9})\$([^$]*)\$([^$]*)\$([^$]*)")
_RFC_5803 = re.compile(r"SCRAM-(SHA-1|SHA-256)\$([0-9]{1,9}):([^$:]*)\$([^$:]*):([^$:]*)")
_LONGEST_SALT = 64
_MAX_ITERATIONS = 10_000_000


@dataclass(frozen=True, slots=True)
class Plain:
    """A password, for mechanisms that need it."""

    password: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Plain:
        """Read and prepare it.

        Raises:
            ValueError: It is none.
        """
        return cls(prepare_password(text))

    def verify(self, password: str) -> bool:
        """Whether it is the password."""
        return hmac.compare_digest(password.encode("utf-8"), self.password.encode("utf-8"))

    def __str__(self) -> str:
        return f"{_PLAIN}{self.password}"


@dataclass(frozen=True, slots=True)
class Scram:
    """The keys of SCRAM as text."""

    keys: ScramKeys

    @classmethod
    def make(cls, password: str, token_bytes: Callable[[int], bytes], hash_name: str) -> Scram:
        """Derive keys with fresh salt."""
        return cls(ScramKeys.derive(password, salt=token_bytes(16), hash_name=hash_name))

    @classmethod
    def parse(cls, text: str) -> Scram | None:
        """Read them; None: the text has another form.

        Raises:
            ValueError: They are not usable; the message does not repeat the text.
        """
        match = _SCRAM.fullmatch(text) or _RFC_5803.fullmatch(text)
        if match is None:
            return None
        name, iterations, *parts = match.groups()
        salt, stored_key, server_key = map(decode, parts)
        if len(salt) > _LONGEST_SALT or int(iterations) > _MAX_ITERATIONS:
            raise ValueError(f"SCRAM keys have a salt of {_LONGEST_SALT} octets and {_MAX_ITERATIONS} rounds at most")
        return cls(ScramKeys(_hash_name(name), salt, int(iterations), stored_key, server_key))

    def verify(self, password: str) -> bool:
        """Whether the keys are derived from this password; takes the same time for yes and no."""
        return self.keys.check(password)

    def __str__(self) -> str:
        keys = self.keys
        name = {"sha1": "sha-1", "sha256": "sha-256"}[keys.hash_name]
        return f"$scram-{name}${keys.iterations}${'$'.join(map(encode, (keys.salt, keys.stored_key, keys.server_key)))}"


Entry: TypeAlias = Hash | Scram | Plain


def parse(text: str) -> Entry:
    """Read an entry.

    Raises:
        ValueError: It has none of the known forms; the message does not repeat the text.
    """
    if text.startswith(_PLAIN):
        return Plain.parse(text.removeprefix(_PLAIN))
    stripped = text.strip()
    return Scram.parse(stripped) or Hash.parse(stripped)


def serves(entry: Entry, mechanism: str) -> bool:
    """Whether a user with this entry can use this mechanism; true for those that look at no password."""
    kind = SERVER_MECHANISMS[mechanism]
    if issubclass(kind, ScramServer):
        return isinstance(entry, Plain) or (isinstance(entry, Scram) and entry.keys.hash_name == kind.hash_name)
    return mechanism != "CRAM-MD5" or isinstance(entry, Plain)


def unlike(entry: Entry, token_bytes: Callable[[int], bytes]) -> Entry:
    """An entry that costs the same to check, and that no password fits."""
    match entry:
        case Hash():
            return Hash(entry.cost, token_bytes(len(entry.salt)), token_bytes(len(entry.digest)))
        case Scram(keys):
            size = len(keys.stored_key)
            return Scram(replace(keys, stored_key=token_bytes(size), server_key=token_bytes(size)))
        case Plain():
            return Plain(token_bytes(16).hex())
        case _:
            assert_never(entry)


def prepare_password(password: str) -> str:
    """A password in the form in which it is compared (RFC 4013).

    Raises:
        ValueError: It is none for SASL.
    """
    prepared = saslprep(password, stored=True)
    if not prepared:
        # RFC 4616 2: a password has at least one character.
        raise ValueError("the password is empty, or has a character in it that SASLprep forbids (RFC 4013)")
    return prepared


def _hash_name(name: str) -> str:
    return name.lower().replace("-", "")
