"""SASL mechanisms: small objects that take responses and say what comes next (RFC 4422, RFC 4954)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smtpcore.sasl.login import LoginServer
from smtpcore.sasl.mechanism import (
    Challenge,
    Failure,
    Identity,
    Outcome,
    Query,
    ServerMechanism,
    Success,
    VerifyPassword,
)
from smtpcore.sasl.plain import PlainServer

SERVER_MECHANISMS: Final[Mapping[str, type[ServerMechanism]]] = MappingProxyType(
    {kind.name: kind for kind in (PlainServer, LoginServer)}
)
"""The mechanisms a server can offer, by name."""

__all__ = [
    "SERVER_MECHANISMS",
    "Challenge",
    "Failure",
    "Identity",
    "LoginServer",
    "Outcome",
    "PlainServer",
    "Query",
    "ServerMechanism",
    "Success",
    "VerifyPassword",
]
