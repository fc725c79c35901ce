"""The client's session, its settings, and what it tells of the messages that it was given."""

from __future__ import annotations

from smtpcore.session.client.config import ClientConfig, CredentialSource, TlsMode
from smtpcore.session.client.content import Feed
from smtpcore.session.client.message import Content, Message, Readable
from smtpcore.session.client.observer import ClientObserver, ClientTranscript
from smtpcore.session.client.results import Delivery, Exchange, Result, SessionError, Status
from smtpcore.session.client.session import ClientSession
from smtpcore.session.client.timeouts import ClientTimeouts

__all__ = [
    "ClientConfig",
    "ClientObserver",
    "ClientSession",
    "ClientTimeouts",
    "ClientTranscript",
    "Content",
    "CredentialSource",
    "Delivery",
    "Exchange",
    "Feed",
    "Message",
    "Readable",
    "Result",
    "SessionError",
    "Status",
    "TlsMode",
]
