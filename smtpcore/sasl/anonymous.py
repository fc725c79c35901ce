"""ANONYMOUS: no identity at all, perhaps a trace of one (RFC 4505)."""

from __future__ import annotations

from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.saslprep import is_trace

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
        # RFC 4505 2 counts characters. What is no address by its form has no "@" in it.
        local, at, domain = trace.rpartition("@")
        if at and not (local and domain):
            return Failure(malformed=True)
        if len(trace) > (_LONGEST_ADDRESS if at else _LONGEST_TOKEN) or not is_trace(trace):
            return Failure(malformed=True)
        return Success(Identity("anonymous", mechanism=self.name, trace=trace))
