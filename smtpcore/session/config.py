"""The settings of a server, and all that follows from them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from smtpcore.dialogue import select
from smtpcore.extensions import Extensions
from smtpcore.leniencies import Leniencies
from smtpcore.paths import is_helo_name
from smtpcore.refusals import Barrier
from smtpcore.replies import EhloReply, Reply
from smtpcore.sasl import SERVER_MECHANISMS
from smtpcore.session.limits import Limits
from smtpcore.session.replies import ServerReplies
from smtpcore.session.timeouts import Timeouts
from smtpcore.spec import Dialect, Rule

BareNewlines = Literal["reject", "close", "pass"]
LongLines = Literal["pass", "reject"]


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """The settings, the same for all sessions of a server. Make one and share it.

    Raises:
        ValueError: Settings that contradict each other or the protocol.
    """

    hostname: str = "localhost"
    """The server's own name, a domain or an address literal: first in the greeting (RFC 5321 4.3.1)."""
    dialect: Dialect = Dialect.SMTP
    """SMTP, or LMTP for delivery within a site (RFC 2033); LMTP must not be served on port 25."""
    banner: str | None = None
    """Text behind the name in the greeting; ``ESMTP`` or ``LMTP`` by default. It tells no version (T-HARVEST)."""
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    leniencies: Leniencies = field(default_factory=Leniencies)
    starttls: bool = False
    """STARTTLS is offered; the adapter has to have a certificate."""
    implicit_tls: bool = False
    """TLS from the first octet (RFC 8314 3.3)."""
    require_tls: bool = False
    """530 to everything but NOOP, EHLO, STARTTLS and QUIT before TLS. Not for a public port 25 (RFC 3207 4)."""
    mechanisms: Sequence[str] = ()
    """The SASL mechanisms on offer; none, no AUTH."""
    plaintext_auth_without_tls: bool = False
    """Offer and take PLAIN and LOGIN in clear text."""
    require_auth: bool = False
    """530 to MAIL and others before AUTH has succeeded (RFC 4954 6)."""
    help: bool = True
    """HELP is announced and served."""
    expn: bool = False
    """EXPN is announced and served by the handler's hook."""
    enhanced_codes: bool = True
    """ENHANCEDSTATUSCODES (RFC 2034)."""
    bare_newlines: BareNewlines = "reject"
    """Bare CR, bare LF or NUL in content: ``reject`` 554 5.6.0 at the end, ``close`` 421 at once, ``pass``."""
    long_lines: LongLines = "pass"
    """Text lines over 1000 octets: passed with a flag, or 554 5.6.0 at the end."""
    close_on_line_fault: bool = False
    """A command line with bare CR, bare LF or NUL is answered and the connection closed with 421 4.7.0."""
    close_on_pipelined_data: bool = False
    """A refused DATA with more input behind it is answered and the connection closed with 421 (T-PIPE)."""
    forbid_http: bool = True
    """Lines of HTTP before EHLO close with 421 4.7.0: a browser or a confused proxy (T-PIPE)."""
    refuse_early_talk: bool = False
    """Who speaks before the greeting gets a 554 greeting."""

    def __post_init__(self) -> None:
        if not is_helo_name(self.hostname.encode("utf-8")):
            raise ValueError(f"hostname {self.hostname!r} is no domain or address literal")
        for name in self.mechanisms:
            if name not in SERVER_MECHANISMS:
                raise ValueError(f"no SASL mechanism {name!r}; there are {', '.join(SERVER_MECHANISMS)}")
        for name, value, allowed in (
            ("bare_newlines", self.bare_newlines, get_args(BareNewlines)),
            ("long_lines", self.long_lines, get_args(LongLines)),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}")
        if self.require_tls and not (self.starttls or self.implicit_tls):
            raise ValueError("require_tls needs starttls or implicit_tls")
        if self.require_auth and not self.mechanisms:
            raise ValueError("require_auth needs mechanisms")
        if self.banner is not None and not (self.banner.isascii() and self.banner.isprintable()):
            raise ValueError("the banner is printable ASCII")
        if self.dialect is Dialect.LMTP and not self.enhanced_codes:
            raise ValueError("LMTP has enhanced status codes (RFC 2033 5)")
        for tls in (False, True):
            # Built now so that what cannot be announced is an error here and not in the first session.
            self.ehlo_reply(tls=tls)

    @classmethod
    def hardened(cls, **settings: object) -> ServerConfig:
        """The profile for a server that faces the open internet; single settings may be given besides."""
        values: dict[str, object] = {
            "limits": Limits.hardened(),
            "timeouts": Timeouts.hardened(),
            "close_on_pipelined_data": True,
            "refuse_early_talk": True,
        }
        return cls(**{**values, **settings})  # type: ignore[arg-type]

    @cached_property
    def table(self) -> Mapping[bytes, Rule]:
        """The rules of the verbs, those that are off marked."""
        served = {b"STARTTLS": self.starttls, b"AUTH": bool(self.mechanisms), b"HELP": self.help, b"EXPN": self.expn}
        return select(self.dialect, frozenset(verb for verb, on in served.items() if on))

    @cached_property
    def replies(self) -> ServerReplies:
        """The replies that name this server."""
        banner = self.banner if self.banner is not None else "LMTP" if self.dialect is Dialect.LMTP else "ESMTP"
        return ServerReplies(self.hostname, banner, self.table)

    @cached_property
    def tls_barrier(self) -> Barrier:
        """What stands before the commands while TLS is missing (RFC 3207 4)."""
        verbs = frozenset(verb for verb, rule in self.table.items() if rule.before_tls)
        return Barrier(Reply(530, "Must issue a STARTTLS command first", "5.7.0"), verbs)

    @cached_property
    def auth_barrier(self) -> Barrier:
        """What stands before the commands while authentication is missing (RFC 4954 6)."""
        verbs = frozenset(verb for verb, rule in self.table.items() if rule.before_auth)
        return Barrier(Reply(530, "Authentication required", "5.7.0"), verbs)

    def offers(self, mechanism: str, *, tls: bool) -> bool:
        """Whether a SASL mechanism may be used now (RFC 4954 4)."""
        if mechanism not in self.mechanisms:
            return False
        return tls or self.plaintext_auth_without_tls or not SERVER_MECHANISMS[mechanism].plaintext

    def ehlo_reply(self, *, tls: bool, authenticated: bool = False) -> EhloReply:
        """The reply to EHLO: what works now and nothing else (RFC 5321 4.1.1.1)."""
        reply = self._ehlo_replies.get((tls, authenticated))
        if reply is None:
            reply = EhloReply(self.hostname, self._extensions(tls=tls, authenticated=authenticated))
            self._ehlo_replies[tls, authenticated] = reply
        return reply

    @cached_property
    def _ehlo_replies(self) -> dict[tuple[bool, bool], EhloReply]:
        return {}

    def _extensions(self, *, tls: bool, authenticated: bool) -> Extensions:
        # RFC 1870 3: SIZE 0 says that there is no fixed limit.
        announced = {"PIPELINING": "", "SIZE": str(self.limits.max_message_size), "8BITMIME": ""}
        if self.enhanced_codes:
            announced["ENHANCEDSTATUSCODES"] = ""
        if self.starttls and not tls:
            announced["STARTTLS"] = ""
        if not authenticated and (tls or not self.require_tls):
            mechanisms = [name for name in self.mechanisms if self.offers(name, tls=tls)]
            if mechanisms:
                announced["AUTH"] = " ".join(mechanisms)
        if self.expn:
            announced["EXPN"] = ""
        if self.help:
            announced["HELP"] = ""
        return Extensions(announced)
