"""What OAUTHBEARER and XOAUTH2 have in common: a bearer token, and a refusal in two steps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from smtpcore.sasl.client import ClientMechanism
from smtpcore.sasl.context import Context
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.queries import TokenError, VerifyToken
from smtpcore.tls import TlsInfo

# RFC 7628 3.1: key "=" value, the values without any control octet but HTAB, CR and LF.
_PAIR = re.compile(rb"([A-Za-z]+)=([\t\n\r -~]*)")
# RFC 6750 2.1; RFC 9110 11.1: the scheme has no case.
_TOKEN = rb"[A-Za-z0-9._~+/-]+=*"
_CREDENTIALS = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +(" + _TOKEN + rb")")


def read_pairs(body: bytes) -> dict[bytes, bytes] | None:
    r"""Key-value pairs, each with a ``\x01`` behind it, and one more at the very end.

    Returns:
        The pairs; None where the octets are something else, or a key comes twice.
    """
    if body == b"\x01":
        return {}
    if not body.endswith(b"\x01\x01"):
        return None
    pairs: dict[bytes, bytes] = {}
    for part in body[:-2].split(b"\x01"):
        match = _PAIR.fullmatch(part)
        if match is None or match[1] in pairs:
            return None
        pairs[match[1]] = match[2]
    return pairs


def read_token(pairs: Mapping[bytes, bytes]) -> str:
    """The token in ``auth``; empty where there is none that could be one."""
    match = _CREDENTIALS.fullmatch(pairs.get(b"auth", b""))
    return "" if match is None else match[1].decode("ascii")


class BearerServer(ServerMechanism):
    """The token is the whole credential: whoever has it is the user, hence TLS (RFC 7628 3)."""

    plaintext = True
    status: str | None = None
    """The status that clients of this mechanism know; None: that of the TokenError."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._query: VerifyToken | None = None
        self._refused = False

    def read(self, response: bytes) -> VerifyToken | Failure:
        """Take the one message apart; an empty token in the query is one that needs no asking."""
        raise NotImplementedError

    def step(self, response: bytes | None) -> Outcome:
        """Take the message; behind a refusal, the answer that only lets the exchange end (RFC 7628 3.2.3)."""
        if response is None:
            return Challenge()
        if self._refused:
            return Failure()
        query = self.read(response)
        if isinstance(query, Failure):
            return query
        if not query.token:
            return self._refuse(None)
        self._query = query
        return query

    def answered(self, value: object) -> Outcome:
        """The token is somebody's, or good for nothing."""
        query = self._query
        if query is None:
            return Failure()
        username = value if isinstance(value, str) else query.username if value is True else ""
        if not username:
            return self._refuse(value)
        return Success(Identity(username, query.username, self.name))

    def _refuse(self, reason: object) -> Challenge:
        # A failed exchange carries no data (RFC 4422 3.6), so the reason goes ahead as a challenge.
        self._refused = True
        error = reason if isinstance(reason, TokenError) else self.context.token_error
        return Challenge(error.to_json(status=self.status))


def write_pairs(pairs: Mapping[bytes, bytes]) -> bytes:
    """What ``read_pairs`` reads."""
    return b"".join(b"%b=%b\x01" % pair for pair in pairs.items()) + b"\x01"


class BearerClient(ClientMechanism):
    """One message with the token. A challenge behind it is a refusal, and its answer lets the exchange end."""

    plaintext = True
    authorization = True
    dummy: ClassVar[bytes]
    """The response to a refusal; a refused exchange never ends well (RFC 7628 3.2.3)."""
    _refused = False

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """With a token that is one by its form (RFC 6750 2.1), so that it cannot be taken for anything else."""
        token = re.fullmatch(_TOKEN, (credentials.token or "").encode())
        allowed = bool(credentials.prepared_username) or not credentials.username
        return super().usable(credentials, tls) and token is not None and allowed

    @property
    def user(self) -> str:
        """Whom to act for, or else whose token it is; may be empty."""
        return self.authzid or self.credentials.prepared_username

    @property
    def auth(self) -> bytes:
        """The value of the key ``auth``."""
        return f"Bearer {self.credentials.token}".encode()

    def step(self, challenge: bytes) -> bytes:
        """The challenge is JSON that says why (RFC 7628 3.2.2); the reply to come says so too."""
        if self._refused:
            return super().step(challenge)
        self._refused = True
        return self.dummy

    def verify(self) -> None:
        """A token that was refused is good for nothing."""
        if self._refused:
            raise self.fault("the server said yes after having refused the token")
