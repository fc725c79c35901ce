"""Our clients, which deliver to the servers of others; each test runs once for each of them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import anyio
import smtpcore_anyio
import smtpcore_blocking

from smtpcore import Reply
from smtpcore.extensions import Extensions
from smtpcore.session.client import ClientConfig, ClientTranscript, Delivery, Message, Status, TlsMode
from smtpcore.tls import TlsInfo
from tests.interop.letters import BODY

Place: TypeAlias = tuple[str, int] | Path
"""A TCP port, or a unix socket."""


@dataclass
class Sent:
    """What a client has done and seen."""

    lines: list[str] = field(default_factory=list)
    """The dialogue, ``C:`` and ``S:``."""
    deliveries: list[Delivery] = field(default_factory=list)
    greeting: Reply | None = None
    extensions: Extensions | None = None
    tls: TlsInfo | None = None

    @property
    def delivery(self) -> Delivery:
        """The one delivery."""
        [delivery] = self.deliveries
        return delivery

    @property
    def text(self) -> str:
        """The dialogue as one text."""
        return "\n".join(self.lines)

    def said(self, *begins: str) -> list[str]:
        """What the client said that begins with one of these words, in order."""
        return [line[3:] for line in self.lines if line.startswith(tuple(f"C: {begin}" for begin in begins))]

    def groups(self) -> list[list[str]]:
        """The verbs of the commands that went out together, of each group."""
        groups: list[list[str]] = [[]]
        for line in self.lines:
            if line.startswith("C: ") and not line.startswith("C: <"):
                groups[-1].append(line.split()[1])
            elif groups[-1]:
                groups.append([])
        return [group for group in groups if group]


def blocking(
    place: Place, config: ClientConfig, *messages: Message, sent: Sent, context: ssl.SSLContext | None
) -> None:
    """Deliver by smtpcore_blocking."""
    words = {"tls_context": context, "server_name": "mx.test", "observer": ClientTranscript(sent.lines.append)}
    connection: AbstractContextManager[smtpcore_blocking.Client]
    if isinstance(place, Path):
        connection = smtpcore_blocking.connect_unix(place, config, **words)  # type: ignore[arg-type]
    else:
        connection = smtpcore_blocking.connect(*place, config, **words)  # type: ignore[arg-type]
    with connection as client:
        sent.greeting, sent.extensions, sent.tls = client.greeting, client.extensions, client.tls
        for message in messages:
            sent.deliveries.append(client.send(message))


def on_asyncio(
    place: Place, config: ClientConfig, *messages: Message, sent: Sent, context: ssl.SSLContext | None
) -> None:
    """Deliver by smtpcore_anyio."""
    words = {"tls_context": context, "server_name": "mx.test", "observer": ClientTranscript(sent.lines.append)}

    async def main() -> None:
        connection: AbstractAsyncContextManager[smtpcore_anyio.Client]
        if isinstance(place, Path):
            connection = smtpcore_anyio.connect_unix(place, config, **words)  # type: ignore[arg-type]
        else:
            connection = smtpcore_anyio.connect(*place, config, **words)  # type: ignore[arg-type]
        async with connection as client:
            sent.greeting, sent.extensions, sent.tls = client.greeting, client.extensions, client.tls
            for message in messages:
                sent.deliveries.append(await client.send(message))

    anyio.run(main)


WAYS: dict[str, Callable[..., None]] = {"blocking": blocking, "anyio": on_asyncio}


@dataclass(frozen=True)
class Deliver:
    """One of our clients."""

    way: Callable[..., None]
    context: ssl.SSLContext
    """Trusts the certificate of the servers, and nothing else."""

    def __call__(self, place: Place, *messages: Message, sent: Sent | None = None, **settings: object) -> Sent:
        """Deliver the messages, by default a short one; without TLS unless the settings say so.

        Args:
            place: The server.
            messages: The messages.
            sent: Gets what is seen, for those who want to see it behind a SessionError.
            settings: Those of ClientConfig.
        """
        config = ClientConfig(**{"hostname": "client.test", "tls": TlsMode.NONE, **settings})  # type: ignore[arg-type]
        sent = Sent() if sent is None else sent
        context = None if config.tls is TlsMode.NONE else self.context
        self.way(place, config, *(messages or (message(),)), sent=sent, context=context)
        check_content_waits(sent.lines)
        return sent


def message(*recipients: str, content: bytes = BODY, sender: str = "a@client.test", **parameters: object) -> Message:
    """A message to these; the parameters are those of `Message.to`."""
    return Message.to(sender, recipients or ("b@mx.test",), content, **parameters)  # type: ignore[arg-type]


def outcome(delivery: Delivery) -> list[tuple[Status, str, int | None]]:
    """For each recipient the status, the stage that decided and the code of the reply."""
    assert delivery.done
    return [
        (result.status, result.stage, None if result.reply is None else result.reply.code)
        for result in delivery.results
    ]


def check_content_waits(lines: list[str]) -> None:
    """Content goes out behind a 354 or a BDAT, and behind nothing else."""
    allowed = False
    for line in lines:
        if line.endswith(" octets of content>"):
            assert allowed, lines
        elif line.startswith("C: "):
            allowed = line.startswith("C: BDAT ")
        elif line.startswith("S: 354"):
            allowed = True


ACCEPTED = (Status.ACCEPTED, "final", 250)
