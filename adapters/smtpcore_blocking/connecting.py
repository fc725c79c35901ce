"""Connections to a server, each within the time that there is for it."""

from __future__ import annotations

import os
import socket
import time

from smtpcore.session.client import SessionError


def connect_tcp(host: str, port: int, timeout: float | None, local_address: str | None) -> socket.socket:
    """Connect to the first address of a host that answers.

    Args:
        host: A name or an address.
        port: The port.
        timeout: Seconds for all addresses together; those that are left share what is left. None for no limit.
        local_address: An address of this host to connect from.

    Raises:
        SessionError: None answers, or the name has no address.
    """
    source = None if local_address is None else (local_address, 0)
    place = f"{host} port {port}"
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _failure(place, error) from error
    last = OSError("it has no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        share = None if deadline is None else (deadline - time.monotonic()) / (len(addresses) - index)
        try:
            return _connected(socket.socket(family, kind, protocol), address, share, source)
        except OSError as error:
            last = error
    raise _failure(place, last) from last


def connect_path(path: str | os.PathLike[str], timeout: float | None) -> socket.socket:
    """Connect to a Unix socket.

    Raises:
        SessionError: Nobody answers.
    """
    try:
        return _connected(socket.socket(socket.AF_UNIX), os.fspath(path), timeout)
    except OSError as error:
        raise _failure(os.fspath(path), error) from error


def _connected(
    sock: socket.socket, address: object, timeout: float | None, source: tuple[str, int] | None = None
) -> socket.socket:
    try:
        # 0 would be a socket that does not wait at all.
        sock.settimeout(None if timeout is None else max(timeout, 0.001))
        if source is not None:
            sock.bind(source)
        sock.connect(address)  # type: ignore[arg-type]  # what getaddrinfo gave, or a path
    except BaseException:
        sock.close()
        raise
    return sock


def _failure(place: str, error: Exception) -> SessionError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SessionError("connect", f"cannot connect to {place}: {reason}", temporary=True)
