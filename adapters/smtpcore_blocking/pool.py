"""Connections that are kept from one message to the next."""

from __future__ import annotations

import math
import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from email.message import EmailMessage
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from smtpcore_tls import context_for, message_of, name_of

from smtpcore.commands import Noop
from smtpcore.errors import LocalProtocolError
from smtpcore.paths import Path
from smtpcore.session.client import ClientConfig, ClientObserver, Delivery, Message, Result, SessionError
from smtpcore.session.client.announced import limit

from .client import Client, check_name, open_client
from .connecting import connect_path, connect_tcp


class _Kept(NamedTuple):
    """A connection that nobody uses now."""

    client: Client
    since: float
    """When it was used last."""


class Pool:
    """Sends messages over few connections to one server, for any number of threads.

    It is a context manager. Leaving it in order takes leave of the server on every connection, an exception closes
    those that are idle at once. Where more threads send than there may be connections, they wait for their turn.

    Args:
        host: A name, of which all addresses are tried, or an IPv4 or IPv6 address; with ``port=None`` the path of a
            Unix socket.
        port: The port.
        config: The settings of each session.
        tls_context: As for `connect`.
        server_name: As for `connect`.
        observer: Watches all sessions, in the threads that use them.
        connect_timeout: Seconds until a connection stands.
        local_address: The address of this host to connect from.
        max_connections: Connections in use at the same time.
        max_messages: Mail transactions over one connection; a server that announces fewer gets fewer.
        max_idle: Seconds after which a connection that nobody needs is closed, at the next use of the pool.
        check_after: Seconds of idling after which NOOP has to tell that a connection is still good.

    Raises:
        ValueError: A limit is less than 1, or certificates are to be verified and there is no name to check them
            against.
    """

    def __init__(
        self,
        host: str | os.PathLike[str],
        port: int | None,
        config: ClientConfig,
        *,
        tls_context: ssl.SSLContext | None = None,
        server_name: str | None = None,
        observer: ClientObserver | None = None,
        connect_timeout: float | None = 30.0,
        local_address: str | None = None,
        max_connections: int = 4,
        max_messages: int = 100,
        max_idle: float = 60.0,
        check_after: float = 10.0,
    ) -> None:
        if max_connections < 1 or max_messages < 1:
            raise ValueError("max_connections and max_messages are at least 1")
        self._connect: Callable[[], socket.socket]
        if port is None:
            self._connect = partial(connect_path, host, connect_timeout)
        else:
            host = os.fspath(host)
            server_name = server_name or name_of(host)
            self._connect = partial(connect_tcp, host, port, connect_timeout, local_address)
        self._config = config
        self._tls_context = context_for(config, tls_context)
        check_name(self._tls_context, server_name)
        self._server_name = server_name
        self._observer = observer
        self._max_messages = max_messages
        self._max_idle = max_idle
        self._check_after = check_after
        self._turns = threading.Semaphore(max_connections)
        self._lock = threading.Lock()
        # The lock is for these two.
        self._open = False
        self._kept: deque[_Kept] = deque()
        """Idle connections; the one that was used last is at the end, and used first."""

    def __enter__(self) -> Self:
        with self._lock:
            self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._open = False
            kept = list(self._kept)
            self._kept.clear()
        for client, _ in kept:
            if error is None:
                client.quit()
            else:
                client.hang_up()

    def send(self, message: Message, *, told: Callable[[Result], None] | None = None) -> Delivery:
        """Send a message over a connection that is kept, or a new one; as `Client.send` otherwise.

        Where no connection can be had, each result says so, and ``error`` too. A message of which nothing was sent,
        because the kept connection had gone, is sent once more over a new one.

        Raises:
            LocalProtocolError: The pool is not open.
        """
        if not self._open:
            raise LocalProtocolError("the pool is not open: use it inside of its 'with' block")
        with self._turns:
            delivery = self._send_by_kept(message, told) or self._send_by_fresh(message, told)
        self._retire_idle()
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
            LocalProtocolError: The pool is not open.
        """
        return self.send(message_of(email, sender, recipients, mail=mail, rcpt=rcpt))

    def _send_by_kept(self, message: Message, told: Callable[[Result], None] | None) -> Delivery | None:
        """Send it over a connection that is kept; None where there is none any more."""
        client = self._take()
        if client is None:
            return None
        held: list[Result] = []

        def tell(result: Result) -> None:
            if told is not None and client.session.failure is None:
                told(result)
            else:
                # The session has failed, and whether another gets the message depends on whether it was begun.
                held.append(result)

        delivery = self._send(client, message, tell)
        if client.session.failure is not None and not delivery.begun:
            return None
        delivery.told = told
        for result in held:
            delivery.tell(result)
        return delivery

    def _send_by_fresh(self, message: Message, told: Callable[[Result], None] | None) -> Delivery:
        try:
            sock = self._connect()
            client = open_client(sock, self._config, self._tls_context, self._server_name, self._observer)
        except SessionError as error:
            delivery = Delivery.of(message, told)
            delivery.fail(error)
            return delivery
        return self._send(client, message, told)

    def _send(self, client: Client, message: Message, told: Callable[[Result], None] | None) -> Delivery:
        """Send it over this connection, and keep that if it is good for more."""
        try:
            delivery = client.send(message, told=told)
        except BaseException:
            client.hang_up()
            raise
        most = min(self._max_messages, limit(client.extensions, "MAILMAX") or math.inf)
        if client.usable and not (client.session.transactions < most and self._keep(client)):
            client.quit()
        return delivery

    def _take(self) -> Client | None:
        """The connection that was used last, if it is still good; else another that is."""
        while True:
            with self._lock:
                if not self._kept:
                    return None
                client, since = self._kept.pop()
            if time.monotonic() - since < self._check_after or _answers(client):
                return client

    def _keep(self, client: Client) -> bool:
        with self._lock:
            if self._open:
                self._kept.append(_Kept(client, time.monotonic()))
            return self._open

    def _retire_idle(self) -> None:
        """Take leave of the server where nobody has needed a connection for long."""
        latest = time.monotonic() - self._max_idle
        while True:
            with self._lock:
                if not self._kept or self._kept[0].since > latest:
                    return
                client, _ = self._kept.popleft()
            client.quit()


def _answers(client: Client) -> bool:
    """Whether the server is still there; what it says does not matter, unless it is a 421, which ends the session."""
    try:
        client.command(Noop())
    except SessionError:
        return False
    return client.usable
