"""How much of everything a session puts up with. One object, two profiles."""

from __future__ import annotations

from dataclasses import dataclass, fields

from smtpcore.proxy import LEAST_HEADER
from smtpcore.spec import AUTH_LINE, BASE_LINE

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Counts and sizes. The defaults are the profile ``standard``: what the RFCs ask for, everywhere.

    Raises:
        ValueError: A limit is negative, or lower than its description says it may be.
    """

    max_command_line: int = BASE_LINE
    """Octets of a command line with its CRLF, what extensions add apart. At least 512 (RFC 5321 4.5.3.1.4).
    Over it: 500 5.5.2."""
    max_line_drain: int = 64 * KIB
    """Octets of a faulty line that are discarded before the connection ends with 421 4.7.0."""
    max_auth_line: int = AUTH_LINE
    """Octets of an AUTH command or a SASL response with its CRLF, at least 512. Over it: 500 5.5.6 (RFC 4954 4)."""
    max_message_size: int = 35 * MIB
    """Octets of content, CRLF counted, stuffing and final dot not (RFC 1870 5); announced as SIZE.
    RFC 5321 4.5.3.1.7 asks for 64 KiB; 0 means no limit. Over it: 552 5.3.4."""
    max_bdat_chunks: int | None = None
    """BDAT chunks of a message. Over it: 554 and close."""
    max_recipients: int = 1000
    """Accepted recipients of a transaction; RFC 5321 4.5.3.1.8 asks for 100. Over it: 452 4.5.3."""
    max_recipients_overshoot: int = 1000
    """RCPT commands refused over ``max_recipients`` in a transaction before 421 4.7.0."""
    max_bad_recipients: int | None = 1000
    """RCPT commands refused 5yz in a session before 421 4.7.0 (RFC 5321 7.8)."""
    max_deferred_recipients: int | None = 1000
    """RCPT commands that the application answers 4yz in a session before 421 4.7.0."""
    max_transactions: int | None = None
    """MAIL commands of a session, refused ones too. Over it: 421 4.7.0."""
    max_errors: int | None = 20
    """Commands refused for the client's own faults in a session before 421 4.7.0."""
    max_unknown_commands: int | None = 10
    """Unknown verbs in a session before 421 4.7.0."""
    max_noops: int | None = 100
    """NOOP, RSET, VRFY, EXPN, HELP and EHLO, and MAIL and DATA that are refused in their place, without mail between
    them before 421 4.7.0."""
    max_auth_failures: int | None = 5
    """Failed AUTH exchanges in a session before 421 4.7.0; at least 3 (RFC 4954 9)."""
    max_auth_rounds: int = 20
    """Challenges of one AUTH exchange; over it the exchange fails."""
    max_commands_before_auth: int | None = None
    """Commands before authentication where that is required, before 421 4.7.0."""
    max_input_buffer: int = MIB
    """Octets received and not yet worked on before ``wants_data`` turns false; at least 4096."""
    max_proxy_header: int = 4 * KIB
    """Octets of a PROXY header, at least 232. Over it the connection is closed without a word."""
    max_held_output: int = 16 * KIB
    """Octets of replies that wait for others before they are sent."""
    max_params: int = 20
    """ESMTP parameters of one command. Over it: 501 5.5.4."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value < 0:
                raise ValueError(f"{field.name} cannot be negative")
        for name, least, clause in _FLOORS:
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is at least {least} ({clause})")

    @property
    def max_drain(self) -> int | None:
        """Octets of content read in all, accepted or not, before the connection is cut."""
        return self.max_message_size * 2 + MIB if self.max_message_size else None

    @classmethod
    def standard(cls) -> Limits:
        """The RFC minimum everywhere."""
        return cls()

    @classmethod
    def hardened(cls) -> Limits:
        """For a server that faces the open internet."""
        return cls(
            max_line_drain=8 * KIB,
            max_message_size=25 * MIB,
            max_bdat_chunks=10_000,
            max_recipients=100,
            max_bad_recipients=100,
            max_transactions=100,
            max_errors=10,
            max_unknown_commands=5,
            max_noops=50,
            max_auth_failures=3,
            max_commands_before_auth=20,
            max_input_buffer=128 * KIB,
        )


_FLOORS = (
    ("max_command_line", BASE_LINE, "RFC 5321 4.5.3.1.4"),
    ("max_auth_line", BASE_LINE, "RFC 4954 4"),
    ("max_recipients", 1, "a message has a recipient"),
    ("max_auth_failures", 3, "RFC 4954 9"),
    ("max_input_buffer", 4 * KIB, "a command line has to fit"),
    ("max_proxy_header", LEAST_HEADER, "the paths of two unix sockets have to fit"),
)
