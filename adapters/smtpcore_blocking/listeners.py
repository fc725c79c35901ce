"""Sockets that listen."""

from __future__ import annotations

import os
import socket
import stat

BACKLOG = socket.SOMAXCONN
Address = tuple[str, int] | str


def tcp_listeners(host: str | None, port: int) -> list[socket.socket]:
    """Listening sockets on every address of a host.

    Args:
        host: A name or an address; ``None`` for all addresses of this machine.
        port: 0 for one that is free, the same for all addresses.

    Raises:
        OSError: The host is not known, or an address cannot be used.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            if port == 0 and sockets:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            # It sets SO_REUSEADDR where that is harmless, and keeps IPv6 sockets to IPv6.
            sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def unix_listener(path: str) -> socket.socket:
    """A listening Unix socket; one at the same path on which nobody listens any more is replaced.

    Raises:
        OSError: There is something else at this path, or it cannot be used.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _deserted(path):
            os.unlink(path)
        sock.bind(path)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def address(sock: socket.socket) -> Address:
    """Where a socket listens: host and port, or its path."""
    name = sock.getsockname()
    return (name[0], name[1]) if isinstance(name, tuple) else os.fsdecode(name)


def port(sock: socket.socket) -> int | None:
    """The port a socket listens on; None where there is none."""
    where = address(sock)
    return where[1] if isinstance(where, tuple) else None


def remove(path: str) -> None:
    """Remove the path of a Unix socket that is closed."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _deserted(path: str) -> bool:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
    return False
