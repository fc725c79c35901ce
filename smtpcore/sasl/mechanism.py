"""What a mechanism is, and what its steps lead to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client has proven to be, and whom it wants to act for."""

    username: str
    """The authentication identity: whose credentials were given (RFC 4422 2)."""
    authzid: str = ""
    """The authorization identity; empty: the same as ``username``. Whether one may act for another is for
    the application to decide, in its ``authenticate`` hook."""
    mechanism: str = ""

    @property
    def name(self) -> str:
        """Whom the session acts for."""
        return self.authzid or self.username


@dataclass(frozen=True, slots=True)
class Challenge:
    """Goes to the client in a 334; its response is the next step."""

    data: bytes = b""


@dataclass(frozen=True, slots=True)
class VerifyPassword:
    """Is this the password of this user? For the credential store; the answer is true or false."""

    username: str
    password: str = field(repr=False)


Query: TypeAlias = VerifyPassword
"""What a mechanism has to ask the credential store."""


@dataclass(frozen=True, slots=True)
class Success:
    """The client has proven this identity: 235, unless the application says no."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class Failure:
    """The exchange is over."""

    malformed: bool = False
    """The response did not fit the mechanism's syntax: 501. Otherwise the credentials are wrong: 535."""


Outcome: TypeAlias = Challenge | Query | Success | Failure


class ServerMechanism:
    """The server's side of one exchange with one mechanism."""

    name: ClassVar[str]
    """As registered with IANA, in upper case."""
    plaintext: ClassVar[bool] = False
    """The client sends the secret itself: not without TLS, unless the configuration says so by name."""

    def step(self, response: bytes | None) -> Outcome:
        """Take a response; None at the start when there is no initial response."""
        raise NotImplementedError

    def answered(self, value: object) -> Outcome:
        """Take the credential store's answer to the Query that the last step led to."""
        raise NotImplementedError
