"""A client over a blocking socket: each call returns when what it is for is done."""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage

from smtpcore_tls import Wire, context_for, message_of, name_of

from smtpcore.commands import Command, Mail
from smtpcore.commands.attributes import Attribute
from smtpcore.errors import LocalProtocolError
from smtpcore.extensions import Extensions
from smtpcore.paths import Path
from smtpcore.replies import Reply
from smtpcore.session.client import (
    ClientConfig,
    ClientObserver,
    ClientSession,
    Delivery,
    Feed,
    Message,
    Result,
    SessionError,
)
from smtpcore.tls import TlsInfo

from .channel import Channel
from .clientloop import ClientLoop
from .connecting import connect_path, connect_tcp
from .opendelivery import OpenDelivery


@contextmanager
def connect(
    host: str,
    port: int,
    config: ClientConfig,
    *,
    tls_context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    observer: ClientObserver | None = None,
    connect_timeout: float | None = 30.0,
    local_address: str | None = None,
) -> Iterator[Client]:
    """Connect to a server, and take leave of it at the end of the block; behind an exception just hang up.

    The client that the block gets is ready: the greeting, EHLO, TLS and AUTH are done.

    Args:
        host: A name or an address.
        port: The port.
        config: The settings of the session.
        tls_context: What to check the server against; by default what `smtpcore_tls.context_for` gives.
        server_name: The name in the certificate; by default the host.
        observer: Sees what happens.
        connect_timeout: Seconds for the connection itself; the session's own timeouts follow.
        local_address: An address of this host to connect from.

    Raises:
        SessionError: There is no connection, or the client cannot be made ready.
    """
    sock = connect_tcp(host, port, connect_timeout, local_address)
    with connect_socket(
        sock, config, tls_context=tls_context, server_name=server_name or name_of(host), observer=observer
    ) as client:
        yield client


@contextmanager
def connect_unix(
    path: str | os.PathLike[str],
    config: ClientConfig,
    *,
    tls_context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    observer: ClientObserver | None = None,
    connect_timeout: float | None = 30.0,
) -> Iterator[Client]:
    """Connect to a server on a Unix socket; all else is as with `connect`.

    Raises:
        SessionError: There is no connection, or the client cannot be made ready.
        ValueError: Certificates are to be verified, and there is no name to check them against.
    """
    sock = connect_path(path, connect_timeout)
    with connect_socket(sock, config, tls_context=tls_context, server_name=server_name, observer=observer) as client:
        yield client


@contextmanager
def connect_socket(
    sock: socket.socket,
    config: ClientConfig,
    *,
    tls_context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    observer: ClientObserver | None = None,
) -> Iterator[Client]:
    """Talk to a server over a socket that is connected already, and is closed at the end; else as `connect`.

    Raises:
        SessionError: The client cannot be made ready.
        ValueError: Certificates are to be verified, and there is no name to check them against.
    """
    client = open_client(sock, config, tls_context, server_name, observer)
    try:
        yield client
    except BaseException:
        client.hang_up()
        raise
    client.quit()


def open_client(
    sock: socket.socket,
    config: ClientConfig,
    tls_context: ssl.SSLContext | None,
    server_name: str | None,
    observer: ClientObserver | None,
) -> Client:
    """A client that is ready, over a socket that is its own from now on.

    Raises:
        SessionError: It cannot be made ready.
        ValueError: Certificates are to be verified, and there is no name to check them against.
    """
    try:
        context = context_for(config, tls_context)
        check_name(context, server_name)
        channel = Channel(sock)
    except BaseException:
        sock.close()
        raise
    session = ClientSession(config, observer=observer, monotonic=time.monotonic, token_bytes=secrets.token_bytes)
    client = Client(session, ClientLoop(channel, session, Wire(session, context, server_name=server_name)))
    client._loop.run()
    if session.failure is not None:
        cause = session.cause
        raise session.failure from None if isinstance(cause, SessionError) else cause
    return client


def check_name(context: ssl.SSLContext | None, server_name: str | None) -> None:
    """See that there is a name where one is needed.

    Raises:
        ValueError: There is none.
    """
    if context is not None and context.check_hostname and server_name is None:
        raise ValueError("server_name is needed: the name to check the certificate against")


class Client:
    """A connection to a server that is ready for mail. It belongs to one thread at a time.

    Messages go one after the other. What the server refuses is no exception: it stands in the results. A session that
    has ended refuses all that it is given, with the reason.
    """

    session: ClientSession
    """What the client drives; for looking at."""

    def __init__(self, session: ClientSession, loop: ClientLoop) -> None:
        self.session = session
        self._loop = loop
        self._opened: OpenDelivery | None = None

    @property
    def extensions(self) -> Extensions:
        """What the server announces."""
        return self.session.connection.extensions

    @property
    def tls(self) -> TlsInfo | None:
        """What was negotiated; None without TLS."""
        return self.session.tls

    @property
    def greeting(self) -> Reply | None:
        """The server's first reply."""
        return self.session.greeting

    @property
    def usable(self) -> bool:
        """Whether more can be sent, as far as is known without asking the server."""
        return self.session.idle

    def send(self, message: Message, *, told: Callable[[Result], None] | None = None) -> Delivery:
        """Send a message.

        Args:
            message: The message.
            told: Is called with what becomes of it for each recipient, as soon as that is known; what it raises is
                kept in ``fault``.

        Raises:
            LocalProtocolError: Something else is under way.
            TypeError: The content is a feed.
        """
        self._check()
        if isinstance(message.content, Feed):
            raise TypeError("content that is still to come goes with open() and OpenDelivery.write()")
        delivery = self.session.submit(message, told=told)
        self._loop.run()
        return delivery

    def send_message(
        self,
        email: EmailMessage,
        sender: str | Path | None = None,
        recipients: Iterable[str | Path] | None = None,
        *,
        mail: Mapping[str, object] | None = None,
        rcpt: Mapping[str, object] | None = None,
    ) -> Delivery:
        """Send a message of the ``email`` package; the arguments are those of `smtpcore_tls.message_of`.

        Raises:
            ValueError: There is no sender or no recipient, or what should be an address is none.
            LocalProtocolError: Something else is under way.
        """
        return self.send(message_of(email, sender, recipients, mail=mail, rcpt=rcpt))

    def command(self, command: Command) -> Reply:
        """Send NOOP, RSET, VRFY, EXPN, HELP, ETRN or a verb of the application's own, and wait for the reply.

        Raises:
            SessionError: There is none.
            LocalProtocolError: Something else is under way, or the command cannot be sent now, or not like this.
        """
        self._check()
        exchange = self.session.ask(command)
        self._loop.run()
        if exchange.reply is None:
            assert exchange.error is not None  # one of the two is there when the session is idle again
            raise exchange.error
        return exchange.reply

    def open(
        self, mail: Mail, *, size: int | None = None, forwarded: Mapping[str, Attribute] | None = None
    ) -> OpenDelivery:
        """Begin a message whose recipients and content follow, and wait for the reply to MAIL.

        Args:
            mail: The reverse path and its parameters.
            size: Octets of the content, if that is known.
            forwarded: What to tell by XFORWARD, as in `Message`.

        Raises:
            LocalProtocolError: Something else is under way.
        """
        self._check()
        delivery = self.session.open(mail, size=size, forwarded=forwarded)
        self._loop.run()
        self._opened = OpenDelivery(delivery, self._loop)
        return self._opened

    def quit(self) -> None:
        """Take leave of the server and close; an open delivery is cancelled. Again it does nothing."""
        if self._opened is not None:
            self._opened.cancel()
        self.session.quit()
        self._loop.run()

    def hang_up(self) -> None:
        """Close the connection at once."""
        self._loop.abandon(None)

    def _check(self) -> None:
        self._loop.check()
        if self._opened is not None and not self._opened.delivery.done:
            raise LocalProtocolError("a delivery is open: complete() or cancel() it first")
