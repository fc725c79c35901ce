"""Sockets that connections arrive at."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import anyio

Address = tuple[str, int] | str
"""Host and port, or the path of a unix socket."""

# How often a free port is looked for that is free on every address of the host.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Listening sockets that a server accepts from and closes in the end."""

    sockets: tuple[socket.socket, ...]
    """Non-blocking; several where a host name has several addresses."""
    implicit_tls: bool = False
    """Connections to it speak TLS from the first octet (RFC 8314 3.3)."""
    path: str | None = None
    """A unix socket's file, which goes with the listener."""
    inode: int | None = None
    """The file as it was made here; one that has taken its place is left alone."""

    @property
    def addresses(self) -> list[Address]:
        """Where the sockets are bound, with the true port in place of 0."""
        return [_address(each.getsockname()) for each in self.sockets]

    def close(self) -> None:
        """Close the sockets and remove the file of a unix socket."""
        for each in self.sockets:
            each.close()
        if self.path is not None and _inode(self.path) == self.inode:
            os.unlink(self.path)


async def listen_tcp(
    host: str, port: int, *, implicit_tls: bool = False, backlog: int = 1024, reuse_port: bool = False
) -> Listener:
    """Listen on every address of a host.

    Args:
        host: A name or an IPv4 or IPv6 address; ``""`` is every interface.
        port: 0 takes a free one, the same on every address.
        implicit_tls: Connections speak TLS from the first octet.
        backlog: How many connections the kernel keeps that are not accepted yet.
        reuse_port: Let other processes listen on the port too, and the kernel choose between them.

    Raises:
        OSError: The name has no address, or an address cannot be bound.
        ValueError: The system has no ``reuse_port``.
    """
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("reuse_port is not to be had on this system")
    found = await anyio.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # The same address may come twice, for instance from two lines of /etc/hosts.
    places = list(dict.fromkeys((family, protocol, address) for family, _, protocol, _, address in found))
    for attempt in range(_ATTEMPTS):
        sockets: list[socket.socket] = []
        try:
            for family, protocol, address in places:
                # A port that the system chose for the first address is asked for on the others.
                wanted = sockets[0].getsockname()[1] if sockets else port
                sockets.append(_bound(family, protocol, (address[0], wanted, *address[2:]), backlog, reuse_port))
        except OSError as error:
            _close(sockets)
            if port == 0 and sockets and error.errno == errno.EADDRINUSE and attempt + 1 < _ATTEMPTS:
                continue
            raise OSError(error.errno, f"cannot listen on {host or '*'} port {port}: {error.strerror}") from error
        return Listener(tuple(sockets), implicit_tls)
    raise AssertionError


async def listen_unix(path: str | os.PathLike[str], *, implicit_tls: bool = False, backlog: int = 1024) -> Listener:
    """Listen on a unix socket. The file that a dead server left there is replaced, that of a live one is not.

    Raises:
        OSError: The path is in use, or no file can be made there.
    """
    path = os.fspath(path)
    if sys.platform == "win32":
        raise OSError(errno.EAFNOSUPPORT, "unix sockets are not to be had on this system")
    made = socket.socket(socket.AF_UNIX)
    try:
        made.setblocking(False)
        _remove_stale(path)
        made.bind(path)
        made.listen(backlog)
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"cannot listen on {path}: {error.strerror or error}") from error
    return Listener((made,), implicit_tls, path, _inode(path))


def listen_socket(sock: socket.socket, *, implicit_tls: bool = False) -> Listener:
    """Listen on a socket that is bound and listening already, for instance one that systemd gave.

    Raises:
        ValueError: It is not such a socket.
    """
    if sock.type != socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ValueError("the socket is not a listening stream socket: call bind() and listen() first")
    sock.setblocking(False)
    return Listener((sock,), implicit_tls)


def _address(name: object) -> Address:
    match name:
        case (str() as host, int() as port, *_):
            return host, port
        case bytes():  # in Linux' abstract namespace
            return os.fsdecode(name)
        case _:
            return str(name)


def _bound(family: int, protocol: int, address: tuple[object, ...], backlog: int, reuse_port: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        made.setblocking(False)
        if os.name == "posix":
            # A server that starts again does not wait until the connections of the last one are forgotten.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # Else "::" would take IPv4 as well, and a listener of its own for that could not be bound.
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(backlog)
    except BaseException:
        made.close()
        raise
    return made


def _close(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def _remove_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            # A live server whose queue is full, or one we may not talk to: bind() will say it.
            pass
