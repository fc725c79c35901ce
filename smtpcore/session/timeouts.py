"""How long a session waits for what. Several of these run at once; the session shows the earliest."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Durations in seconds; None where a limit is off. The defaults are the profile ``standard``.

    Raises:
        ValueError: A duration is negative, or not a number.
    """

    idle: float | None = 300.0
    """For the next command, from the last reply; only a complete line ends it (RFC 5321 4.5.3.2.7).
    Over it: 421 4.4.2."""
    idle_after_error: float | None = None
    """In place of ``idle`` once a command of the session was in error."""
    block: float | None = 180.0
    """For the next octet of content. Over it: 421 4.4.2."""
    min_rate: float | None = None
    """Octets of content a second that must come, judged in windows of ``rate_window``. Under it: 421 4.4.2."""
    rate_window: float = 60.0
    """Seconds of waiting for the peer over which ``min_rate`` is judged."""
    data: float | None = None
    """For the whole content of a message. Over it: 421 4.4.2."""
    session: float | None = None
    """For the whole session. Over it: 421 4.4.2."""
    proxy_header: float | None = 5.0
    """For the whole PROXY header, where one is expected; 3 s at least, since a lost segment costs as much.
    Over it the connection is closed without a word."""
    tls_handshake: float | None = 60.0
    """Over it the connection is closed."""
    greeting_delay: float = 0.0
    """Wait before the greeting, in which an early talker shows."""
    hook: float | None = 100.0
    """For the answer of a hook. Over it: 451 4.3.0; in connect 421, in AUTH 454 4.7.0."""
    message_hook: float | None = 600.0
    """For the final answer to a message. Over it: 451 4.3.0."""
    reply_wait: float = 1.0
    """How long a ready reply may wait for others before a hook is waited for."""
    write: float | None = 180.0
    """For the transport to take a reply. Over it the connection is closed."""
    linger: float = 2.0
    """How long input is read and discarded behind the last reply."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            # Written so that NaN is refused too: a deadline that no time is behind would never come.
            if value is not None and not value >= 0:
                raise ValueError(f"the timeout {field.name} is a number of seconds and cannot be negative")

    @classmethod
    def standard(cls) -> Timeouts:
        """At least what the RFCs ask for (RFC 5321 4.5.3.2)."""
        return cls()

    @classmethod
    def hardened(cls) -> Timeouts:
        """For a server that faces the open internet."""
        return cls(
            idle_after_error=60.0,
            min_rate=500.0,
            data=1800.0,
            session=3600.0,
            tls_handshake=30.0,
            hook=60.0,
            message_hook=300.0,
            write=60.0,
        )
