"""CRAM-MD5: a keyed digest of a challenge; the server has to store the secret itself (RFC 2195)."""

from __future__ import annotations

import hmac
import re

from smtpcore.sasl.client import ClientMechanism
from smtpcore.sasl.context import Context
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.queries import Secret
from smtpcore.sasl.saslprep import prepare
from smtpcore.tls import TlsInfo

_DIGEST = re.compile(rb"[0-9a-f]{32}")


class CramMd5Server(ServerMechanism):
    """One challenge, ``<random@hostname>``, and one response, ``username SP digest``.

    Out of date: it protects against nothing but listeners, who may guess at leisure. For clients that know
    nothing better.
    """

    name = "CRAM-MD5"
    server_first = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._challenge = b""
        self._username = ""
        self._digest = b""

    def step(self, response: bytes | None) -> Outcome:
        """Challenge, then take the response apart."""
        if response is None:
            self._challenge = self.make_challenge()
            return Challenge(self._challenge)
        # The user name may have spaces in it, the digest has none.
        name, _, digest = response.rpartition(b" ")
        try:
            text = name.decode("utf-8")
        except UnicodeDecodeError:
            return Failure(malformed=True)
        if not text or not _DIGEST.fullmatch(digest):
            return Failure(malformed=True)
        username = prepare(text)
        if username is None:
            return Failure()
        self._username = username
        self._digest = digest
        return Secret(username)

    def answered(self, value: object) -> Outcome:
        """Compare with what the secret gives; without one, with what it would give (T-AUTH)."""
        secret = value.encode("utf-8") if isinstance(value, str) else value
        known = isinstance(secret, bytes) and bool(secret)
        key = secret if isinstance(secret, bytes) and known else b"no such user"
        digest = _keyed_digest(key, self._challenge)
        right = hmac.compare_digest(digest, self._digest)
        return Success(Identity(self._username, mechanism=self.name)) if right and known else Failure()

    def make_challenge(self) -> bytes:
        """A message id that is used once. RFC 2195 2 has a time in it; random octets do as well without a clock."""
        random = self.context.token_bytes(24).hex()
        return f"<{random[:16]}.{random[16:]}@{self.context.hostname}>".encode()


class CramMd5Client(ClientMechanism):
    """One challenge, one response. It proves nothing of the server, and the challenge is the server's choice."""

    name = "CRAM-MD5"
    _answered = False

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """With a user name and a password that SASLprep allows."""
        prepared = credentials.prepared_username and credentials.prepared_password
        return super().usable(credentials, tls) and bool(prepared)

    def step(self, challenge: bytes) -> bytes:
        """Sign the challenge, once: a second one would be another digest to guess by."""
        if self._answered:
            return super().step(challenge)
        if not challenge:
            raise self.fault("the server sent an empty challenge")
        self._answered = True
        digest = _keyed_digest(self.credentials.prepared_password.encode(), challenge)
        return b"%b %b" % (self.credentials.prepared_username.encode(), digest)

    def verify(self) -> None:
        """Nobody is let in without having been challenged."""
        if not self._answered:
            raise self.fault("the server said yes without a challenge")


def _keyed_digest(secret: bytes, challenge: bytes) -> bytes:
    """In lower-case hexadecimal (RFC 2195 2)."""
    return hmac.digest(secret, challenge, "md5").hex().encode("ascii")
