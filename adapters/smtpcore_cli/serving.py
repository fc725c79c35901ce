"""Serving: the handler, the listeners, the observers and the signals come together here."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack
from types import FrameType

import anyio
from smtpcore_anyio import Listener, Server, listen_tcp, listen_unix

from smtpcore import Gate, Handler, Observer, Observers, SessionLog, Transcript

from .binds import Bind, shown
from .credentials import FileCredentials
from .descriptors import make_room
from .discard import DiscardHandler
from .errors import UsageError, reason
from .maildir import MaildirHandler
from .output import Lines, open_log
from .printing import PrintHandler
from .settings import Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_REFUSALS = 64
"""Connections over the limit that are told so at the same time; what is beyond waits to be accepted."""


def serve(settings: Settings) -> int:
    """Serve until a signal comes.

    Returns:
        The exit status: 0, or 1 when nobody reads any more what is to be printed.

    Raises:
        UsageError: A place to listen at is not to be had, or the transcript cannot be written.
    """
    with ExitStack() as stack:
        log = Lines(sys.stderr)
        transcript = None
        if settings.transcript is not None:
            file = sys.stderr if settings.transcript == "-" else stack.enter_context(open_log(settings.transcript))
            transcript = Lines(file)
        serving = _Serving(settings, log, transcript)
        anyio.run(serving.run)
    if serving.forced and any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
        # A thread still hangs in a file system or a pipe. Python would wait for it, but two signals meant now.
        serving.exit_now()
    return serving.status


class _Serving:
    """One run of the server."""

    def __init__(self, settings: Settings, log: Lines, transcript: Lines | None) -> None:
        self.status = 0
        self.forced = False
        self._settings = settings
        self._log = log
        self._transcript = transcript
        self._stopping = False
        self._server = self._make_server()

    async def run(self) -> None:
        """Listen, say so, and serve until told to stop."""
        # Signals are received before anybody is told that there is a server to send them to.
        with anyio.open_signal_receiver(*_SIGNALS) as signals:
            listeners = await self._listen()
            async with anyio.create_task_group() as group:
                group.start_soon(self._obey, signals)
                async with anyio.create_task_group() as serving:
                    await serving.start(self._server.serve, *listeners)
                    if self._settings.fingerprint is not None:
                        self._log(f"self-signed certificate with the SHA-256 fingerprint {self._settings.fingerprint}")
                    for listener in listeners:
                        for address in listener.addresses:
                            self._log(f"listening on {shown(address, implicit_tls=listener.implicit_tls)}")
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
                self._server.stop(0)
            else:
                self._stopping = True
                self._log(f"{number.name}: stopping when the transactions under way are done")
                self._server.stop(self._settings.grace)

    async def _listen(self) -> list[Listener]:
        listeners: list[Listener] = []
        try:
            for bind in self._settings.binds:
                listener = await _listen(bind)
                listeners.append(listener)
        except BaseException:
            for listener in listeners:
                listener.close()
            raise
        return listeners

    def _make_server(self) -> Server:
        settings = self._settings
        handler = self._make_handler()
        if settings.users is not None:
            handler.credentials = FileCredentials(settings.users)
        total = settings.max_connections
        cap = total + _REFUSALS if total is not None else None
        if warning := make_room(cap):
            self._log(warning)
        return Server(
            settings.config,
            handler,
            tls_context=settings.tls_context,
            gate=Gate(total, settings.max_connections_per_address, max_collected=settings.max_collected),
            observer=self._observer,
            max_connections=cap,
        )

    def _make_handler(self) -> Handler:
        match self._settings.delivery:
            case "print":
                sys.stdout.flush()
                return PrintHandler(sys.stdout.fileno(), self._output_closed)
            case "discard":
                return DiscardHandler()
            case maildir:
                return MaildirHandler(maildir, self._log)

    def _observer(self) -> Observer:
        summary = SessionLog(self._log)
        return summary if self._transcript is None else Observers(Transcript(self._transcript), summary)

    def _output_closed(self) -> None:
        if not self._stopping:
            self._stopping = True
            self.status = 1
            self._log("nobody reads the standard output any more: stopping")
            self._server.stop(self._settings.grace)


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
