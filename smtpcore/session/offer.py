"""What a server announces to whom: the reply to EHLO, and what stands in it (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from smtpcore.commands import xclient, xforward
from smtpcore.extensions import Extensions
from smtpcore.params import timestamp
from smtpcore.replies import EhloReply
from smtpcore.session.limits import Limits
from smtpcore.tls import TlsInfo

if TYPE_CHECKING:
    from smtpcore.session.config import ServerConfig

_HIGHEST_LIMIT: Final = 999_999


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that the announcement of one configuration depends on."""

    tls: bool = False
    """There is a TLS layer."""
    mechanisms: tuple[str, ...] = ()
    """The SASL mechanisms that may be used now."""
    xclient: bool = False
    """The peer may use XCLIENT."""
    xforward: bool = False
    """The peer may use XFORWARD."""
    hold_until: datetime | None = None
    """The last moment until which a message may be held."""


class Offer:
    """The announcements of one configuration, each made once."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._replies: dict[Circumstances, EhloReply] = {}

    def mechanisms(self, *, tls: bool, info: TlsInfo | None = None) -> tuple[str, ...]:
        """The SASL mechanisms that may be used now (RFC 4954 4).

        Args:
            tls: There is a TLS layer.
            info: What is known of it: some mechanisms need a client certificate or channel binding data.
        """
        config = self._config
        clear = tls or config.plaintext_auth_without_tls
        return tuple(
            name for name, kind in config.mechanism_types.items() if (clear or not kind.plaintext) and kind.usable(info)
        )

    def reply(self, circumstances: Circumstances) -> EhloReply:
        """The reply to EHLO: what works now and nothing else."""
        reply = self._replies.get(circumstances)
        if reply is None:
            reply = EhloReply(self._config.hostname, self._extensions(circumstances))
            # What tells a time is another reply every second, and would never be used again.
            if circumstances.hold_until is None:
                self._replies[circumstances] = reply
        return reply

    def _extensions(self, now: Circumstances) -> Extensions:
        config = self._config
        # RFC 1870 3: SIZE 0 says that there is no fixed limit.
        announced = {"PIPELINING": "", "SIZE": str(config.limits.max_message_size), "8BITMIME": ""}
        if config.enhanced_codes:
            announced["ENHANCEDSTATUSCODES"] = ""
        if config.chunking:
            announced["CHUNKING"] = ""
        if config.binarymime:
            announced["BINARYMIME"] = ""
        # Not within TLS, not even that which came by XCLIENT's front (RFC 3207 4.2).
        if config.starttls and not now.tls:
            announced["STARTTLS"] = ""
        if now.mechanisms:
            announced["AUTH"] = " ".join(now.mechanisms)
        announced.update(self._for_messages(now))
        if config.expn:
            announced["EXPN"] = ""
        if config.help:
            announced["HELP"] = ""
        if config.etrn and not config.submission:
            announced["ETRN"] = ""
        for extension in config.extensions:
            announced[extension.keyword] = extension.text
        if now.xclient:
            announced["XCLIENT"] = " ".join(xclient.ATTRIBUTES)
        if now.xforward:
            announced["XFORWARD"] = " ".join(xforward.ATTRIBUTES)
        return Extensions(announced, custom=config.extensions)

    def _for_messages(self, now: Circumstances) -> Iterator[tuple[str, str]]:
        """What may be asked for a message or a recipient; all of it is off unless configured."""
        config = self._config
        for keyword, on in (
            ("DSN", config.dsn),
            ("SMTPUTF8", config.smtputf8),
            ("REQUIRETLS", config.requiretls and now.tls),
            ("RRVS", config.rrvs),
            ("MTRK", config.mtrk),
            ("SUBMITTER", config.submitter),
            ("CONPERM", config.conperm),
            ("CONNEG", config.conneg),
        ):
            if on:
                yield keyword, ""
        if config.announce_limits and (limits := _limits(config.limits)):
            yield "LIMITS", limits
        if config.deliver_by:
            yield "DELIVERBY", "" if config.min_by_time is None else str(config.min_by_time)
        if now.hold_until is not None:
            yield "FUTURERELEASE", f"{config.future_release} {timestamp.encode(now.hold_until).decode('ascii')}"
        if config.mt_priority:
            yield "MT-PRIORITY", config.mt_priority_policy
        if config.no_soliciting is not None:
            yield "NO-SOLICITING", ",".join(config.no_soliciting)


def _limits(limits: Limits) -> str:
    # RFC 9422: a number of one to six digits, and never 0. What cannot be said is not announced.
    numbers = {"RCPTMAX": limits.max_recipients, "MAILMAX": limits.max_transactions}
    return " ".join(f"{name}={number}" for name, number in numbers.items() if number and number <= _HIGHEST_LIMIT)
