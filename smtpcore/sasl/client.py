"""What the client's side of a mechanism is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar, Final

from smtpcore.errors import LocalProtocolError, SaslError
from smtpcore.sasl.credentials import Credentials
from smtpcore.tls import TlsInfo

LONGEST_CHALLENGE: Final = 12288
"""Octets of a challenge, decoded. A line of an exchange has no more in base64 (RFC 4954 4)."""
_BINDINGS = ("tls-exporter", "tls-server-end-point", "tls-unique")


def binding_type(tls: TlsInfo | None) -> str:
    """The channel binding to use (RFC 9266, RFC 5929); empty: TLS supplies none that is known here."""
    if tls is None:
        return ""
    return next((kind for kind in _BINDINGS if kind in tls.channel_bindings), "")


class ClientMechanism:
    """The client's side of one exchange with one mechanism.

    ``initial()`` is the first message, if the client has the first word; each challenge goes into ``respond()``;
    ``verify()`` is for the 235. An exchange in which one of them raised is over. Nothing here is base64.

    Args:
        credentials: What to prove the identity with.
        tls: The TLS layer; None in clear text.
        token_bytes: So many random octets, good enough for nonces (RFC 4086).
        offered: The mechanisms that the server announces, in upper case.

    Raises:
        LocalProtocolError: The credentials and TLS are not what the mechanism needs; see ``usable``.
    """

    name: ClassVar[str]
    """As registered with IANA, in upper case (RFC 4422 3.1)."""
    plaintext: ClassVar[bool] = False
    """Sends the password or a token itself: not without TLS, unless the configuration says so by name."""
    channel_binding: ClassVar[bool] = False
    """Usable only where TLS supplies channel binding data."""
    authorization: ClassVar[bool] = False
    """Can say whom the client wants to act for; the others are not usable when that is somebody else."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        tls: TlsInfo | None,
        token_bytes: Callable[[int], bytes],
        offered: Collection[str],
    ) -> None:
        if not self.usable(credentials, tls):
            raise LocalProtocolError(f"{self.name} cannot be used with these credentials and this TLS: ask usable()")
        self.credentials = credentials
        self.tls = tls
        self.token_bytes = token_bytes
        self.offered = offered

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """Whether these are the credentials that this mechanism needs, and TLS supplies what it needs of it.

        ``plaintext`` is not looked at: see ``choose``.
        """
        authzid = credentials.prepared_authzid
        if authzid is None or (not cls.authorization and credentials.authzid not in ("", credentials.username)):
            return False
        return not cls.channel_binding or bool(binding_type(tls))

    @property
    def authzid(self) -> str:
        """Whom to act for, prepared for transmission (RFC 4954 4); empty: nobody else."""
        return self.credentials.prepared_authzid or ""

    def initial(self) -> bytes | None:
        """The initial response, which may be empty; None, unless overridden: the server speaks first."""
        return None

    def respond(self, challenge: bytes) -> bytes:
        """The response to a challenge.

        Raises:
            SaslError: It cannot be answered.
        """
        if len(challenge) > LONGEST_CHALLENGE:
            raise self.fault(f"the server sent a challenge of more than {LONGEST_CHALLENGE} octets")
        return self.step(challenge)

    def step(self, challenge: bytes) -> bytes:
        """As ``respond``, for a challenge of a tolerable length: what a subclass overrides.

        Raises:
            SaslError: It cannot be answered; always, where everything has been said.
        """
        raise self.fault("the server sent a challenge when everything had been said")

    def verify(self) -> None:
        """Say whether the server's 235 may be believed; a mechanism of one message is complete when it is sent.

        Raises:
            SaslError: The exchange is not complete, or the server has not proven what it has to prove.
        """

    def fault(self, what: str) -> SaslError:
        """The error to raise, with the name of the mechanism.

        Args:
            what: What the server did; nothing that it sent, and no secret.
        """
        return SaslError(f"{self.name}: {what}")
