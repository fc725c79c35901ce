"""Our server: its settings in each setup, and an application like those of the peers."""

from __future__ import annotations

from dataclasses import dataclass, field

from smtpcore import Envelope, Handler, Rcpt, Reply, ServerConfig, ServerSession
from smtpcore.session import Limits
from smtpcore.spec import Dialect
from tests.differential.notation import show
from tests.interop.recording import Store

SIZE = 2000
"""Octets that a message may have, in all servers."""

_SETTINGS: dict[str, dict[str, object]] = {
    "basic": {},
    "tls": {"starttls": True, "mechanisms": ("PLAIN", "LOGIN")},
    "auth": {"mechanisms": ("PLAIN", "LOGIN"), "plaintext_auth_without_tls": True},
    "auth required": {"mechanisms": ("PLAIN", "LOGIN"), "plaintext_auth_without_tls": True, "require_auth": True},
    "tls required": {"starttls": True, "require_tls": True},
    "utf8": {"smtputf8": True},
    "dsn": {"dsn": True},
    "lmtp": {"dialect": Dialect.LMTP},
}
CONFIGS = {
    setup: ServerConfig(hostname="mx.test", limits=Limits(max_message_size=SIZE), **settings)  # type: ignore[arg-type]
    for setup, settings in _SETTINGS.items()
}
_REFUSALS = {"eve": Reply(550, "nobody here", "5.1.1"), "later": Reply(450, "not now", "4.2.1")}


@dataclass
class Application(Handler):
    """Keeps what it gets."""

    taken: list[str] = field(default_factory=list)
    credentials = Store()

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return _REFUSALS.get(rcpt.path.address.partition("@")[0])

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        recipients = [rcpt.path.address for rcpt in envelope.recipients]
        self.taken.append(show(envelope.mail.path.address, recipients, envelope.content))
