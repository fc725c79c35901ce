"""Watching a client session: what an observer is told, secrets already gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smtpcore.replies import Reply
from smtpcore.session.client.results import Result
from smtpcore.session.redaction import HIDDEN, escape
from smtpcore.tls import TlsInfo

if TYPE_CHECKING:
    from smtpcore.session.client.session import ClientSession


class ClientObserver:
    """Is told what happens in a client session. It cannot change anything, and must not fail."""

    def sent(self, session: ClientSession, line: str) -> None:
        """A command was made.

        Args:
            session: The session.
            line: The line as printable ASCII, secrets replaced by ``<hidden>``.
        """

    def content(self, session: ClientSession, size: int) -> None:
        """So many octets of content were made ready to be sent, stuffing counted."""

    def replied(self, session: ClientSession, reply: Reply) -> None:
        """A reply came; a challenge of SASL is shown without its text."""

    def secured(self, session: ClientSession, tls: TlsInfo) -> None:
        """A TLS layer is on."""

    def settled(self, session: ClientSession, result: Result) -> None:
        """What becomes of a message for one recipient is known."""

    def closed(self, session: ClientSession, cause: BaseException | None) -> None:
        """The session is over; None for an end in good order."""


class ClientTranscript(ClientObserver):
    """The dialogue line by line, ``C:`` and ``S:``, secrets already gone, content as its size only.

    Args:
        write: Takes a line of printable ASCII without a line end.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def sent(self, session: ClientSession, line: str) -> None:
        """Write it."""
        self._write(f"C: {line}")

    def content(self, session: ClientSession, size: int) -> None:
        """Write how much it is."""
        self._write(f"C: <{size} octets of content>")

    def replied(self, session: ClientSession, reply: Reply) -> None:
        """Write each line of it."""
        enhanced = f"{reply.enhanced} " if reply.enhanced is not None else ""
        last = len(reply.lines) - 1
        for number, line in enumerate(reply.lines):
            text = HIDDEN if reply.code == 334 else escape(line.encode("utf-8"))
            self._write(f"S: {reply.code}{' ' if number == last else '-'}{enhanced}{text}")

    def secured(self, session: ClientSession, tls: TlsInfo) -> None:
        """Write the version and the cipher."""
        self._write(f"-- {tls.version} {tls.cipher}{'' if tls.peer_verified else ', certificate not verified'}")

    def closed(self, session: ClientSession, cause: BaseException | None) -> None:
        """Write why it ended."""
        self._write(
            "-- closed" if cause is None else f"-- closed: {escape(str(cause).encode('utf-8', 'backslashreplace'))}"
        )
