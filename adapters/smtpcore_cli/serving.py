"""Serving: the listeners, the servers behind them and the signals come together here."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack
from types import FrameType

import anyio
from smtpcore_anyio import Listener, Server, listen_tcp, listen_unix

from .application import Application
from .binds import Bind, Service, shown
from .descriptors import make_room
from .errors import UsageError, reason
from .settings import Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_REFUSALS = 64
"""Connections over the limit that are told so at the same time; what is beyond waits to be accepted."""


def serve(settings: Settings) -> int:
    """Serve until a signal comes.

    Returns:
        The exit status: 0, or 1 when nobody reads any more what is to be printed.

    Raises:
        UsageError: A place to listen at is not to be had, or a file cannot be written.
    """
    with ExitStack() as stack:
        serving = _Serving(settings, Application(settings, stack))
        anyio.run(serving.run)
    if serving.forced and any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
        # A thread still hangs in a file system or a pipe. Python would wait for it, but two signals meant now.
        serving.exit_now()
    return serving.status


class _Serving:
    """One run of the servers: one for each service, on what all of them share."""

    def __init__(self, settings: Settings, application: Application) -> None:
        self.status = 0
        self.forced = False
        self._settings = settings
        self._log = application.log
        self._stopping = False
        application.output_closed = self._output_closed
        self._servers = self._make_servers(application)

    async def run(self) -> None:
        """Listen, say so, and serve until told to stop."""
        # Signals are received before anybody is told that there is a server to send them to.
        with anyio.open_signal_receiver(*_SIGNALS) as signals:
            listening = await self._listen()
            async with anyio.create_task_group() as group:
                group.start_soon(self._obey, signals)
                async with anyio.create_task_group() as serving:
                    for service, server in self._servers.items():
                        listeners = (listener for spoken, listener in listening if spoken == service)
                        await serving.start(server.serve, *listeners)
                    if self._settings.fingerprint is not None:
                        self._log(f"self-signed certificate with the SHA-256 fingerprint {self._settings.fingerprint}")
                    for service, listener in listening:
                        for address in listener.addresses:
                            where = shown(address, implicit_tls=listener.implicit_tls, service=service)
                            self._log(f"listening on {where}")
                group.cancel_scope.cancel()
        # All sessions are over. A second signal that comes from here on is no failure, and need not wait either.
        for number in _SIGNALS:
            signal.signal(number, self.exit_now)

    def exit_now(self, number: int = 0, frame: FrameType | None = None) -> None:
        """End the process, whatever its threads do."""
        os._exit(self.status)

    async def _obey(self, signals: AsyncIterator[signal.Signals]) -> None:
        async for number in signals:
            if self._stopping:
                self.forced = True
                self._log(f"{number.name}: stopping now")
                self._stop(0)
            else:
                self._stopping = True
                self._log(f"{number.name}: stopping when the transactions under way are done")
                self._stop(self._settings.grace)

    async def _listen(self) -> list[tuple[Service, Listener]]:
        listening: list[tuple[Service, Listener]] = []
        try:
            for bind in self._settings.binds:
                listener = await _listen(bind)
                listening.append((bind.service or self._settings.service, listener))
        except BaseException:
            for _, listener in listening:
                listener.close()
            raise
        return listening

    def _make_servers(self, application: Application) -> dict[Service, Server]:
        settings = self._settings
        total = settings.max_connections
        cap = total + _REFUSALS if total is not None else None
        if warning := make_room(cap * len(settings.configs) if cap is not None else None):
            self._log(warning)
        return {
            service: Server(
                config,
                application.handler,
                tls_context=settings.tls_context,
                gate=application.gate,
                observer=application.observer,
                max_connections=cap,
            )
            for service, config in settings.configs.items()
        }

    def _stop(self, grace: float) -> None:
        for server in self._servers.values():
            server.stop(grace)

    def _output_closed(self) -> None:
        if not self._stopping:
            self._stopping = True
            self.status = 1
            self._log("nobody reads the standard output any more: stopping")
            self._stop(self._settings.grace)


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
