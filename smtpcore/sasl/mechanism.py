"""What a mechanism is, and what its steps lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from smtpcore.sasl.context import Context
from smtpcore.sasl.queries import Query
from smtpcore.tls import TlsInfo


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client has proven to be, and whom it wants to act for."""

    username: str
    """The authentication identity: whose credentials were given (RFC 4422 2); ``anonymous`` for ANONYMOUS."""
    authzid: str = ""
    """The authorization identity; empty: the same as ``username``. Whether one may act for another is for
    the application to decide, in its ``authenticate`` hook."""
    mechanism: str = ""
    trace: str = ""
    """What an anonymous client says of itself, an address or any text without control characters; proves
    nothing (RFC 4505 2)."""

    @property
    def name(self) -> str:
        """Whom the session acts for."""
        return self.authzid or self.username


@dataclass(frozen=True, slots=True)
class Challenge:
    """Goes to the client in a 334; its response is the next step."""

    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Success:
    """The client has proven this identity: 235, unless the application says no."""

    identity: Identity
    data: bytes = b""
    """Additional data for a client that succeeds (RFC 4422 3.6). A 235 takes none: once the application has said
    yes, it goes out as a last challenge, which the client answers with an empty line (RFC 4954 4)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The exchange is over."""

    malformed: bool = False
    """The response did not fit the mechanism's syntax: 501. Otherwise the credentials are wrong: 535."""


Outcome: TypeAlias = Challenge | Query | Success | Failure


class ServerMechanism:
    """The server's side of one exchange with one mechanism.

    Applications derive their own from it and name them in ``ServerConfig.custom_mechanisms``. One that raises is
    at fault itself, whatever the client has sent: 454.
    """

    name: ClassVar[str]
    """As registered with IANA: 1 to 20 of upper-case letters, digits, hyphen and underscore (RFC 4422 3.1)."""
    plaintext: ClassVar[bool] = False
    """The client sends the secret itself: not without TLS, unless the configuration says so by name."""
    server_first: ClassVar[bool] = False
    """The server speaks first: an initial response is refused with 501 (RFC 4954 4)."""
    channel_binding: ClassVar[bool] = False
    """On offer only where TLS supplies channel binding data."""
    client_certificate: ClassVar[bool] = False
    """On offer only where TLS has verified a certificate of the client's."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @classmethod
    def usable(cls, tls: TlsInfo | None) -> bool:
        """Whether TLS supplies what this mechanism needs of it."""
        if cls.channel_binding and (tls is None or not tls.channel_bindings):
            return False
        return not cls.client_certificate or (tls is not None and tls.peer_verified)

    def step(self, response: bytes | None) -> Outcome:
        """Take a response; None at the start when there is no initial response."""
        raise NotImplementedError

    def answered(self, value: object) -> Outcome:
        """Take the credential store's answer to the Query that the last step led to.

        Args:
            value: None, or one of the types that the query names in ``answers``.
        """
        raise NotImplementedError
