"""The client: connections to a server that are ready for mail."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage

import anyio
from anyio.abc import ByteStream
from smtpcore_tls import message_of, name_of

from smtpcore.commands import Command, Mail, Rcpt
from smtpcore.commands.attributes import Attribute
from smtpcore.errors import LocalProtocolError
from smtpcore.extensions import Extensions
from smtpcore.paths import Path
from smtpcore.replies import Reply
from smtpcore.session.client import (
    ClientConfig,
    ClientObserver,
    ClientSession,
    Content,
    Delivery,
    Feed,
    Message,
    Result,
)
from smtpcore.tls import TlsInfo

from .dial import dial_tcp, dial_unix
from .hooks import Abandoned
from .link import ClientService, Link

Told = Callable[[Result], None]
"""Is called with each result as soon as it is known."""


class Client:
    """A connection that is ready: greeted, secured and authenticated as its settings ask for.

    It belongs to one task at a time; for several at once there is `Pool`. Where a task that waits for it is cancelled,
    the connection is closed at once and everything that was under way is settled: what was sent as a whole and has no
    reply is uncertain. After that, and after the server has gone, messages fail with ``Delivery.error`` and everything
    else raises SessionError.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._busy = False
        self._open: OpenDelivery | None = None

    @property
    def session(self) -> ClientSession:
        """The session, for all that is not shown here."""
        return self._link.session

    @property
    def extensions(self) -> Extensions:
        """What the server announces."""
        return self.session.connection.extensions

    @property
    def tls(self) -> TlsInfo | None:
        """The TLS layer, if there is one."""
        return self.session.tls

    @property
    def greeting(self) -> Reply | None:
        """The server's first reply."""
        return self.session.greeting

    @property
    def usable(self) -> bool:
        """Whether more can be sent, as far as is known without asking the server."""
        return self.session.idle

    async def send(self, message: Message, *, told: Told | None = None) -> Delivery:
        """Send a message and wait until it is known for each recipient what became of it.

        Refusals and lost connections raise nothing: each recipient has its result, and ``error`` says what befell the
        message as a whole.

        Args:
            message: The message.
            told: Is called with each result as soon as it is known; what it raises is kept in ``fault``.

        Raises:
            LocalProtocolError: Another task is using the client, or a delivery is open.
            TypeError: The content is a feed.
        """
        if isinstance(message.content, Feed):
            raise TypeError("content that is still to come goes with open() and OpenDelivery.write()")
        with self._use():
            delivery = self.session.submit(message, told=told)
            await self._link.run()
        return delivery

    async def send_message(
        self,
        email: EmailMessage,
        sender: str | Path | None = None,
        recipients: Iterable[str | Path] | None = None,
        *,
        mail: Mapping[str, object] | None = None,
        rcpt: Mapping[str, object] | None = None,
    ) -> Delivery:
        """Send a message of the ``email`` package; see `smtpcore_tls.message_of` for what becomes of it.

        Args:
            email: The message, which stays as it is.
            sender: The reverse path; by default the message says it.
            recipients: The forward paths; by default the message says them.
            mail: Parameters of MAIL, by keyword in upper case.
            rcpt: Parameters of each RCPT.

        Raises:
            ValueError: There is no sender or no recipient, or what should be an address is none.
            LocalProtocolError: As for `send`.
        """
        return await self.send(message_of(email, sender, recipients, mail=mail, rcpt=rcpt))

    async def command(self, command: Command) -> Reply:
        """Send a single command (VRFY, NOOP, ETRN, one of your own) and wait for its reply, whatever that says.

        Raises:
            SessionError: There is none.
            LocalProtocolError: The command cannot be sent, or the client not be used.
        """
        with self._use():
            exchange = self.session.ask(command)
            await self._link.run()
        if exchange.reply is None:
            assert exchange.error is not None  # what is done has one of the two
            raise exchange.error
        return exchange.reply

    async def open(
        self, mail: Mail, *, size: int | None = None, forwarded: Mapping[str, Attribute] | None = None
    ) -> OpenDelivery:
        """Begin a message whose recipients and content follow, and wait for the reply to MAIL.

        A refusal of MAIL raises nothing yet: ``delivery`` is ``done`` then. Until it is, the client sends nothing else.

        Args:
            mail: The reverse path and its parameters; content that needs more is not known yet.
            size: Octets of the content, if that is known.
            forwarded: What to tell by XFORWARD, as in `Message`.

        Raises:
            LocalProtocolError: Another task is using the client, or a delivery is open.
        """
        with self._use():
            delivery = self.session.open(mail, size=size, forwarded=forwarded)
            await self._link.run()
        self._open = OpenDelivery(self, delivery)
        return self._open

    async def quit(self) -> None:
        """Take leave of the server and close; an open delivery is cancelled. Again it does nothing."""
        if self._open is not None:
            await self._open.cancel()
        with self._use():
            self.session.quit()
            await self._link.run()

    async def hang_up(self) -> None:
        """Close the connection at once and without a word."""
        if not self._link.over:
            await self._link.break_off(Abandoned("the client has hung up"))

    @contextmanager
    def _use(self, delivery: OpenDelivery | None = None) -> Iterator[None]:
        if self._busy:
            raise LocalProtocolError("another task is using this client: open one for each, or use a Pool")
        if self._open is not None and self._open is not delivery and not self._open.delivery.done:
            raise LocalProtocolError("a delivery is open: complete() or cancel() it first")
        self._busy = True
        try:
            yield
        finally:
            self._busy = False


class OpenDelivery:
    """A message that is given recipient by recipient, each with its own reply, before its content is there."""

    delivery: Delivery
    """What becomes of it. It is ``done`` where MAIL was refused or the session has failed."""

    def __init__(self, client: Client, delivery: Delivery) -> None:
        self.delivery = delivery
        self._client = client
        self._feed: Feed | None = None

    async def add(self, recipient: Rcpt) -> Result:
        """Another recipient, and the server's reply to it; the result stays pending if that is positive.

        Raises:
            SessionError: The message as a whole has failed.
            LocalProtocolError: The content was begun, or another task is using the client.
        """
        with self._client._use(self):
            self.delivery.raise_failure()
            result = self.delivery.add(recipient)
            await self._client._link.run()
        return result

    async def complete(self, content: Content) -> Delivery:
        """Let the content follow, and wait for what becomes of it. Where no recipient was accepted nothing is sent.

        Raises:
            SessionError: The message as a whole has failed before.
            LocalProtocolError: The content was begun, or another task is using the client.
        """
        with self._client._use(self):
            self.delivery.raise_failure()
            self.delivery.complete(content)
            await self._client._link.run()
        return self.delivery

    async def write(self, piece: bytes | str) -> None:
        """Let the next piece of the content follow, and wait until the connection takes more.

        What is written behind a refusal is dropped; ``finish`` says which.

        Raises:
            SessionError: The message as a whole has failed before its content was begun.
            LocalProtocolError: The content is complete, or another task is using the client.
        """
        with self._client._use(self):
            if self._feed is None:
                self.delivery.raise_failure()
                feed = Feed()
                self.delivery.complete(feed)
                self._feed = feed
            if not self.delivery.done:
                self._feed.write(piece)
                await self._client._link.run()

    async def finish(self) -> Delivery:
        """End the content that was written, and wait for what becomes of it.

        Raises:
            LocalProtocolError: Nothing was written, or another task is using the client.
        """
        with self._client._use(self):
            if self._feed is None:
                raise LocalProtocolError("no content was written: use write() before, or complete() instead")
            self._feed.finish()
            await self._client._link.run()
        return self.delivery

    async def cancel(self) -> None:
        """Give it up: nobody gets it. Once the content is begun that takes hanging up; behind its end it does nothing.

        Raises:
            LocalProtocolError: Another task is using the client.
        """
        with self._client._use(self):
            self.delivery.cancel()
            await self._client._link.run()
        if not self.delivery.done:
            await self._client.hang_up()


# Connections.


@asynccontextmanager
async def connect(
    host: str,
    port: int,
    config: ClientConfig,
    *,
    tls_context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    observer: ClientObserver | None = None,
    connect_timeout: float | None = 30.0,
    local_address: str | None = None,
) -> AsyncIterator[Client]:
    """A client of a server at a TCP port; leaving the block in order takes leave, an exception closes at once.

    Args:
        host: A name, of which all addresses are tried, or an IPv4 or IPv6 address.
        port: 25 for relays, 587 for submission, 465 for submission under TLS from the first octet.
        config: The settings.
        tls_context: What to trust; by default the system's authorities, and anything at all for opportunistic TLS.
        server_name: The name that the certificate has to be for; by default the host.
        observer: Watches the session.
        connect_timeout: Seconds until the connection stands; what follows has the timeouts of the settings.
        local_address: The address of this host to connect from.

    Raises:
        SessionError: There is no connection, the server does not let the client in, or gives less than asked for.
        ValueError: The TLS context does not fit.
    """
    service = ClientService(config, tls_context, server_name or name_of(host), observer)
    stream = await dial_tcp(host, port, within=connect_timeout, local_address=local_address)
    async with _ready(stream, service) as client:
        yield client


@asynccontextmanager
async def connect_unix(
    path: str | os.PathLike[str],
    config: ClientConfig,
    *,
    tls_context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    observer: ClientObserver | None = None,
    connect_timeout: float | None = 30.0,
) -> AsyncIterator[Client]:
    """A client of a server at a unix socket; `connect` has the arguments and errors. There is no name but yours."""
    service = ClientService(config, tls_context, server_name, observer)
    async with _ready(await dial_unix(path, within=connect_timeout), service) as client:
        yield client


@asynccontextmanager
async def connect_stream(
    stream: ByteStream,
    config: ClientConfig,
    *,
    tls_context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    observer: ClientObserver | None = None,
) -> AsyncIterator[Client]:
    """A client over a connection that stands, and is closed in the end; `connect` has the arguments and errors."""
    try:
        service = ClientService(config, tls_context, server_name, observer)
    except BaseException:
        await anyio.aclose_forcefully(stream)
        raise
    async with _ready(stream, service) as client:
        yield client


@asynccontextmanager
async def _ready(stream: ByteStream, service: ClientService) -> AsyncIterator[Client]:
    client = Client(await service.open(stream))
    try:
        yield client
        await client.quit()
    finally:
        await client.hang_up()
