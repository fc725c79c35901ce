"""Serving: the listeners and the servers behind them come together here, and in one process with the signals."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any, TypeAlias

import anyio
from anyio.abc import TaskGroup
from smtpcore_anyio import Listener, Server, listen_tcp, listen_unix

from .application import Application
from .binds import Bind, Service, shown
from .descriptors import make_room
from .errors import UsageError, reason
from .settings import Settings

Places: TypeAlias = Sequence[tuple[Service, Listener]]
"""Where one process listens, and what it speaks there."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_REFUSALS = 64
"""Connections over the limit that are told so at the same time; what is beyond waits to be accepted."""


def serve(settings: Settings) -> int:
    """Serve in this process until a signal comes.

    Returns:
        The exit status: 0, or 1 when nobody reads any more what is to be printed.

    Raises:
        UsageError: A place to listen at is not to be had, or a file cannot be written.
    """
    with ExitStack() as stack:
        application = Application(settings, stack)
        prepare(settings, application.log)
        serving = Serving(settings, application)
        anyio.run(_serve, settings, serving)
    if serving.forced and threads():
        # A thread still hangs in a file system or a pipe. Python would wait for it, but two signals meant now.
        serving.exit_now()
    return serving.status


async def _serve(settings: Settings, serving: Serving) -> None:
    # Signals are received before anybody is told that there is a server to send them to.
    with anyio.open_signal_receiver(*_SIGNALS) as signals:

        async def obey() -> None:
            async for number in signals:
                if serving.stopping:
                    serving.log(f"{number.name}: stopping now")
                    serving.stop_now()
                else:
                    serving.log(f"{number.name}: stopping when the transactions under way are done")
                    serving.stop()

        places = await listen(settings)
        await serving.run(places, obey, lambda: announce(settings, places, serving.log))
    # All sessions are over. A second signal that comes from here on is no failure, and need not wait either.
    for number in _SIGNALS:
        signal.signal(number, serving.exit_now)


class Serving:
    """One run of the servers: one for each service, on what all of them share."""

    def __init__(self, settings: Settings, application: Application) -> None:
        self.status = 0
        self.forced = False
        self.stopping = False
        self.log = application.log
        self._grace = settings.grace
        self._tasks: TaskGroup
        application.output_closed = self._output_closed
        self._servers = {
            service: Server(
                config,
                application.handler,
                tls_context=settings.tls_context,
                gate=application.gate,
                observer=application.observer,
                max_connections=_cap(settings),
            )
            for service, config in settings.configs.items()
        }

    async def run(
        self, places: Places, obey: Callable[[], Coroutine[Any, Any, None]], ready: Callable[[], None]
    ) -> None:
        """Serve until told to stop.

        Args:
            places: Where; they are closed in the end.
            obey: Hears what this is told and does it; cancelled when all sessions are over.
            ready: Called when all places accept.
        """
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(obey)
            async with anyio.create_task_group() as serving:
                for service, server in self._servers.items():
                    listeners = (listener for spoken, listener in places if spoken == service)
                    await serving.start(server.serve, *listeners)
                ready()
            self._tasks.cancel_scope.cancel()

    def stop(self) -> None:
        """End when the transactions under way are done."""
        self.stopping = True
        self._stop(self._grace)

    def stop_now(self) -> None:
        """End without waiting for them."""
        self.stopping = self.forced = True
        self._stop(0)

    def drain(self) -> None:
        """Accept no more, let the sessions go on for the time of the grace, and stop what is left then."""
        for server in self._servers.values():
            server.stop_accepting()
        self._tasks.start_soon(self._end_drain)

    def exit_now(self, number: int = 0, frame: FrameType | None = None) -> None:
        """End the process, whatever its threads do."""
        os._exit(self.status)

    async def _end_drain(self) -> None:
        await anyio.sleep(self._grace)
        self.stop()

    def _stop(self, grace: float) -> None:
        for server in self._servers.values():
            server.stop(grace)

    def _output_closed(self) -> None:
        if not self.stopping:
            self.status = 1
            self.log("nobody reads the standard output any more: stopping")
            self.stop()


def prepare(settings: Settings, log: Callable[[str], None]) -> None:
    """Make room for the connections of a process; those that it starts have it too."""
    cap = _cap(settings)
    if warning := make_room(cap * len(settings.configs) if cap is not None else None):
        log(warning)


async def listen(settings: Settings) -> Places:
    """Listen wherever the settings say.

    Raises:
        UsageError: A place is not to be had.
    """
    places: list[tuple[Service, Listener]] = []
    try:
        for bind in settings.binds:
            listener = await _listen(bind)
            places.append((bind.service or settings.service, listener))
    except BaseException:
        for _, listener in places:
            listener.close()
        raise
    return places


def announce(settings: Settings, places: Places, log: Callable[[str], None]) -> None:
    """Say that it serves, and where."""
    show_certificate(settings, log)
    for service, listener in places:
        for address in listener.addresses:
            log(f"listening on {shown(address, implicit_tls=listener.implicit_tls, service=service)}")


def show_certificate(settings: Settings, log: Callable[[str], None]) -> None:
    """Say how to know the certificate, if nobody else does."""
    if settings.fingerprint is not None:
        log(f"self-signed certificate with the SHA-256 fingerprint {settings.fingerprint}")


def threads() -> list[threading.Thread]:
    """Those that Python waits for when it ends."""
    return [each for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon]


def _cap(settings: Settings) -> int | None:
    total = settings.max_connections
    return total + _REFUSALS if total is not None else None


async def _listen(bind: Bind) -> Listener:
    try:
        if bind.path is not None:
            return await listen_unix(bind.path, implicit_tls=bind.implicit_tls)
        return await listen_tcp(bind.host, bind.port, implicit_tls=bind.implicit_tls)
    except (socket.gaierror, UnicodeError) as error:
        # Neither says which name has no address, or cannot be one.
        text = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot listen on {bind.host}: {text}") from error
    except OSError as error:
        raise UsageError(reason(error)) from error
