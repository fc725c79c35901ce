"""SASL mechanisms: small objects that take responses and say what comes next (RFC 4422, RFC 4954)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smtpcore.sasl.anonymous import AnonymousServer
from smtpcore.sasl.context import Context
from smtpcore.sasl.cram_md5 import CramMd5Server
from smtpcore.sasl.external import ExternalServer
from smtpcore.sasl.keys import ScramKeys
from smtpcore.sasl.login import LoginServer
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.oauthbearer import OAuthBearerServer
from smtpcore.sasl.plain import PlainServer
from smtpcore.sasl.queries import MapCertificate, Query, Secret, StoredKeys, TokenError, VerifyPassword, VerifyToken
from smtpcore.sasl.saslprep import saslprep
from smtpcore.sasl.scram import (
    ScramServer,
    ScramSha1PlusServer,
    ScramSha1Server,
    ScramSha256PlusServer,
    ScramSha256Server,
)
from smtpcore.sasl.store import CredentialStore, StoreAnswer
from smtpcore.sasl.xoauth2 import XOAuth2Server

_KINDS: Final[tuple[type[ServerMechanism], ...]] = (
    ScramSha256PlusServer,
    ScramSha1PlusServer,
    ScramSha256Server,
    ScramSha1Server,
    ExternalServer,
    OAuthBearerServer,
    XOAuth2Server,
    PlainServer,
    LoginServer,
    CramMd5Server,
    AnonymousServer,
)

SERVER_MECHANISMS: Final[Mapping[str, type[ServerMechanism]]] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""The mechanisms a server can offer, by name, the better ones first."""

__all__ = [
    "SERVER_MECHANISMS",
    "AnonymousServer",
    "Challenge",
    "Context",
    "CramMd5Server",
    "CredentialStore",
    "ExternalServer",
    "Failure",
    "Identity",
    "LoginServer",
    "MapCertificate",
    "OAuthBearerServer",
    "Outcome",
    "PlainServer",
    "Query",
    "ScramKeys",
    "ScramServer",
    "ScramSha1PlusServer",
    "ScramSha1Server",
    "ScramSha256PlusServer",
    "ScramSha256Server",
    "Secret",
    "ServerMechanism",
    "StoreAnswer",
    "StoredKeys",
    "Success",
    "TokenError",
    "VerifyPassword",
    "VerifyToken",
    "XOAuth2Server",
    "saslprep",
]
