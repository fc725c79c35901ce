"""aiosmtpd in a thread, with an application that keeps what it gets."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.interop.delivering import Place
from tests.interop.recording import PASSWORD, PATIENCE, USER


@dataclass
class Application:
    """Keeps what it gets."""

    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - that is what is called
        self, server: object, session: object, envelope: Any, address: str, options: list[str]
    ) -> str:
        refusals = {"eve": "550 5.1.1 nobody here", "later": "450 4.2.1 not now"}
        refusal = refusals.get(address.partition("@")[0])
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 2.1.5 fine"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 taken"


@dataclass
class Running:
    """A server that runs."""

    place: Place
    application: Application

    def take(self) -> tuple[str, list[str], bytes]:
        """The one message that has come."""
        [taken] = self.application.taken
        return taken


@contextmanager
def serving(tls: ssl.SSLContext | None, kind: type[SMTP] = SMTP, **settings: Any) -> Iterator[Running]:
    """Serve in a thread, with TLS from the first octet if there is a context."""
    application = Application()
    loop = asyncio.new_event_loop()
    factory = lambda: kind(application, hostname="mx.test", loop=loop, **settings)  # noqa: E731
    started: list[asyncio.Server] = []
    ready = threading.Event()

    async def main() -> None:
        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=tls)
        started.append(server)
        ready.set()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main())
        loop.run_forever()
        started[0].close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield Running(started[0].sockets[0].getsockname(), application)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
    assert not thread.is_alive()


def authenticate(server: object, session: object, envelope: object, mechanism: str, auth_data: Any) -> Any:
    """There is one user."""
    assert isinstance(auth_data, LoginPassword)
    right = (auth_data.login, auth_data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)
