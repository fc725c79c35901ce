"""Which mechanism a client uses, of those that the server offers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from smtpcore.sasl.anonymous import AnonymousClient
from smtpcore.sasl.client import ClientMechanism
from smtpcore.sasl.cram_md5 import CramMd5Client
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.external import ExternalClient
from smtpcore.sasl.login import LoginClient
from smtpcore.sasl.oauthbearer import OAuthBearerClient
from smtpcore.sasl.plain import PlainClient
from smtpcore.sasl.scram_client import (
    ScramSha1Client,
    ScramSha1PlusClient,
    ScramSha256Client,
    ScramSha256PlusClient,
)
from smtpcore.sasl.xoauth2 import XOAuth2Client
from smtpcore.tls import TlsInfo

_KINDS: Final[tuple[type[ClientMechanism], ...]] = (
    ScramSha256PlusClient,
    ScramSha1PlusClient,
    ExternalClient,
    ScramSha256Client,
    ScramSha1Client,
    OAuthBearerClient,
    XOAuth2Client,
    CramMd5Client,
    PlainClient,
    LoginClient,
    AnonymousClient,
)

CLIENT_MECHANISMS: Final[Mapping[str, type[ClientMechanism]]] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""The mechanisms a client can use, by name, the stronger ones first."""


def choose(
    offered: Collection[str],
    credentials: Credentials,
    tls: TlsInfo | None,
    *,
    allow: Sequence[str] | None = None,
    plaintext_without_tls: bool = False,
) -> type[ClientMechanism] | None:
    """The best mechanism that the server offers and the credentials are good for.

    Args:
        offered: The mechanisms that the server announces, in upper case.
        credentials: What the client has.
        tls: The TLS layer; None in clear text.
        allow: The mechanisms that may be used, the best first; a name that nobody knows is passed over. None: all
            that are known, in the order of ``CLIENT_MECHANISMS``, but CRAM-MD5 in clear text alone: who reads one
            exchange of it can guess at the password, and the server has to store that itself; within TLS the
            password is safer with PLAIN.
        plaintext_without_tls: Use mechanisms that send a password or a token itself although there is no TLS, or
            its certificate was not verified (RFC 4954 14).

    Returns:
        The class, to be made with the same credentials and TLS; None: there is no mechanism in common.
    """
    if allow is None:
        allow = [name for name in CLIENT_MECHANISMS if tls is None or name != CramMd5Client.name]
    plaintext = plaintext_without_tls or (tls is not None and tls.peer_verified)
    for name in allow:
        kind = CLIENT_MECHANISMS.get(name)
        if kind is None or name not in offered or (kind.plaintext and not plaintext):
            continue
        if kind.usable(credentials, tls):
            return kind
    return None
