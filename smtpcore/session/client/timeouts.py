"""How long a client waits for what (RFC 5321 4.5.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

from smtpcore.spec import Rule

_NAMES: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        b"(greeting)": "greeting",
        b"EHLO": "hello",
        b"HELO": "hello",
        b"LHLO": "hello",
        b"MAIL": "mail",
        b"RCPT": "rcpt",
        b"DATA": "data",
        b".": "final",
        b"BDAT LAST": "final",
        b"RSET": "rset",
        b"QUIT": "quit",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTimeouts:
    """Durations in seconds; None where a limit is off. The defaults are what RFC 5321 4.5.3.2 asks for.

    The reply to a command is waited for from the moment at which it is the next that is due.

    Raises:
        ValueError: A duration is negative.
    """

    greeting: float | None = 300.0
    """For the greeting."""
    hello: float | None = 300.0
    """For the reply to EHLO, HELO or LHLO."""
    mail: float | None = 300.0
    """For the reply to MAIL."""
    rcpt: float | None = 300.0
    """For the reply to RCPT."""
    data: float | None = 120.0
    """For the 354."""
    final: float | None = 600.0
    """For the reply to the whole message; under LMTP for each recipient's."""
    rset: float | None = 20.0
    """For the reply to RSET."""
    quit: float | None = 10.0
    """For the reply to QUIT."""
    command: float | None = 300.0
    """For the reply to any other command, and to a chunk that is not the last."""
    write: float | None = 180.0
    """For the transport to take a block of content or a group of commands."""
    tls_handshake: float | None = 60.0
    """For the TLS handshake."""
    transaction: float | None = None
    """For all that one message takes, from its first command to its last reply."""
    hook: float | None = 100.0
    """For the next piece of the content, a password or a token, where they have to be waited for."""

    @property
    def message_hook(self) -> float | None:
        """The same; a client's application has no other hooks."""
        return self.hook

    @property
    def reply_wait(self) -> float:
        """What is ready is sent before a hook is waited for."""
        return 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value < 0:
                raise ValueError(f"the timeout {field.name} cannot be negative")

    def reply(self, rule: Rule | None) -> float | None:
        """How long the reply to a command may take; or the rest of one that nobody asked for."""
        name = _NAMES.get(rule.verb, "command") if rule is not None else "command"
        value: float | None = getattr(self, name)
        return value
