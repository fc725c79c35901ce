"""EXTERNAL: the client has shown who it is already, by its TLS certificate (RFC 4422 A)."""

from __future__ import annotations

from smtpcore.sasl.client import ClientMechanism
from smtpcore.sasl.context import Context
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.queries import MapCertificate
from smtpcore.sasl.saslprep import prepare_authzid
from smtpcore.tls import TlsInfo


class ExternalServer(ServerMechanism):
    """One response: whom the client wants to act for; empty: whoever the certificate is for."""

    name = "EXTERNAL"
    client_certificate = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._authzid = ""

    def step(self, response: bytes | None) -> Outcome:
        """Take the authorization identity."""
        if response is None:
            return Challenge()
        if b"\0" in response:
            return Failure(malformed=True)
        try:
            text = response.decode("utf-8")
        except UnicodeDecodeError:
            return Failure(malformed=True)
        authzid = prepare_authzid(text)
        tls = self.context.tls
        if authzid is None or tls is None or not tls.peer_verified:
            return Failure()
        self._authzid = authzid
        return MapCertificate(tls, authzid)

    def answered(self, value: object) -> Outcome:
        """The certificate is somebody's, or nobody's."""
        if isinstance(value, str) and value:
            return Success(Identity(value, self._authzid, self.name))
        return Failure()


class ExternalClient(ClientMechanism):
    """One message, and an empty one mostly; the proof was the TLS handshake."""

    name = "EXTERNAL"
    authorization = True

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """Within TLS that was given a client certificate."""
        return super().usable(credentials, tls) and credentials.certificate and tls is not None

    def initial(self) -> bytes:
        """Whom to act for; empty: whoever the certificate is for."""
        return self.authzid.encode()
