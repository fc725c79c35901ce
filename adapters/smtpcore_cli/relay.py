"""The next hop: the connection that a forwarding server has to it, one for each of its own sessions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace

from smtpcore_anyio import Client, OpenDelivery, connect, connect_unix

from smtpcore import Mail, ServerSession
from smtpcore.commands.attributes import Attribute, Unavailable
from smtpcore.session.client import SessionError
from smtpcore.session.client.announced import limit

from .hop import Hop

_PROTOCOLS = {b"HELO": "SMTP", b"EHLO": "ESMTP", b"LHLO": "ESMTP"}
_INFORMATION = ("AUTH", "SUBMITTER")
_TRACE = 512
"""Octets that the Received line adds to a message, about."""


class Relay:
    """The connection to the next hop that belongs to one session of the server, and the message under way on it."""

    def __init__(self, hop: Hop) -> None:
        self._hop = hop
        self._stack = AsyncExitStack()
        self._client: Client | None = None
        self._served: Mapping[str, Attribute] = {}  # who is, as the next hop was told by XCLIENT
        self.delivery: OpenDelivery | None = None
        """The message that was begun, until all is known of it."""

    async def begin(self, session: ServerSession, mail: Mail) -> OpenDelivery:
        """Begin a message at the next hop.

        Raises:
            SessionError: The next hop is not to be had, or does not take it.
        """
        await self.cancel()
        kept = self._client
        try:
            return await self._open(session, mail)
        except SessionError:
            if kept is None or self._client is not kept or kept.session.failure is None:
                raise
        # The next hop has left while nobody said anything, which says nothing of this message.
        return await self._open(session, mail)

    async def cancel(self) -> None:
        """Give the message under way up; once its content is begun, that takes the connection."""
        delivery, self.delivery = self.delivery, None
        if delivery is not None:
            await delivery.cancel()

    async def close(self) -> None:
        """Take leave of the next hop."""
        self._client = self.delivery = None
        await self._stack.aclose()

    async def _open(self, session: ServerSession, mail: Mail) -> OpenDelivery:
        client = self._client
        served = attributes(session)
        if client is None or not self._serves(client, served):
            client = await self._connect(served)
        told = served if self._hop.xforward else {}
        size = mail.size + _TRACE if mail.size is not None else None
        opened = await client.open(_passed_on(mail, client.extensions), size=size, forwarded=told)
        opened.delivery.raise_failure()
        self.delivery = opened
        return opened

    def _serves(self, client: Client, served: Mapping[str, Attribute]) -> bool:
        """Whether another message may go over this connection."""
        if client.session.failure is not None or (self._hop.xclient and served != self._served):
            return False
        most = limit(client.extensions, "MAILMAX")
        return most is None or client.session.transactions < most

    async def _connect(self, served: Mapping[str, Attribute]) -> Client:
        await self.close()
        self._stack = AsyncExitStack()
        self._client = await self._stack.enter_async_context(_connection(self._hop, served))
        self._served = served
        return self._client


def _connection(hop: Hop, served: Mapping[str, Attribute]) -> AbstractAsyncContextManager[Client]:
    place, context, name, within = hop.place, hop.tls_context, hop.server_name, hop.connect_timeout
    config = replace(hop.config, xclient=served) if hop.xclient else hop.config
    if place.path is not None:
        return connect_unix(place.path, config, tls_context=context, server_name=name, connect_timeout=within)
    return connect(place.host, place.port, config, tls_context=context, server_name=name, connect_timeout=within)


def attributes(session: ServerSession) -> Mapping[str, Attribute]:
    """Who is served, as XFORWARD and XCLIENT tell it."""
    peer = session.peer
    told: dict[str, Attribute] = {
        "NAME": Unavailable.PERMANENT,
        "ADDR": peer.host or Unavailable.PERMANENT,
        "PORT": peer.port or Unavailable.PERMANENT,
    }
    if session.helo is not None:
        told["PROTO"] = _PROTOCOLS[session.helo.verb]
        told["HELO"] = session.helo.domain if session.helo.helo_valid else Unavailable.PERMANENT
    return told


def _passed_on(mail: Mail, offered: Mapping[str, str]) -> Mail:
    """The command as the next hop gets it: all that asks for something as it is, and what only informs if it is read.

    RFC 4954 5 and RFC 4405 4 let a relay leave out who has submitted the message. What else the next hop does not
    announce is an error in the client, and so for whoever has sent the message: it is never left out in silence.
    """
    return Mail(
        mail.path, {name: value for name, value in mail.params.items() if name not in _INFORMATION or name in offered}
    )
