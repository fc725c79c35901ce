"""TLS or authentication before a certain stage, where the whole session need not have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from smtpcore.commands import Mail, Rcpt
from smtpcore.handler import Handler
from smtpcore.replies import Reply

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

_NO_TLS = Reply(530, "Must issue a STARTTLS command first", "5.7.0")
_NO_AUTH = Reply(530, "Authentication required", "5.7.0")


class Require(Handler):
    """Refuses 530 what comes without TLS or without authentication.

    ``ServerConfig.require_tls`` and ``require_auth`` close the session to everything else; this one closes
    a stage, for instance to let mail for this host in from anybody and refuse the rest.

    Args:
        stage: ``mail``: no transaction; ``rcpt``: no recipient. Behind other members of a ``Chain`` that
            accept some recipients by themselves it would come too late: put it first.
        tls: TLS is required.
        auth: Authentication is required.
    """

    def __init__(self, stage: Literal["mail", "rcpt"] = "mail", *, tls: bool = False, auth: bool = False) -> None:
        self._stage = stage
        self._tls = tls
        self._auth = auth

    def mail(self, session: ServerSession, mail: Mail) -> Reply | None:
        """Look at the session, if this is the stage."""
        return self._judge(session) if self._stage == "mail" else None

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        """Look at the session, if this is the stage."""
        return self._judge(session) if self._stage == "rcpt" else None

    def _judge(self, session: ServerSession) -> Reply | None:
        if self._tls and session.tls is None:
            return _NO_TLS
        if self._auth and session.identity is None:
            return _NO_AUTH
        return None
