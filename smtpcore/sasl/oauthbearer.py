"""OAUTHBEARER: an OAuth 2.0 bearer token (RFC 7628)."""

from __future__ import annotations

import re

from smtpcore.sasl.bearer import BearerClient, BearerServer, read_pairs, read_token, write_pairs
from smtpcore.sasl.gs2 import read_header, write_header
from smtpcore.sasl.mechanism import Failure
from smtpcore.sasl.queries import VerifyToken
from smtpcore.sasl.saslprep import prepare_authzid

_PORT = re.compile(rb"[1-9][0-9]{0,4}")


class OAuthBearerServer(BearerServer):
    """A GS2 header, and ``auth``, ``host`` and ``port`` as key-value pairs (RFC 7628 3.1)."""

    name = "OAUTHBEARER"

    def read(self, response: bytes) -> VerifyToken | Failure:
        """``gs2-header %x01 *(key "=" value %x01) %x01``; other keys are ignored."""
        if response == b"\x01":
            # RFC 7628 3.1: the answer to an error, where there was none.
            return Failure()
        try:
            response.decode("utf-8")
        except UnicodeDecodeError:
            return Failure(malformed=True)
        header = read_header(response)
        if header is None or response[len(header.raw) : len(header.raw) + 1] != b"\x01":
            return Failure(malformed=True)
        pairs = read_pairs(response[len(header.raw) + 1 :])
        if pairs is None or b"auth" not in pairs:
            return Failure(malformed=True)
        port = pairs.get(b"port")
        if port is not None and (not _PORT.fullmatch(port) or int(port) > 65535):
            return Failure(malformed=True)
        authzid = prepare_authzid(header.authzid)
        if authzid is None or header.flag == "p":
            # There is no form of this mechanism that binds to the channel.
            return Failure()
        host = pairs.get(b"host", b"").decode("ascii")
        return VerifyToken(authzid, read_token(pairs), host, None if port is None else int(port))


class OAuthBearerClient(BearerClient):
    """The user is named if one is known; host and port likewise."""

    name = "OAUTHBEARER"
    dummy = b"\x01"

    def initial(self) -> bytes:
        """GS2 header and pairs (RFC 7628 3.1)."""
        host = self.credentials.host.encode("ascii")
        port = str(self.credentials.port or "").encode("ascii")
        pairs = {b"host": host, b"port": port, b"auth": self.auth}
        # "n": there is no form of this mechanism that binds to the channel.
        header = write_header("n", self.user)
        return header + b"\x01" + write_pairs({key: value for key, value in pairs.items() if value})
