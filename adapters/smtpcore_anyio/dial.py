"""Connecting to a server, and what it means when that fails."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from anyio.abc import ByteStream

from smtpcore.session.client import SessionError


async def dial_tcp(host: str, port: int, *, within: float | None, local_address: str | None) -> ByteStream:
    """Connect to the first address of the host that answers (RFC 8305, happy eyeballs).

    Args:
        host: A name or an IPv4 or IPv6 address.
        port: The port.
        within: Seconds for all of it, the look-up of the name too; None for no limit.
        local_address: The address of this host to connect from.

    Raises:
        SessionError: No address answers, or there is none.
    """
    with _failures(f"{host} port {port}"), anyio.fail_after(within):
        return await anyio.connect_tcp(host, port, local_host=local_address)


async def dial_unix(path: str | os.PathLike[str], *, within: float | None) -> ByteStream:
    """Connect to a unix socket.

    Raises:
        SessionError: Nobody listens there.
    """
    with _failures(os.fspath(path)), anyio.fail_after(within):
        return await anyio.connect_unix(path)


@contextmanager
def _failures(place: str) -> Iterator[None]:
    try:
        yield
    # UnicodeError: a name that can be none, for instance with a label of more than 63 octets.
    except (OSError, UnicodeError) as error:
        text = f"cannot connect to {place}: {'; '.join(_reasons(error))}"
        raise SessionError("connect", text, temporary=True) from error


def _reasons(error: BaseException) -> list[str]:
    """What the system said, of each address once."""
    cause = error.__cause__
    if isinstance(cause, BaseExceptionGroup):
        return list(dict.fromkeys(reason for each in cause.exceptions for reason in _reasons(each)))
    if isinstance(cause, OSError):
        return _reasons(cause)
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        # The event loops have words of their own, and not the same.
        return [os.strerror(error.errno)]
    if isinstance(error, socket.gaierror):
        return [str(error.strerror)]
    return [str(error) or "timeout"]
