"""One session on the standard input and output, for whoever started the process with pipes or a socket there."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack

import anyio
from anyio.abc import SocketStream
from smtpcore_anyio import serve_stream

from smtpcore import Peer

from .application import Application
from .settings import Settings

_SIZE = 65536


def serve_stdio(settings: Settings) -> int:
    """Serve the one session to its end.

    Returns:
        The exit status, which is 0 however the session ended.

    Raises:
        UsageError: A file that is to be written cannot be had.
    """
    with ExitStack() as stack:
        application = Application(settings, stack)
        anyio.run(_serve, settings, application)
    return 0


async def _serve(settings: Settings, application: Application) -> None:
    # The descriptors may be pipes, files, terminals or sockets, and not all of these can be waited for. Two threads
    # carry the octets from and to a socket, for which everything is there: deadlines, back-pressure, the ends.
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    feeding = threading.Thread(target=_feed, args=(theirs, sys.stdin.fileno()), daemon=True)
    draining = threading.Thread(target=_drain, args=(theirs, sys.stdout.fileno()), daemon=True)
    [config] = settings.configs.values()
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as group:
            group.start_soon(_obey, signals, group.cancel_scope, application)
            stream = await SocketStream.from_socket(ours)
            feeding.start()
            draining.start()
            await serve_stream(
                stream,
                config,
                application.handler,
                peer=_peer(),
                tls_context=settings.tls_context,
                gate=application.gate,
                observer=application.observer(),
            )
            group.cancel_scope.cancel()
    # What was said last is on its way. Whoever does not read it does not keep us.
    draining.join(config.timeouts.linger)
    theirs.close()


async def _obey(signals: AsyncIterator[signal.Signals], session: anyio.CancelScope, application: Application) -> None:
    async for number in signals:
        application.log(f"{number.name}: stopping now")
        session.cancel()
        return


def _feed(theirs: socket.socket, source: int) -> None:
    """Carry what the client says, until it ends or the session has ended."""
    try:
        while data := os.read(source, _SIZE):
            theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _drain(theirs: socket.socket, target: int) -> None:
    """Carry what the server says. At its end the session need not wait for the client's: it was heard out."""
    try:
        while data := theirs.recv(_SIZE):
            with memoryview(data) as rest:
                written = 0
                while written < len(rest):
                    written += os.write(target, rest[written:])
    except OSError:
        pass
    try:
        theirs.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _peer() -> Peer:
    """Who is at the other end, if the standard input is a connection."""
    try:
        with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection:
            remote, local = connection.getpeername(), connection.getsockname()
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                return Peer(_plain(remote[0]), remote[1], _plain(local[0]), local[1])
    except OSError:
        pass
    return Peer()


def _plain(host: str) -> str:
    # As the listeners have it: without a zone, IPv4 as IPv4.
    return host.partition("%")[0].removeprefix("::ffff:")
