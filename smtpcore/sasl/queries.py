"""What a mechanism has to ask the application's credential store, a class for each question."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from smtpcore.sasl.keys import ScramKeys
from smtpcore.tls import TlsInfo

if TYPE_CHECKING:
    from smtpcore.sasl.store import CredentialStore


class Query:
    """A question to the store. Names and passwords in it are prepared by SASLprep (RFC 4013).

    A mechanism of the application's own may bring its own question: a subclass whose ``ask`` calls what the
    application's own store has for it.
    """

    __slots__ = ()

    answers: ClassVar[tuple[type, ...]] = (bool,)
    """What may come back beside None, which is no; anything else is the store's fault: 454."""

    def ask(self, store: CredentialStore) -> object:
        """Call the store's method for this question; the value may be one to be awaited."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class VerifyPassword(Query):
    """Is this the password of this user? The answer is true or false."""

    username: str
    password: str = field(repr=False)

    def ask(self, store: CredentialStore) -> object:
        """Ask ``verify_password``."""
        return store.verify_password(self.username, self.password)


@dataclass(frozen=True, slots=True)
class StoredKeys(Query):
    """What was derived from this user's password for SCRAM? The answer is ScramKeys; None: no such user."""

    answers = (ScramKeys,)

    username: str
    hash_name: str
    """The hash function as ``hashlib`` names it: ``"sha256"``."""

    def ask(self, store: CredentialStore) -> object:
        """Ask ``scram_keys``."""
        return store.scram_keys(self.username, self.hash_name)


@dataclass(frozen=True, slots=True)
class Secret(Query):
    """What is this user's shared secret itself? The answer is octets, or text; None: no such user."""

    answers = (bytes, str)

    username: str

    def ask(self, store: CredentialStore) -> object:
        """Ask ``secret``."""
        return store.secret(self.username)


@dataclass(frozen=True, slots=True)
class TokenError:
    """Why a bearer token is refused, as the client is told in JSON (RFC 7628 3.2.2)."""

    status: str = "invalid_token"
    """``invalid_request``, ``invalid_token`` or ``insufficient_scope`` (RFC 6750 3.1)."""
    scope: str = ""
    """The OAuth scope that a token for this service has to have; empty: tokens need none."""
    openid_configuration: str = ""
    """The ``https`` URL of the provider's discovery document; empty: none is named."""

    def to_json(self, *, status: str | None = None) -> bytes:
        """The members that are set, as ASCII."""
        members = {
            "status": status or self.status,
            "scope": self.scope,
            "openid-configuration": self.openid_configuration,
        }
        return json.dumps({name: value for name, value in members.items() if value}).encode("ascii")


@dataclass(frozen=True, slots=True)
class VerifyToken(Query):
    """Whose is this bearer token (RFC 6750)?

    The answer is the name of the user it was issued to, or true where that is the user named here; false or
    None where it is not good, or a TokenError that says why.
    """

    answers = (bool, str, TokenError)

    username: str
    """Whom the client wants to act for; may be empty with OAUTHBEARER (RFC 7628 3.1)."""
    token: str = field(repr=False)
    host: str = ""
    """The server's name as the client says it connected to it, if it says so; what is known otherwise has to
    match (RFC 7628 3.2). The client's word, not looked at by the core."""
    port: int | None = None
    """The port, likewise."""

    def ask(self, store: CredentialStore) -> object:
        """Ask ``verify_token``."""
        return store.verify_token(self)


@dataclass(frozen=True, slots=True)
class MapCertificate(Query):
    """Whose is this client certificate? The answer is a user name; None: nobody's."""

    answers = (str,)

    tls: TlsInfo
    """The TLS layer, with a verified certificate."""
    authzid: str
    """Whom the client wants to act for; empty: whoever the certificate is for (RFC 4422 A.1)."""

    def ask(self, store: CredentialStore) -> object:
        """Ask ``certificate_user``."""
        return store.certificate_user(self.tls, self.authzid)
