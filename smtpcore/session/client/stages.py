"""What all stages of a client session have in common, and the two short ones: a single command, and QUIT."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from smtpcore.client import Sent
from smtpcore.commands import Custom, Etrn, Expn, Help, Noop, Quit, Rset, Vrfy
from smtpcore.errors import LocalProtocolError
from smtpcore.replies import Reply
from smtpcore.session.client.results import Exchange, SessionError

if TYPE_CHECKING:
    from smtpcore.session.client.session import ClientSession
    from smtpcore.tls import TlsInfo

SINGLE: Final = (Custom, Etrn, Expn, Help, Noop, Rset, Vrfy)
"""The commands that may be sent for their reply alone; all others are the session's own."""


class Stage:
    """A part of the dialogue that has begun; it sends by itself and gets the replies to what it has sent.

    A reply is only noted, and what follows from it is sent by ``advance()``: by then all that has come was read, and
    nothing is sent to a server that has said good-bye in the same breath.
    """

    name = ""
    """What it is called in errors."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session
        self._next: Callable[[], None] | None = self.begin

    def begin(self) -> None:
        """Send what comes first."""

    def where(self, sent: Sent | None) -> str:
        """What it is called in errors when this is not answered yet, or this was the last that was."""
        return self.name

    def then(self, action: Callable[[], None]) -> None:
        """Let this be the next that is done."""
        self._next = action

    @property
    def waits(self) -> bool:
        """Whether it is the application's turn."""
        return False

    def advance(self) -> bool:
        """Send what can be sent now; whether there was anything to do."""
        action, self._next = self._next, None
        if action is None:
            return False
        action()
        return True

    def answered(self, event: Sent | None, reply: Reply) -> None:
        """A reply came to something that was sent; None stands for the greeting."""

    def secured(self, info: TlsInfo) -> None:
        """A TLS layer is on."""

    def lost(self, error: SessionError) -> None:
        """Nothing more can be sent, and no reply will come."""


class Single(Stage):
    """One command for its reply."""

    name = "command"

    def __init__(self, session: ClientSession, exchange: Exchange) -> None:
        super().__init__(session)
        self._exchange = exchange

    def begin(self) -> None:
        """Send it, unless it cannot be sent."""
        try:
            self.session.send(self._exchange.command)
        except LocalProtocolError as error:
            self._exchange.error = error
            self._end()

    def answered(self, event: Sent | None, reply: Reply) -> None:
        """This is it."""
        self._exchange.reply = reply
        self._end()

    def lost(self, error: SessionError) -> None:
        """There will be none."""
        self._exchange.fail(error)

    def _end(self) -> None:
        self._exchange.done = True
        self.session.go_to(None)


class Leave(Stage):
    """QUIT, and the wait for its reply (RFC 5321 4.1.1.10)."""

    name = "quit"

    def begin(self) -> None:
        """Send it."""
        self.session.send(Quit())

    def answered(self, event: Sent | None, reply: Reply) -> None:
        """Whatever it says, the connection ends."""
        self.session.end()
