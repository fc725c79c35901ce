"""The settings of a server, and all that follows from them alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Literal, get_args

from smtpcore.commands import READERS, Custom, Reader
from smtpcore.custom import CustomExtension, CustomVerb
from smtpcore.dialogue import select
from smtpcore.errors import ParseError
from smtpcore.leniencies import Leniencies
from smtpcore.params import soliciting
from smtpcore.params.deliverby import LONGEST_TIME
from smtpcore.params.futurerelease import LONGEST_HOLD
from smtpcore.paths import is_helo_name
from smtpcore.refusals import Barrier
from smtpcore.replies import Reply
from smtpcore.sasl import SERVER_MECHANISMS, ServerMechanism, TokenError
from smtpcore.sasl.keys import ITERATIONS
from smtpcore.sasl.scram import ScramServer
from smtpcore.session.limits import Limits
from smtpcore.session.networks import Networks
from smtpcore.session.offer import Circumstances, Offer
from smtpcore.session.replies import ServerReplies
from smtpcore.session.timeouts import Timeouts
from smtpcore.spec import Dialect, Rule

BareNewlines = Literal["reject", "close", "pass"]
LongLines = Literal["pass", "reject"]

_POLICY = re.compile(r"[A-Za-z0-9._-]{1,20}")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
_SMTP_PORT = 25
_SECRET = 16
"""Octets of a secret that cannot be guessed."""


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """The settings, the same for all sessions of a server. Make one and share it.

    Raises:
        ValueError: Settings that contradict each other or the protocol.
    """

    hostname: str = "localhost"
    """The server's own name, a domain or an address literal: first in the greeting (RFC 5321 4.3.1)."""
    dialect: Dialect = Dialect.SMTP
    """SMTP, or LMTP for delivery within a site (RFC 2033); see ``lmtp_on_port_25``."""
    lmtp_on_port_25: bool = False
    """LMTP may be served on port 25 all the same, where SMTP clients will call in vain (RFC 2033 5)."""
    banner: str | None = None
    """Text behind the name in the greeting; ``ESMTP`` or ``LMTP`` by default. It tells no version (T-HARVEST)."""
    limits: Limits = field(default_factory=Limits)
    """How much of everything a session puts up with."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    """How long it waits for what."""
    leniencies: Leniencies = field(default_factory=Leniencies)
    """What is read beyond the grammar."""
    starttls: bool = False
    """STARTTLS is offered; the adapter has to have a certificate."""
    implicit_tls: bool = False
    """TLS from the first octet (RFC 8314 3.3)."""
    xclient_networks: Sequence[str] = ()
    """Who may say by XCLIENT who the client really is, as ``Networks`` reads it; nobody: the verb is unknown."""
    xforward_networks: Sequence[str] = ()
    """Who may say by XFORWARD, for the logs, where a message came from; nobody: the verb is unknown."""
    proxy_networks: Sequence[str] = ()
    """Who has to begin each connection with a PROXY header, as ``Networks`` reads it: ``("192.0.2.0/28", "unix")``.
    Nobody else is served then, nor is anyone without a valid header; empty, PROXY is a command that nobody knows."""
    require_tls: bool = False
    """530 to everything but NOOP, EHLO, STARTTLS and QUIT before TLS. Not for a public port 25 (RFC 3207 4)."""
    mechanisms: Sequence[str] = ()
    """The SASL mechanisms on offer, in the order in which they are announced: the best first; none, no AUTH."""
    custom_mechanisms: Sequence[type[ServerMechanism]] = ()
    """Mechanisms of the application's own, which ``mechanisms`` may name then; one may take the place of ours."""
    sasl_secret: bytes = field(default=b"", repr=False)
    """At least 16 octets that only this server knows, the same after a restart. SCRAM needs it: salts for users
    who do not exist are made of it, so that nobody can tell them from those who do."""
    scram_iterations: int = ITERATIONS
    """The iteration count of the users who exist, for those who do not."""
    token_error: TokenError = field(default_factory=TokenError)
    """What OAUTHBEARER and XOAUTH2 tell a client whose token is refused without a reason."""
    plaintext_auth_without_tls: bool = False
    """Offer and take in clear text the mechanisms that send a password or token itself: PLAIN, LOGIN and others."""
    require_auth: bool = False
    """530 to MAIL and others before AUTH has succeeded (RFC 4954 6)."""
    help: bool = True
    """HELP is announced and served."""
    expn: bool = False
    """EXPN is announced and served by the handler's hook."""
    etrn: bool = False
    """ETRN is announced and served by the handler's hook (RFC 1985); never on a submission port."""
    extensions: Sequence[CustomExtension] = ()
    """The application's own keywords, verbs and parameters (RFC 5321 2.2.2)."""
    enhanced_codes: bool = True
    """ENHANCEDSTATUSCODES (RFC 2034)."""
    chunking: bool = True
    """CHUNKING: content in counted chunks by BDAT, beside DATA (RFC 3030)."""
    submission: bool = False
    """A message submission server (RFC 6409): what belongs on its ports only may be offered, 521 is no greeting."""
    dsn: bool = False
    """DSN: clients say which notifications they want; to write them is for the application (RFC 3461)."""
    smtputf8: bool = False
    """SMTPUTF8: addresses and header sections with UTF-8, for an application that can store them (RFC 6531)."""
    requiretls: bool = False
    """REQUIRETLS within TLS, for an application that passes such messages on over verified TLS only (RFC 8689)."""
    announce_limits: bool = False
    """LIMITS: clients are told of ``max_recipients`` and ``max_transactions`` (RFC 9422). Every RCPT counts against
    the first then, refused or not."""
    deliver_by: bool = False
    """DELIVERBY: messages that are to be delivered in time (RFC 2852)."""
    min_by_time: int | None = None
    """Seconds that ``BY=...;R`` has to leave at least, announced with DELIVERBY. Less: 555 5.5.4."""
    future_release: int | None = None
    """FUTURERELEASE: seconds for which a submitted message may be held, 1 to 999999999 (RFC 4865). More: 501 5.5.4."""
    mt_priority: bool = False
    """MT-PRIORITY: messages with a priority (RFC 6710)."""
    mt_priority_policy: str = ""
    """The name of the priority assignment policy, announced with MT-PRIORITY (RFC 6710 9.2)."""
    rrvs: bool = False
    """RRVS: recipients whose mailbox must not have changed hands (RFC 7293)."""
    no_soliciting: Sequence[str] | None = None
    """NO-SOLICITING with the solicitation class keywords that nobody here wants, perhaps none; None: not offered
    (RFC 3865)."""
    mtrk: bool = False
    """MTRK: messages that can be tracked (RFC 3885). Needs ``dsn``."""
    submitter: bool = False
    """SUBMITTER: the client names who is responsible for the message (RFC 4405)."""
    conperm: bool = False
    """CONPERM: content may be converted where it permits that itself (RFC 4141 4)."""
    conneg: bool = False
    """CONNEG: the hook ``rcpt`` answers with what content the recipient can take (RFC 4141 5)."""
    binarymime: bool = False
    """BINARYMIME: content without lines, by BDAT only (RFC 3030 3); needs ``chunking``."""
    bare_newlines: BareNewlines = "reject"
    """Bare CR, bare LF or NUL in content: ``reject`` 554 5.6.0 at the end, ``close`` 421 at once, ``pass``."""
    bare_newlines_bdat: BareNewlines = "reject"
    """The same for content that comes by BDAT, which nobody can smuggle through on the way in."""
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
        self._check_mechanisms()
        self._check_extensions()
        for name, value, allowed in (
            ("bare_newlines", self.bare_newlines, get_args(BareNewlines)),
            ("bare_newlines_bdat", self.bare_newlines_bdat, get_args(BareNewlines)),
            ("long_lines", self.long_lines, get_args(LongLines)),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}")
        if self.require_tls and not (self.starttls or self.implicit_tls):
            raise ValueError("require_tls needs starttls or implicit_tls")
        if self.require_auth and not self.mechanisms:
            raise ValueError("require_auth needs mechanisms")
        for networks in (self.proxy_networks, self.xclient_networks, self.xforward_networks):
            Networks(networks)
        if self.banner is not None and not (self.banner.isascii() and self.banner.isprintable()):
            raise ValueError("the banner is printable ASCII")
        if self.dialect is Dialect.LMTP and not self.enhanced_codes:
            raise ValueError("LMTP has enhanced status codes (RFC 2033 5)")
        for tls, mechanisms in ((False, self.offer.mechanisms(tls=False)), (True, tuple(self.mechanism_types))):
            # Built now so that what cannot be announced is an error here and not in the first session.
            self.offer.reply(Circumstances(tls, mechanisms))

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

    @classmethod
    def for_mx(cls, **settings: object) -> ServerConfig:
        """The hardened profile with STARTTLS and without AUTH: a host that takes mail from anybody."""
        return cls.hardened(**{"starttls": True, **settings})

    @classmethod
    def for_submission(cls, **settings: object) -> ServerConfig:
        """The hardened profile of a message submission server: nothing before TLS and AUTH but these (RFC 6409)."""
        values = {"submission": True, "starttls": True, "mechanisms": ("PLAIN",), "require_auth": True, "dsn": True}
        return cls.hardened(**{**values, **settings})

    def check_port(self, port: int | None) -> None:
        """Adapters ask, before they listen, whether these settings may be served on a TCP port; None is no port.

        Raises:
            ValueError: LMTP on port 25, which belongs to SMTP (RFC 2033 5).
        """
        if port == _SMTP_PORT and self.dialect is Dialect.LMTP and not self.lmtp_on_port_25:
            raise ValueError("LMTP is not served on port 25 (RFC 2033 5); set lmtp_on_port_25 if it has to be")

    @cached_property
    def proxies(self) -> Networks:
        """The peers that may speak for others by a PROXY header."""
        return Networks(self.proxy_networks)

    @cached_property
    def table(self) -> Mapping[bytes, Rule]:
        """The rules of the verbs, those that are off marked."""
        served = {
            b"STARTTLS": self.starttls,
            b"AUTH": bool(self.mechanisms),
            b"BDAT": self.chunking,
            b"HELP": self.help,
            # RFC 6409 7: not on a submission port.
            b"ETRN": self.etrn and not self.submission,
            b"XCLIENT": bool(self.xclient_networks),
            b"XFORWARD": bool(self.xforward_networks),
            b"EXPN": self.expn,
        }
        table = select(self.dialect, frozenset(verb for verb, on in served.items() if on))
        return {**table, **{verb.name.encode(): verb.rule() for verb in self._custom_verbs}}

    @cached_property
    def readers(self) -> Mapping[bytes, Reader]:
        """What reads the arguments of the verbs."""
        return {**READERS, **{verb.name.encode(): partial(Custom.read, verb.name) for verb in self._custom_verbs}}

    @cached_property
    def _custom_verbs(self) -> Sequence[CustomVerb]:
        return [verb for extension in self.extensions for verb in extension.verbs]

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

    @cached_property
    def withheld(self) -> Mapping[tuple[bytes, bytes], Reply]:
        """The answers to parameters that would be in force after another command."""
        if not self.requiretls:
            return {}
        return {(b"MAIL", b"REQUIRETLS"): Reply(530, "REQUIRETLS is for use within TLS", "5.7.0")}

    @cached_property
    def mechanism_types(self) -> Mapping[str, type[ServerMechanism]]:
        """What is behind the names in ``mechanisms``, in their order."""
        known = {**SERVER_MECHANISMS, **{kind.name: kind for kind in self.custom_mechanisms}}
        return {name: known[name] for name in self.mechanisms if name in known}

    @cached_property
    def offer(self) -> Offer:
        """What is announced to whom."""
        return Offer(self)

    @cached_property
    def xclient_peers(self) -> Networks:
        """Who may use XCLIENT."""
        return Networks(self.xclient_networks)

    @cached_property
    def xforward_peers(self) -> Networks:
        """Who may use XFORWARD."""
        return Networks(self.xforward_networks)

    def _check_extensions(self) -> None:
        if self.submission and self.dialect is Dialect.LMTP:
            raise ValueError("LMTP is no submission protocol")
        if self.requiretls and not (self.starttls or self.implicit_tls):
            raise ValueError("requiretls needs starttls or implicit_tls (RFC 8689 2)")
        if self.min_by_time is not None and not (self.deliver_by and 0 <= self.min_by_time <= LONGEST_TIME):
            raise ValueError(f"min_by_time is 0 to {LONGEST_TIME} seconds, and needs deliver_by (RFC 2852 2)")
        if self.future_release is not None:
            if not self.submission:
                raise ValueError("future_release is for submission servers only (RFC 4865 4.2)")
            if not 1 <= self.future_release <= LONGEST_HOLD:
                raise ValueError(f"future_release is 1 to {LONGEST_HOLD} seconds (RFC 4865 3)")
        if self.mt_priority_policy and not (self.mt_priority and _POLICY.fullmatch(self.mt_priority_policy)):
            raise ValueError("mt_priority_policy is a name of 1 to 20 characters, and needs mt_priority (RFC 6710 7)")
        if self.no_soliciting:
            try:
                soliciting.parse(",".join(self.no_soliciting).encode("utf-8"))
            except ParseError as error:
                raise ValueError(f"no_soliciting: {error} (RFC 3865 2.2)") from None

    def _check_mechanisms(self) -> None:
        if isinstance(self.mechanisms, str):
            raise ValueError("mechanisms is a sequence of names, not one string")
        for kind in self.custom_mechanisms:
            if not _MECHANISM.fullmatch(kind.name):
                raise ValueError(f"no name for a SASL mechanism: {kind.name!r} (RFC 4422 3.1)")
        for name in self.mechanisms:
            if name not in self.mechanism_types:
                raise ValueError(f"no SASL mechanism {name!r}; there are {', '.join(SERVER_MECHANISMS)}")
        if len(self.mechanism_types) != len(self.mechanisms):
            raise ValueError("a SASL mechanism is named twice")
        scram = any(issubclass(kind, ScramServer) for kind in self.mechanism_types.values())
        if scram and len(self.sasl_secret) < _SECRET:
            raise ValueError(f"SCRAM needs a sasl_secret of at least {_SECRET} octets")
        if self.scram_iterations < 1:
            raise ValueError("scram_iterations is at least 1; RFC 5802 5.1 asks for 4096")
