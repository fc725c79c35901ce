"""The application's side of authentication: who knows the secrets."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeAlias, TypeVar

from smtpcore.sasl.keys import ScramKeys
from smtpcore.sasl.queries import TokenError, VerifyToken
from smtpcore.tls import TlsInfo

_T = TypeVar("_T")
StoreAnswer: TypeAlias = _T | Awaitable[_T]
"""A value now, or something an async adapter awaits for it."""


class CredentialStore:
    """Knows the secrets that SASL mechanisms check; a method for each kind, all of which say no by default.

    Override those that the mechanisms on offer need. Methods may be plain, or async under an async adapter. One
    that raises is answered 454 4.7.0. There is no other answer here than the right one: what to say to a user
    who is proven, but has to change the password or may not come in, is for the ``authenticate`` hook.

    User names and passwords come prepared by SASLprep as queries (RFC 4013, RFC 3454 7); prepare what is stored
    with ``saslprep(text, stored=True)``, so that differently typed forms of one name are one user.
    """

    def verify_password(self, username: str, password: str) -> StoreAnswer[bool]:
        """PLAIN, LOGIN: whether this is the password of this user.

        False for an unknown user, after equal work: ``ScramKeys.decoy(...).check(password)`` does it where keys
        are stored (T-AUTH).
        """
        return False

    def scram_keys(self, username: str, hash_name: str) -> StoreAnswer[ScramKeys | None]:
        """SCRAM: what ``ScramKeys.derive`` made of this user's password with this hash function."""
        return None

    def secret(self, username: str) -> StoreAnswer[bytes | str | None]:
        """CRAM-MD5: this user's shared secret itself, text standing for its UTF-8 octets."""
        return None

    def verify_token(self, query: VerifyToken) -> StoreAnswer[bool | str | TokenError | None]:
        """OAUTHBEARER, XOAUTH2: whose token this is, or why it is not good."""
        return None

    def certificate_user(self, tls: TlsInfo, authzid: str) -> StoreAnswer[str | None]:
        """EXTERNAL: the user whose certificate ``tls.peer_certificate`` is; it is verified."""
        return None
