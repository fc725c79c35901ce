"""Connections that are kept from one message to the next."""

from __future__ import annotations

import math
import os
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import ByteStream, TaskGroup
from smtpcore_tls import message_of, name_of

from smtpcore.commands import Noop
from smtpcore.errors import LocalProtocolError
from smtpcore.paths import Path
from smtpcore.session.client import ClientConfig, ClientObserver, Delivery, Message, Result, SessionError
from smtpcore.session.client.announced import limit

from .client import Client, Told
from .dial import dial_tcp, dial_unix
from .link import ClientService


@dataclass(slots=True, eq=False)
class _Kept:
    """A connection and what the pool has to know about it."""

    client: Client
    since: float = 0.0
    """When it was used last."""


class Pool:
    """Sends messages over few connections to one server, for any number of tasks.

    It is a context manager. Leaving it in order takes leave of the server on every connection, an exception closes all
    at once. Where more tasks send than there may be connections, they wait for their turn.

    Args:
        host: A name, of which all addresses are tried, or an IPv4 or IPv6 address; with ``port=None`` the path of a
            unix socket.
        port: The port.
        config: The settings of each session.
        tls_context: As for `connect`.
        server_name: As for `connect`.
        observer: Watches all sessions.
        connect_timeout: Seconds until a connection stands.
        local_address: The address of this host to connect from.
        max_connections: Connections in use at the same time. As many may still be taking their leave.
        max_messages: Mail transactions over one connection; a server that announces fewer gets fewer.
        max_idle: Seconds after which a connection that nobody needs is closed.
        check_after: Seconds of idling after which NOOP has to tell that a connection is still good.

    Raises:
        ValueError: A limit is less than 1, or the TLS context does not fit.
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
        self._dial: Callable[[], Awaitable[ByteStream]]
        if port is None:
            self._dial = partial(dial_unix, host, within=connect_timeout)
        else:
            host = os.fspath(host)
            server_name = server_name or name_of(host)
            self._dial = partial(dial_tcp, host, port, within=connect_timeout, local_address=local_address)
        self._service = ClientService(config, tls_context, server_name, observer)
        self._max_messages = max_messages
        self._max_idle = max_idle
        self._check_after = check_after
        self._max_connections = max_connections
        self._kept: deque[_Kept] = deque()
        """Idle connections; the one that was used last is at the end, and used first."""
        self._leaving: set[_Kept] = set()
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise LocalProtocolError("the pool is open already")
        self._turns = anyio.Semaphore(self._max_connections)
        self._filled = anyio.Event()
        self._watch = anyio.CancelScope()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._retire_idle)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None  # the block was entered
        tasks = self._tasks
        self._watch.cancel()
        for kept in self._kept:
            if error is None:
                self._leave_later(kept)
            else:
                self._leaving.add(kept)
        self._kept.clear()
        self._tasks = None
        if error is not None:
            tasks.cancel_scope.cancel()
        try:
            # What the block has raised is not the group's, which would wrap it.
            await tasks.__aexit__(None, None, None)
        finally:
            # A task that was cancelled before it could begin has closed nothing.
            with anyio.CancelScope(shield=True):
                for kept in self._leaving:
                    await kept.client.hang_up()
            self._leaving.clear()

    async def send(self, message: Message, *, told: Told | None = None) -> Delivery:
        """Send a message over a connection that is kept, or a new one; as `Client.send` otherwise.

        Where no connection can be had, each result says so, and ``error`` too. A message of which nothing was sent,
        because the kept connection had gone, is sent once more over a new one.

        Raises:
            LocalProtocolError: The pool is not open.
        """
        if self._tasks is None:
            raise LocalProtocolError("the pool is not open: use it inside of its 'async with' block")
        async with self._turns:
            kept = await self._take()
            if kept is not None:
                delivery = await self._send(kept, message, told)
                if delivery.begun or kept.client.session.failure is None:
                    return delivery
            try:
                fresh = _Kept(Client(await self._service.open(await self._dial())))
            except SessionError as error:
                delivery = Delivery.of(message, told)
                delivery.fail(error)
                return delivery
            return await self._send(fresh, message, told)

    async def send_message(
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
        return await self.send(message_of(email, sender, recipients, mail=mail, rcpt=rcpt))

    async def _take(self) -> _Kept | None:
        """The connection that was used last, if it is still good; else another that is."""
        while self._kept:
            kept = self._kept.pop()
            if anyio.current_time() - kept.since < self._check_after:
                return kept
            try:
                await kept.client.command(Noop())
            except SessionError:
                continue
            # Whatever the reply is, the server is there; unless it is a 421, which ends the session.
            if kept.client.usable:
                return kept
        return None

    async def _send(self, kept: _Kept, message: Message, told: Told | None) -> Delivery:
        """Send it over this connection, and keep that if it is good for more."""
        session = kept.client.session
        repeatable = session.transactions > 0
        held: list[Result] = []

        def relay(result: Result) -> None:
            # Behind the end of the session it is not known yet whether another connection gets the message.
            if told is not None and session.failure is None:
                told(result)
            else:
                held.append(result)

        try:
            delivery = await kept.client.send(message, told=relay)
        except BaseException:
            await kept.client.hang_up()
            raise
        delivery.told = told
        if delivery.begun or not repeatable:
            for result in held:
                delivery.tell(result)
        if not kept.client.usable:
            pass
        elif self._tasks is None:
            await kept.client.quit()
        elif session.transactions < min(self._max_messages, limit(kept.client.extensions, "MAILMAX") or math.inf):
            self._keep(kept)
        else:
            await self._retire(kept)
        return delivery

    # Connections that nobody needs.

    def _keep(self, kept: _Kept) -> None:
        kept.since = anyio.current_time()
        self._kept.append(kept)
        self._filled.set()

    async def _retire(self, kept: _Kept) -> None:
        """Take leave of the server, while others go on."""
        if len(self._leaving) < self._max_connections:
            self._leave_later(kept)
        else:
            # It does not answer QUIT as fast as connections come to their end.
            await kept.client.hang_up()

    def _leave_later(self, kept: _Kept) -> None:
        assert self._tasks is not None
        self._leaving.add(kept)
        self._tasks.start_soon(self._leave, kept)

    async def _leave(self, kept: _Kept) -> None:
        await kept.client.quit()
        self._leaving.discard(kept)

    async def _retire_idle(self) -> None:
        with self._watch:
            while True:
                if self._kept:
                    # The first is the one that has idled longest. It may be in use when its time has come.
                    await anyio.sleep_until(self._kept[0].since + self._max_idle)
                else:
                    self._filled = anyio.Event()
                    await self._filled.wait()
                while self._kept and self._kept[0].since + self._max_idle <= anyio.current_time():
                    await self._retire(self._kept.popleft())
