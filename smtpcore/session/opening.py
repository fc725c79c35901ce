"""What comes before the dialogue, in this order.

PROXY header, gate, TLS from the first octet, connect, early talk, greeting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpcore.commands.attributes import NO_ATTRIBUTES
from smtpcore.errors import ParseError
from smtpcore.events import EarlyTalk
from smtpcore.proxy import ProxyEndpoint, ProxyHeader, ProxyReader, ProxySource
from smtpcore.refusals import Barrier
from smtpcore.replies import Reply
from smtpcore.session.barriers import raise_barrier
from smtpcore.session.gate import Admission
from smtpcore.session.peer import Peer
from smtpcore.session.steps import RECEIVE, Step
from smtpcore.tls import TlsInfo

_ADMITTED: Final = Admission.ADMITTED

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


def begin(session: ServerSession) -> Step | None:
    """Hear whom a proxy speaks for, where one is expected."""
    if session.observer is not None:
        session.observer.opened(session)
    config = session.config
    if not config.proxy_networks:
        return admit(session)
    if session.transport_peer in config.proxies:
        session.timers.start("proxy_header", session.monotonic(), config.timeouts.proxy_header)
        reader = ProxyReader(config.limits.max_proxy_header)
        session.enter(lambda: _proxy(session, reader))
    else:
        # T-PROXY: whoever may not speak for others is not served at all. It must not pass the proxy by.
        _refuse(session, PermissionError("this peer may not speak PROXY, and nothing else is served"))
    return None


def _proxy(session: ServerSession, reader: ProxyReader) -> Step | None:
    """Read the PROXY header."""
    try:
        header = reader.feed(session.take_held())
    except ParseError as fault:
        _refuse(session, fault)
        return None
    if session.peer_gone and (header is None or session.config.implicit_tls):
        _refuse(session, EOFError("the input ended before the dialogue could begin"))
        return None
    if header is None:
        return RECEIVE
    session.timers.stop("proxy_header")
    session.proxied(header, _claimed(header, session.transport_peer), reader.rest)
    if session.observer is not None:
        session.observer.proxied(session, header)
    session.enter(lambda: admit(session))
    return None


def _refuse(session: ServerSession, cause: Exception) -> None:
    # Nothing is said: the header is no dialogue, and the other end may be anything.
    session.cause = cause
    session.cut()


def _claimed(header: ProxyHeader, real: Peer) -> Peer:
    """Who is served: whom the header names, or the proxy itself if it names nobody."""
    if header.source is None:
        return real
    return Peer(*_endpoint(header.source), *_endpoint(header.destination))


def _endpoint(end: ProxySource | None) -> tuple[str | None, int | None]:
    # As adapters have it: a unix socket has no address.
    return (end.host, end.port) if isinstance(end, ProxyEndpoint) else (None, None)


def admit(session: ServerSession) -> Step | None:
    """Ask the gate."""
    admission = _ADMITTED
    if session.gate is not None:
        admission = session.gate.admit(session.peer)
        if admission is _ADMITTED:
            # Kept, for the gate has to be released with the very peer that it counted.
            session.admitted = session.peer
    implicit = session.config.implicit_tls
    if admission is not _ADMITTED:
        if implicit:
            # Nothing in clear text may be said on such a port.
            session.cut()
        else:
            replies = session.config.replies
            # Nothing was read that could be in the way of this reply, and nobody who is over a limit is waited for.
            session._graceful = False
            session.end(replies.full if admission is Admission.FULL else replies.full_here)
        return None
    if not implicit:
        return connect(session)
    session.enter(session.hand_over)
    return None


def connect(session: ServerSession) -> Step | None:
    """Ask the application."""
    session.enter(lambda: None)
    if "connect" in session.overridden:
        session.call("connect", session.handler.connect, session, then=lambda answer: _connected(session, answer))
    else:
        _connected(session, None)
    return None


def greeting(session: ServerSession, answer: object) -> Reply:
    """What ``connect`` has answered, as the greeting that says so."""
    replies = session.config.replies
    if answer is None:
        return replies.greeting
    if isinstance(answer, Reply) and answer.code == 521 and session.config.submission:
        # RFC 6409 7: a submission server that takes no mail is none, so it cannot say that it never does.
        return replies.named(Reply(554, answer.lines, close=answer.close))
    if isinstance(answer, Reply) and (answer.code == 220 or answer.code >= 400):
        return replies.named(answer)
    return session.fault("connect", TypeError("connect answers None, 220 or a refusal"))


def _connected(session: ServerSession, answer: object) -> None:
    reply = greeting(session, answer)
    session.timers["greeting"] = session.monotonic() + session.config.timeouts.greeting_delay
    session.enter(lambda: _listen(session, reply))


def _listen(session: ServerSession, reply: Reply) -> Step | None:
    """Hear whether the peer talks early, then greet."""
    early = isinstance(session.connection.next_event(), EarlyTalk)
    if not early and "greeting" in session.timers and not session.peer_gone:
        return RECEIVE
    session.timers.stop("greeting")
    if early:
        session.early_talk = session.pipelined_early = True
        if session.config.refuse_early_talk and reply.positive:
            reply = session.config.replies.early_talk
    session.enter(session.dialogue)
    if session.reply(reply).code == 521:
        # RFC 7504 3: whoever goes on is told so again.
        session.connection.barrier = Barrier(reply, frozenset((b"QUIT",)))
    return None


def secured(session: ServerSession, info: TlsInfo) -> None:
    """The TLS layer is on; its application may find it too weak (RFC 3207 4.1)."""
    session.tls = info
    implicit = session.config.implicit_tls
    if not implicit:
        # RFC 3207 4.2: whatever was learnt in clear text is forgotten, what a front has told too (T-TLS).
        session.connection.start_tls()
        session.helo = None
        session.identity = None
        session.peer = session.front
        session.claimed = session.forwarded = NO_ATTRIBUTES
        raise_barrier(session)
    if session.observer is not None:
        session.observer.secured(session, info)
    if implicit:
        session.enter(lambda: connect(session))
    else:
        session.enter(session.dialogue)
    if "secured" in session.overridden:
        session.call("secured", session.handler.secured, session, info, then=lambda answer: _judged(session, answer))


def _judged(session: ServerSession, answer: object) -> None:
    if answer is None or (isinstance(answer, Reply) and answer.positive):
        return
    if not isinstance(answer, Reply) or answer.intermediate:
        answer = session.fault("secured", TypeError("secured answers None or a refusal"))
    if answer.close:
        # On a TLS port it is the greeting, with the server's name in it.
        session.end(session.config.replies.named(answer) if session.config.implicit_tls else answer)
        return
    session.insecure = Barrier(answer, frozenset((b"QUIT",)))
    raise_barrier(session)
