"""Watching a session: what an observer is told, secrets already gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpcore.proxy import ProxyHeader
from smtpcore.replies import Reply
from smtpcore.tls import TlsInfo

if TYPE_CHECKING:
    from smtpcore.session.server import ServerSession


class Observer:
    """Is told what happens in a session; transcripts, log lines and counters are observers.

    It cannot change anything. What it raises is the caller's to see: an observer must not fail.
    """

    def opened(self, session: ServerSession) -> None:
        """The session begins; nothing was said yet."""

    def proxied(self, session: ServerSession, header: ProxyHeader) -> None:
        """A PROXY header came; ``session.peer`` is who it names, ``session.transport_peer`` who sent it."""

    def received(self, session: ServerSession, verb: str, line: str) -> None:
        """A line came in.

        Args:
            session: The session.
            verb: The verb in upper case, ``=`` for a SASL response, ``?`` for what is no command.
            line: The line as printable ASCII, secrets replaced by ``<hidden>``.
        """

    def content(self, session: ServerSession, size: int) -> None:
        """The content of a message is complete; its size in octets."""

    def replied(self, session: ServerSession, verb: str, reply: Reply) -> None:
        """A reply was made; a challenge of SASL is shown without its text.

        Args:
            session: The session.
            verb: What is answered: a verb, ``=``, ``?``, ``.`` for the end of the content,
                ``(greeting)``, or ``(unasked)``.
            reply: The reply as it is sent.
        """

    def secured(self, session: ServerSession, tls: TlsInfo) -> None:
        """A TLS layer is on."""

    def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
        """A hook of the application raised, was too late, or answered what its command cannot have."""

    def closed(self, session: ServerSession, cause: BaseException | None) -> None:
        """The session is over; None for an end in good order."""


class Observers(Observer):
    """Several observers as one, told in order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def opened(self, session: ServerSession) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.opened(session)

    def proxied(self, session: ServerSession, header: ProxyHeader) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.proxied(session, header)

    def received(self, session: ServerSession, verb: str, line: str) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.received(session, verb, line)

    def content(self, session: ServerSession, size: int) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.content(session, size)

    def replied(self, session: ServerSession, verb: str, reply: Reply) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.replied(session, verb, reply)

    def secured(self, session: ServerSession, tls: TlsInfo) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.secured(session, tls)

    def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.fault(session, stage, exception)

    def closed(self, session: ServerSession, cause: BaseException | None) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.closed(session, cause)
