"""What the tests of the kit say and expect, and the application behind the servers they test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from smtpcore.commands import Rcpt
from smtpcore.handler import BodySink, CredentialStore, Handler
from smtpcore.replies import Reply
from smtpcore.session import Envelope, Observer, ServerSession

from .servers import Connect, Running

EHLO = b"EHLO c.test\r\n"
TRANSACTION = b"MAIL FROM:<ann@a.test>\r\nRCPT TO:<bob@b.test>\r\n"
MESSAGE = b"Subject: hello\r\n\r\n..dotted\r\nlast line\r\n"
CONTENT = MESSAGE.replace(b"..", b".")
DELIVERY = TRANSACTION + b"DATA\r\n" + MESSAGE + b".\r\n"
LOCAL = ("127.0.0.0/8", "::1", "unix")
"""The networks of the tests themselves; a pipe in memory has no address, as a unix socket."""
DELIVERED = [250, 250, 354, 250]
"""The codes of the replies to `DELIVERY`."""


class Store(CredentialStore):
    """Knows one user."""

    def verify_password(self, username: str, password: str) -> bool:
        """Whether it is that user's password."""
        return (username, password) == ("ann", "secret")


class Recorder(Handler):
    """Keeps what was delivered, who has proven who they are, and how each session ended."""

    credentials = Store()

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.senders: list[str | None] = []
        self.causes: list[BaseException | None] = []

    def message(self, session: ServerSession, envelope: Envelope) -> Reply | None:
        """Keep the content, and who has authenticated."""
        self.messages.append(envelope.content)
        self.senders.append(None if session.identity is None else session.identity.username)
        return None

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        """Keep the cause."""
        self.causes.append(cause)


class Waiting(Recorder):
    """Its `rcpt` waits for what never comes, unless the recipient is quick.

    Args:
        forever: What it awaits.
    """

    def __init__(self, forever: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self.forever = forever
        self.begun = self.ended = 0

    async def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        """Wait, or not."""
        if rcpt.path.local == "quick":
            return Reply(251, "will forward")
        self.begun += 1
        try:
            await self.forever()
        finally:
            self.ended += 1
        return None


class Faults(Observer):
    """Keeps the faults of the application."""

    def __init__(self) -> None:
        self.seen: list[BaseException] = []

    def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
        """Keep it."""
        self.seen.append(exception)


class Spool(BodySink):
    """Keeps chunks until they are finished or aborted.

    Args:
        finished: Gets the whole content, or ``b"aborted"``.
    """

    def __init__(self, finished: list[bytes]) -> None:
        self.parts: list[bytes] = []
        self.finished = finished

    def write(self, chunk: bytes) -> None:
        """Keep it."""
        self.parts.append(chunk)

    def finish(self) -> Reply:
        """Hand over the whole."""
        self.finished.append(b"".join(self.parts))
        return Reply(250, "queued as 1")

    def abort(self) -> None:
        """Say so."""
        self.finished.append(b"aborted")


def goes_on(server: Running, handler: Recorder, connect: Connect) -> None:
    """The server still takes a message, from a new client."""
    before = len(handler.messages)
    client = connect(server).greeted()
    client.send(b"HELO c.test\r\n" + DELIVERY + b"QUIT\r\n")
    assert client.codes(6) == [250, *DELIVERED, 221]
    assert client.rest() == b""
    assert handler.messages[before:] == [CONTENT]
