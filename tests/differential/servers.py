"""The servers that are compared, each with a client's end of its connections and what its application got."""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.lmtp import LMTP
from smtpcore_testing.adapter_kit import Listening
from smtpcore_testing.adapter_kit.servers import Serve

from tests.differential.driver import Wire
from tests.differential.notation import show
from tests.differential.ours import CONFIGS, SIZE, Application
from tests.interop.aiosmtpd_server import authenticate, serving
from tests.interop.node_server import Start

AHEAD = 40
"""Connections to smtp-server that are open before they are needed: it greets a tenth of a second after each."""


@dataclass
class Server:
    """One that runs."""

    port: int
    context: ssl.SSLContext
    """What its clients trust."""
    take: Callable[[], list[str]]
    """What the application has got since the last call, as ``show`` shows it."""
    ahead: int = 1
    """Connections that are open at a time."""
    waiting: deque[socket.socket] = field(default_factory=deque)

    def dial(self) -> Wire:
        """A connection on which nothing has been said."""
        while len(self.waiting) < self.ahead:
            self.waiting.append(socket.create_connection(("127.0.0.1", self.port)))
        return Wire(self.waiting.popleft(), self.context)

    def close(self) -> None:
        """Hang up where nobody has spoken."""
        for sock in self.waiting:
            sock.close()


class Servers:
    """Starts servers when they are needed, each once."""

    def __init__(self, make: Callable[[str], Server]) -> None:
        self._make = make
        self._running: dict[str, Server] = {}

    def __getitem__(self, setup: str) -> Server:
        if setup not in self._running:
            self._running[setup] = self._make(setup)
        return self._running[setup]

    def close(self) -> None:
        """Hang up everywhere."""
        for server in self._running.values():
            server.close()


@contextmanager
def ours(serve: Serve, tls: ssl.SSLContext, client: ssl.SSLContext) -> Iterator[Servers]:
    """Our server over one of the adapters."""
    with ExitStack() as stack:

        def make(setup: str) -> Server:
            application = Application()
            running = serve(CONFIGS[setup], application, tls_context=tls, gate=None, observer=None)
            listening = stack.enter_context(running)
            assert isinstance(listening, Listening)
            return Server(listening.address[1], client, _emptying(application.taken))

        servers = Servers(make)
        stack.callback(servers.close)
        yield servers


AIOSMTPD: dict[str, dict[str, Any]] = {
    "basic": {"auth_exclude_mechanism": ["LOGIN", "PLAIN"]},
    "tls": {"tls": True, "authenticator": authenticate},
    "auth": {"authenticator": authenticate, "auth_require_tls": False},
    "auth required": {"authenticator": authenticate, "auth_require_tls": False, "auth_required": True},
    "tls required": {"tls": True, "require_starttls": True, "auth_exclude_mechanism": ["LOGIN", "PLAIN"]},
    "utf8": {"enable_SMTPUTF8": True, "auth_exclude_mechanism": ["LOGIN", "PLAIN"]},
    "lmtp": {"kind": LMTP, "auth_exclude_mechanism": ["LOGIN", "PLAIN"]},
}


@contextmanager
def aiosmtpd(tls: ssl.SSLContext, client: ssl.SSLContext) -> Iterator[Servers]:
    """aiosmtpd, in a thread for each setup."""
    with ExitStack() as stack:

        def make(setup: str) -> Server:
            settings = dict(AIOSMTPD[setup])
            context = tls if settings.pop("tls", False) else None
            server = stack.enter_context(serving(None, data_size_limit=SIZE, tls_context=context, **settings))
            taken = _emptying(server.application.taken)
            return Server(_port(server.place), client, lambda: [_shown(*each) for each in taken()])

        servers = Servers(make)
        stack.callback(servers.close)
        yield servers


_NEITHER = {"disabledCommands": ["AUTH", "STARTTLS"], "hideSMTPUTF8": True}
_CLEAR = {"disabledCommands": ["STARTTLS"], "hideSMTPUTF8": True, "authMethods": ["PLAIN", "LOGIN"]}
SMTP_SERVER: dict[str, dict[str, object]] = {
    "basic": _NEITHER,
    "tls": {"authMethods": ["PLAIN", "LOGIN"], "hideSMTPUTF8": True},
    "auth": {**_CLEAR, "allowInsecureAuth": True},
    "auth required": {**_CLEAR, "allowInsecureAuth": True, "authOptional": False},
    "utf8": {**_NEITHER, "hideSMTPUTF8": False},
    "dsn": {**_NEITHER, "hideDSN": False},
    "lmtp": {**_NEITHER, "lmtp": True},
}


@contextmanager
def smtp_server(start: Start, client: ssl.SSLContext) -> Iterator[Servers]:
    """nodemailer's smtp-server, in a process for each setup."""

    def make(setup: str) -> Server:
        server = start(size=SIZE, socketTimeout=600_000, **SMTP_SERVER[setup])

        def take() -> list[str]:
            return [_shown(mail["sender"], mail["recipients"], mail["content"]) for mail in server.take_all()]

        return Server(_port(server.place), client, take, AHEAD)

    servers = Servers(make)
    try:
        yield servers
    finally:
        servers.close()


def _port(place: object) -> int:
    assert isinstance(place, tuple)
    return int(place[1])


def _shown(sender: str | bool, recipients: list[str], content: bytes) -> str:
    """A delivery; the null path is ``<>`` to one peer and false to the other."""
    return show("" if sender in ("<>", False) else str(sender), recipients, content)


def _emptying(taken: list[Any]) -> Callable[[], list[Any]]:
    def take() -> list[Any]:
        found = taken[:]
        taken.clear()
        return found

    return take
