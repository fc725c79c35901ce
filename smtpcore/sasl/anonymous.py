"""ANONYMOUS: no identity at all, perhaps a trace of one (RFC 4505)."""

from __future__ import annotations

from smtpcore.sasl.client import ClientMechanism
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.saslprep import is_trace
from smtpcore.tls import TlsInfo

_LONGEST_TOKEN = 255
_LONGEST_ADDRESS = 320  # 64 of the local part, "@", 255 of the domain


class AnonymousServer(ServerMechanism):
    """Everybody comes in; what that gives them is for the application to say, in its ``authenticate`` hook."""

    name = "ANONYMOUS"

    def step(self, response: bytes | None) -> Outcome:
        """Take the trace information, an address or other text; it may be empty."""
        if response is None:
            return Challenge()
        try:
            trace = response.decode("utf-8")
        except UnicodeDecodeError:
            return Failure(malformed=True)
        if not _is_trace_information(trace):
            return Failure(malformed=True)
        return Success(Identity("anonymous", mechanism=self.name, trace=trace))


class AnonymousClient(ClientMechanism):
    """One message: what to be remembered by."""

    name = "ANONYMOUS"

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """With trace information, which is an address, or a text of at most 255 characters, or empty."""
        trace = credentials.anonymous
        return super().usable(credentials, tls) and trace is not None and _is_trace_information(trace)

    def initial(self) -> bytes:
        """The trace information."""
        return (self.credentials.anonymous or "").encode()


def _is_trace_information(text: str) -> bool:
    """RFC 4505 2 counts characters. What is no address by its form has no "@" in it."""
    local, at, domain = text.rpartition("@")
    if at and not (local and domain):
        return False
    return len(text) <= (_LONGEST_ADDRESS if at else _LONGEST_TOKEN) and is_trace(text)
