"""The settings of client sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from smtpcore.commands.attributes import Attribute
from smtpcore.custom import CustomExtension
from smtpcore.paths import is_helo_name
from smtpcore.reply_reader import ReplyLimits
from smtpcore.sasl import CLIENT_MECHANISMS, Credentials
from smtpcore.session.client.timeouts import ClientTimeouts
from smtpcore.spec import Dialect
from smtpcore.tls import TlsInfo


class TlsMode(Enum):
    """When TLS begins, and what happens without it."""

    IMPLICIT = "implicit"
    """From the first octet (RFC 8314 3.3)."""
    STARTTLS = "starttls"
    """By STARTTLS; a server that does not offer it, or refuses, gets nothing (RFC 3207 6)."""
    OPPORTUNISTIC = "opportunistic"
    """By STARTTLS where it is offered, in clear text where it is not or is refused."""
    NONE = "none"
    """Never, be it offered."""


CredentialSource: TypeAlias = Credentials | Callable[[], Credentials | Awaitable[Credentials]]
"""Credentials, or what gives them when a session needs them: a fresh token, for instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """What a client session does and how.

    Raises:
        ValueError: A setting does not fit.
    """

    hostname: str
    """The client's own name for EHLO: a domain or an address literal with its brackets, ASCII (RFC 5321 4.1.1.1)."""
    dialect: Dialect = Dialect.SMTP
    tls: TlsMode = TlsMode.OPPORTUNISTIC
    accept_tls: Callable[[TlsInfo], bool] | None = None
    """Whether the TLS layer is good enough. If it is not, the session ends with QUIT (RFC 3207 4.1)."""
    credentials: CredentialSource | None = field(default=None, repr=False)
    """Who authenticates. A server that offers no mechanism for them gets nothing."""
    mechanisms: Sequence[str] | None = None
    """The SASL mechanisms that may be used, the best first; None: all, by their strength."""
    plaintext_auth_without_tls: bool = False
    """Let PLAIN, LOGIN and bearer tokens go over a link without TLS, or with TLS whose certificate was not verified."""
    xclient: Mapping[str, Attribute] = field(default_factory=dict)
    """What to tell by XCLIENT to a server that trusts this one: attributes by name in upper case."""
    pipelining: bool = True
    """Send commands in groups where the server takes them (RFC 2920)."""
    chunking: bool = True
    """Send content by BDAT where the server takes it (RFC 3030)."""
    chunk_size: int = 1024 * 1024
    """Octets of a BDAT chunk at the most."""
    bare_newlines: Literal["error", "convert"] | None = None
    """What a lone CR or LF in content is: an error, or a line end. None: an error in octets, a line end in text."""
    allow_nul: bool = False
    """Let octets 0x00 in content pass."""
    long_lines: Literal["error", "pass"] = "error"
    """What a line of content over 998 octets is (RFC 5321 4.5.3.1.6)."""
    custom: Collection[CustomExtension] = ()
    """The application's own extensions."""
    reply_limits: ReplyLimits = field(default_factory=ReplyLimits)
    timeouts: ClientTimeouts = field(default_factory=ClientTimeouts)

    def __post_init__(self) -> None:
        if not self.hostname.isascii() or not is_helo_name(self.hostname.encode("ascii")):
            raise ValueError(f"the hostname {self.hostname!a} is no domain or address literal; write IDNs as A-labels")
        if self.chunk_size < 1:
            raise ValueError("chunk_size is at least 1 octet")
        if isinstance(self.mechanisms, str):
            raise ValueError("mechanisms is a sequence of names, not one string")
        for name in self.mechanisms or ():
            if name not in CLIENT_MECHANISMS:
                raise ValueError(f"no SASL mechanism {name!r}; there are {', '.join(CLIENT_MECHANISMS)}")
        if self.bare_newlines not in (None, "error", "convert") or self.long_lines not in ("error", "pass"):
            raise ValueError('bare_newlines is "error", "convert" or None, and long_lines "error" or "pass"')
