"""What a session wants next: the five cases an adapter's loop is made of."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Receive:
    """Read from the peer and tell ``receive_data()``; until ``deadline`` at the longest."""


RECEIVE: Final = Receive()
"""The one instance of Receive a session ever returns."""


@dataclass(frozen=True, slots=True)
class Idle(Receive):
    """Nothing is owed on either side (client role only): submit something, quit, or read on to see a 421 come."""


IDLE: Final = Idle()
"""The one instance of Idle a session ever returns."""


@dataclass(slots=True)
class Send:
    """Write these octets, then tell ``sent()`` when the transport takes more."""

    data: bytes = field(repr=False)
    """What a client says may be a password, and a repr may get into a log (T-AUTH)."""
    then: Receive | None = field(default=None, compare=False, repr=False)
    """The step behind it, where it is known: an adapter that has told ``sent()``, and nothing else since it got this
    step, may take it at once and save asking. None: ask ``next_step()``, as is always right."""


@dataclass(slots=True, eq=False)
class Ask:
    """A hook's answer has to be waited for; tell ``answer()`` or ``failed()`` with this very object.

    When the session no longer returns it, its deadline or the shutdown has settled it: cancel the wait.
    """

    stage: str
    """The hook's name, for instance ``"rcpt"``."""
    pending: Awaitable[object]
    """What the hook returned: a coroutine, a future, or the framework's own kind of promise."""


@dataclass(slots=True, eq=False)
class StartTls:
    """Begin the TLS handshake in the session's own role; then tell ``tls_started()`` or ``tls_failed()``."""

    received: bytes = field(repr=False)
    """TLS octets that were read already; the handshake begins with them."""


@dataclass(slots=True, eq=False)
class Close:
    """End the connection, then tell ``closed()``."""

    graceful: bool
    """End the write side, read and discard for a bounded time, then close. Closing over unread input
    would reset the connection and lose the last replies. False: close at once."""


Step: TypeAlias = Receive | Send | Ask | StartTls | Close
