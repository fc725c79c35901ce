"""What the tests of every adapter say and expect."""

from __future__ import annotations

from collections.abc import Callable

from smtpcore.handler import CredentialStore, Handler
from smtpcore.replies import Reply
from smtpcore.session import Envelope, ServerSession
from tests.adapters.drivers import Client, Running

Serve = Callable[..., Running]
"""The fixture ``serve``: a server from a handler and settings."""
Connect = Callable[..., Client]
"""The fixture ``connect``: a client from a server."""

EHLO = b"EHLO c.test\r\n"
TRANSACTION = b"MAIL FROM:<ann@a.test>\r\nRCPT TO:<bob@b.test>\r\n"
MESSAGE = b"Subject: hello\r\n\r\n..dotted\r\nlast line\r\n"
CONTENT = MESSAGE.replace(b"..", b".")
DELIVERY = TRANSACTION + b"DATA\r\n" + MESSAGE + b".\r\n"
DELIVERED = [250, 250, 354, 250]


class Store(CredentialStore):
    def verify_password(self, username: str, password: str) -> bool:
        return (username, password) == ("ann", "secret")


class Recorder(Handler):
    """Keeps what was delivered, who has proven who they are, and how each session ended."""

    credentials = Store()

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.senders: list[str | None] = []
        self.causes: list[BaseException | None] = []

    def message(self, session: ServerSession, envelope: Envelope) -> Reply | None:
        self.messages.append(envelope.content)
        self.senders.append(None if session.identity is None else session.identity.username)
        return None

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        self.causes.append(cause)


def goes_on(server: Running, handler: Recorder, connect: Connect) -> None:
    """The server still takes a message, from a new client."""
    before = len(handler.messages)
    client = connect(server).greeted()
    client.send(b"HELO c.test\r\n" + DELIVERY + b"QUIT\r\n")
    assert client.codes(6) == [250, *DELIVERED, 221]
    assert client.rest() == b""
    assert handler.messages[before:] == [CONTENT]
