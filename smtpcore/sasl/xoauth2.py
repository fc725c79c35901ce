"""XOAUTH2: what large providers spoke before OAUTHBEARER, and speak still (no RFC)."""

from __future__ import annotations

from smtpcore.sasl.bearer import BearerClient, BearerServer, read_pairs, read_token, write_pairs
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.mechanism import Failure
from smtpcore.sasl.queries import VerifyToken
from smtpcore.sasl.saslprep import prepare
from smtpcore.tls import TlsInfo

_USER = b"user="


class XOAuth2Server(BearerServer):
    r"""``user=`` name ``\x01auth=Bearer`` token ``\x01\x01``."""

    name = "XOAUTH2"
    # A number as of HTTP stands where OAUTHBEARER has a word.
    status = "401"

    def read(self, response: bytes) -> VerifyToken | Failure:
        """The user name may be any UTF-8, what follows it is ASCII."""
        user, separator, body = response.partition(b"\x01")
        try:
            text = user.removeprefix(_USER).decode("utf-8")
        except UnicodeDecodeError:
            return Failure(malformed=True)
        pairs = read_pairs(body)
        if not user.startswith(_USER) or not text or not separator or pairs is None or pairs.keys() != {b"auth"}:
            return Failure(malformed=True)
        username = prepare(text)
        return Failure() if username is None else VerifyToken(username, read_token(pairs))


class XOAuth2Client(BearerClient):
    """The user has to be named."""

    name = "XOAUTH2"
    dummy = b""

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """With a token and a name."""
        return super().usable(credentials, tls) and bool(credentials.authzid or credentials.username)

    def initial(self) -> bytes:
        """Name and token."""
        return _USER + self.user.encode() + b"\x01" + write_pairs({b"auth": self.auth})
