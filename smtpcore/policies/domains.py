"""Recipients of certain domains only: what keeps a server from being an open relay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from smtpcore.commands import Rcpt
from smtpcore.handler import Handler
from smtpcore.replies import Reply

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession

_REFUSED = Reply(550, "Relaying denied", "5.7.1")


class AllowedDomains(Handler):
    """Accepts recipients of the given domains, and ``<Postmaster>`` (RFC 5321 4.5.1).

    Args:
        domains: Compared without regard to the case of ASCII letters. A domain does not include the ones under it.
        authenticated: Who has authenticated may send anywhere.

    Raises:
        ValueError: A domain is not ASCII; write it as A-labels.
    """

    def __init__(self, domains: Iterable[str], *, authenticated: bool = True) -> None:
        self._domains = frozenset(domain.lower() for domain in domains)
        self._authenticated = authenticated
        for domain in self._domains:
            if not domain.isascii():
                raise ValueError(f"the domain {domain!r} is not ASCII; write it as A-labels")

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        """Look at the domain."""
        path = rcpt.path
        if path.is_postmaster or (path.domain.isascii() and path.domain.lower() in self._domains):
            return None
        return None if self._authenticated and session.identity is not None else _REFUSED
