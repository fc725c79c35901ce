"""What a server announces to whom: the reply to EHLO, and what stands in it (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smtpcore.commands import xclient, xforward
from smtpcore.extensions import Extensions
from smtpcore.replies import EhloReply
from smtpcore.tls import TlsInfo

if TYPE_CHECKING:
    from smtpcore.session.config import ServerConfig


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
        # Not within TLS, not even that which came by XCLIENT's front (RFC 3207 4.2).
        if config.starttls and not now.tls:
            announced["STARTTLS"] = ""
        if now.mechanisms:
            announced["AUTH"] = " ".join(now.mechanisms)
        if config.expn:
            announced["EXPN"] = ""
        if config.help:
            announced["HELP"] = ""
        if config.etrn:
            announced["ETRN"] = ""
        if now.xclient:
            announced["XCLIENT"] = " ".join(xclient.ATTRIBUTES)
        if now.xforward:
            announced["XFORWARD"] = " ".join(xforward.ATTRIBUTES)
        return Extensions(announced)
