"""What tests of the client share: messages, servers that keep them, and servers that follow a script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from smtpcore_anyio import Client, Server, connect

from smtpcore import Envelope, Path, Rcpt, Reply, ServerSession
from smtpcore.session.client import ClientConfig, Content, Delivery, Message, Status, TlsMode
from tests.adapters.anyio.dialogue import Recorder

TEXT = b"Subject: hello\r\n\r\n.first\r\n"


def config(**settings: Any) -> ClientConfig:
    return ClientConfig(**{"hostname": "client.example", "tls": TlsMode.NONE, **settings})


def message(content: Content = TEXT, *recipients: str) -> Message:
    return Message.to("ann@client.example", recipients or ["bob@mx.example"], content)


def path(address: str) -> Path:
    return Path.parse(address)


def statuses(delivery: Delivery) -> list[Status]:
    assert delivery.done
    return [result.status for result in delivery.results]


class Inbox(Recorder):
    """Keeps what it gets, and knows nobody called eve."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return Reply(550, "No such user", "5.1.1") if rcpt.path.local.startswith("eve") else None

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        self.envelopes.append(envelope)

    @property
    def contents(self) -> list[bytes]:
        return [envelope.content for envelope in self.envelopes]


@asynccontextmanager
async def connected(server: Server, **settings: Any) -> AsyncIterator[Client]:
    """A client of a server at its first address, in clear text unless the settings say more."""
    address = server.addresses[0]
    assert isinstance(address, tuple)
    async with connect(*address, config(**settings)) as client:
        yield client
