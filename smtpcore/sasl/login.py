"""LOGIN: user name and password, one challenge each (an expired draft that everybody speaks)."""

from __future__ import annotations

from smtpcore.sasl.client import ClientMechanism
from smtpcore.sasl.context import Context
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.queries import VerifyPassword
from smtpcore.sasl.saslprep import prepare
from smtpcore.tls import TlsInfo

# Clients are meant to ignore these texts, but some compare them.
_USERNAME = Challenge(b"Username:")
_PASSWORD = Challenge(b"Password:")


class LoginServer(ServerMechanism):
    """Two challenges; an initial response is taken for the user name, as much software sends it."""

    name = "LOGIN"
    plaintext = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._username: str | None = None

    def step(self, response: bytes | None) -> Outcome:
        """Take the user name, then the password."""
        if response is None:
            return _USERNAME
        try:
            text = response.decode("utf-8")
        except UnicodeDecodeError:
            return Failure(malformed=True)
        # The draft says nothing of preparation; but what is one user under PLAIN is one user here too.
        prepared = prepare(text)
        if prepared is None:
            return Failure()
        if self._username is None:
            self._username = prepared
            return _PASSWORD
        return VerifyPassword(self._username, prepared)

    def answered(self, value: object) -> Outcome:
        """The password was right, or it was not."""
        if value is True and self._username is not None:
            return Success(Identity(self._username, mechanism=self.name))
        return Failure()


class LoginClient(ClientMechanism):
    """The user name for the first challenge and the password for the second, whatever they say: servers differ.

    There is no initial response: not all of them take the user name in one.
    """

    name = "LOGIN"
    plaintext = True
    _challenges = 0

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """With a user name and a password."""
        return super().usable(credentials, tls) and bool(credentials.username and credentials.password)

    def step(self, challenge: bytes) -> bytes:
        """Tell the user name, then the password."""
        self._challenges += 1
        if self._challenges == 1:
            return self.credentials.username.encode()
        if self._challenges == 2:
            return (self.credentials.password or "").encode()
        return super().step(challenge)

    def verify(self) -> None:
        """Nobody is let in without having been asked for the password."""
        if self._challenges != 2:
            raise self.fault("the server said yes without having asked for user name and password")
