"""PLAIN: everything in one response (RFC 4616)."""

from __future__ import annotations

from smtpcore.sasl.client import ClientMechanism
from smtpcore.sasl.context import Context
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.queries import VerifyPassword
from smtpcore.sasl.saslprep import prepare, prepare_authzid
from smtpcore.tls import TlsInfo


class PlainServer(ServerMechanism):
    """``[authzid] NUL authcid NUL passwd``, in UTF-8 (RFC 4616 2)."""

    name = "PLAIN"
    plaintext = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._identity: Identity | None = None

    def step(self, response: bytes | None) -> Outcome:
        """Ask for the one response, and take it apart."""
        if response is None:
            return Challenge()
        try:
            fields = response.decode("utf-8").split("\0")
        except UnicodeDecodeError:
            return Failure(malformed=True)
        if len(fields) != 3 or not fields[1] or not fields[2]:
            return Failure(malformed=True)
        # RFC 4616 2: if preparation fails or results in an empty string, verification shall fail.
        authzid = prepare_authzid(fields[0])
        username = prepare(fields[1])
        password = prepare(fields[2])
        if authzid is None or username is None or password is None:
            return Failure()
        self._identity = Identity(username, authzid, self.name)
        return VerifyPassword(username, password)

    def answered(self, value: object) -> Outcome:
        """The password was right, or it was not."""
        return Success(self._identity) if value is True and self._identity is not None else Failure()


class PlainClient(ClientMechanism):
    """One message. User name and password go as they are: to prepare them is the server's part (RFC 4616 2)."""

    name = "PLAIN"
    plaintext = True
    authorization = True

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """With a user name and a password."""
        return super().usable(credentials, tls) and bool(credentials.username and credentials.password)

    def initial(self) -> bytes:
        """Everything."""
        return f"{self.authzid}\0{self.credentials.username}\0{self.credentials.password}".encode()
