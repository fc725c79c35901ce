"""SASL mechanisms: small objects for either side of an exchange (RFC 4422, RFC 4954)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smtpcore.sasl.anonymous import AnonymousClient, AnonymousServer
from smtpcore.sasl.choice import CLIENT_MECHANISMS, choose
from smtpcore.sasl.client import ClientMechanism
from smtpcore.sasl.context import Context
from smtpcore.sasl.cram_md5 import CramMd5Client, CramMd5Server
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.external import ExternalClient, ExternalServer
from smtpcore.sasl.keys import ScramKeys
from smtpcore.sasl.login import LoginClient, LoginServer
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.oauthbearer import OAuthBearerClient, OAuthBearerServer
from smtpcore.sasl.plain import PlainClient, PlainServer
from smtpcore.sasl.queries import MapCertificate, Query, Secret, StoredKeys, TokenError, VerifyPassword, VerifyToken
from smtpcore.sasl.saslprep import saslprep
from smtpcore.sasl.scram import (
    ScramServer,
    ScramSha1PlusServer,
    ScramSha1Server,
    ScramSha256PlusServer,
    ScramSha256Server,
)
from smtpcore.sasl.scram_client import (
    ScramClient,
    ScramSha1Client,
    ScramSha1PlusClient,
    ScramSha256Client,
    ScramSha256PlusClient,
)
from smtpcore.sasl.store import CredentialStore, StoreAnswer
from smtpcore.sasl.xoauth2 import XOAuth2Client, XOAuth2Server

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
    "CLIENT_MECHANISMS",
    "SERVER_MECHANISMS",
    "AnonymousClient",
    "AnonymousServer",
    "Challenge",
    "ClientMechanism",
    "Context",
    "CramMd5Client",
    "CramMd5Server",
    "CredentialStore",
    "Credentials",
    "ExternalClient",
    "ExternalServer",
    "Failure",
    "Identity",
    "LoginClient",
    "LoginServer",
    "MapCertificate",
    "OAuthBearerClient",
    "OAuthBearerServer",
    "Outcome",
    "PlainClient",
    "PlainServer",
    "Query",
    "ScramClient",
    "ScramKeys",
    "ScramServer",
    "ScramSha1Client",
    "ScramSha1PlusClient",
    "ScramSha1PlusServer",
    "ScramSha1Server",
    "ScramSha256Client",
    "ScramSha256PlusClient",
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
    "XOAuth2Client",
    "XOAuth2Server",
    "choose",
    "saslprep",
]
