"""XCLIENT: a trusted front says who the client really is, and the session begins anew as theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from smtpcore.commands import Xclient
from smtpcore.commands.attributes import Attribute
from smtpcore.replies import Reply
from smtpcore.sasl import Identity
from smtpcore.session.barriers import raise_barrier
from smtpcore.session.opening import greeting
from smtpcore.session.peer import Peer
from smtpcore.session.replies import NOT_TRUSTED

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def received(session: ServerSession, command: Xclient) -> None:
    """Take the identity, if the peer may give one, and ask the application about it."""
    # Trust is a matter of who is really there, behind a balancer too; what was claimed before counts for nothing.
    if session.front not in session.config.xclient_peers or session.claimed:
        session.reply(session.config.replies.too_many if session.budget.error() else NOT_TRUSTED)
        return
    session.claimed = command.attributes
    session.peer = _peer(session, command.attributes)
    login = command.attributes.get("LOGIN")
    session.identity = Identity(login, mechanism="XCLIENT") if isinstance(login, str) else None
    session.helo = None
    if "connect" in session.overridden:
        session.call("connect", session.handler.connect, session, then=lambda answer: answered(session, answer))
    else:
        answered(session, None)


def answered(session: ServerSession, answer: object) -> None:
    """Greet again; who is refused now is refused for good, since the identity has changed already."""
    reply = greeting(session, answer)
    if not reply.positive:
        session.reply(Reply(reply.code, reply.lines, reply.enhanced, close=True))
        return
    session.reply(reply)
    session.connection.dialogue.authenticated = session.identity is not None
    raise_barrier(session)


def _peer(session: ServerSession, given: Mapping[str, Attribute]) -> Peer:
    """The endpoints, with those in place of the real ones that the front tells."""
    peer = session.peer
    host, port = given.get("ADDR", peer.host), given.get("PORT", peer.port)
    local_host, local_port = given.get("DESTADDR", peer.local_host), given.get("DESTPORT", peer.local_port)
    return Peer(
        host if isinstance(host, str) else None,
        port if isinstance(port, int) else None,
        local_host if isinstance(local_host, str) else None,
        local_port if isinstance(local_port, int) else None,
    )
