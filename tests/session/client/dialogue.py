"""A server by hand: it says what a test tells it to, and sees what the client session sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smtpcore.commands import Mail, Rcpt
from smtpcore.paths import Path
from smtpcore.session import Ask, Close, Receive, Send, StartTls, Step
from smtpcore.session.client import (
    ClientConfig,
    ClientObserver,
    ClientSession,
    Content,
    Delivery,
    Message,
    Status,
    TlsMode,
)
from smtpcore.tls import TlsInfo

EHLO = b"EHLO me.example\r\n"
PLAIN = b"250 srv\r\n"
USUAL = b"250-srv\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
ENVELOPE = b"MAIL FROM:<a@b.example> SIZE=3\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
TLS = TlsInfo("TLSv1.3", "TLS_AES_128_GCM_SHA256", 128, peer_certificate=b"der", peer_verified=True)


class Server:
    """The other side of one client session, with a clock that a test sets."""

    def __init__(self, *, observer: ClientObserver | None = None, **settings: Any) -> None:
        self.now = 1000.0
        self.config = ClientConfig(**{"hostname": "me.example", **settings})
        self.session = ClientSession(
            self.config, observer=observer, monotonic=lambda: self.now, token_bytes=lambda count: b"r" * count
        )
        self.step: Step | None = None
        self.lines: list[str] = []

    def sees(self) -> bytes:
        """What the session sends, until it wants something else; that is in ``step`` then."""
        octets = []
        while isinstance(step := self.session.next_step(), Send):
            octets.append(step.data)
            self.session.sent()
        self.step = step
        return b"".join(octets)

    def says(self, octets: bytes) -> bytes:
        """Send octets to the client, and see what it sends next."""
        self.session.receive_data(octets)
        return self.sees()

    def waits(self, seconds: float) -> bytes:
        """Let time pass, and see what the client sends next."""
        deadline = self.session.deadline
        self.now += seconds
        if deadline is not None and deadline <= self.now:
            self.session.timed_out()
        return self.sees()

    def starts_tls(self, info: TlsInfo = TLS) -> bytes:
        """Let the handshake succeed that the session asks for."""
        assert isinstance(self.step, StartTls)
        assert self.step.received == b""
        self.session.tls_started(info)
        return self.sees()

    def closes(self) -> bytes:
        """End the input of the client."""
        return self.says(b"")

    def ends(self) -> bool:
        """Let the client close the connection; whether it does so gracefully."""
        assert isinstance(self.step, Close)
        graceful = self.step.graceful
        self.session.closed()
        assert self.sees() == b""
        assert self.step is None
        return graceful

    def ask(self) -> Ask:
        """What the session waits for of the application."""
        assert isinstance(self.step, Ask)
        return self.step


def greeted(ehlo: bytes = USUAL, observer: ClientObserver | None = None, **settings: Any) -> Server:
    """A server that has let a client in, which is idle now."""
    server = Server(observer=observer, **{"tls": TlsMode.NONE, **settings})
    assert server.sees() == b""
    assert type(server.step) is Receive
    assert server.says(b"220 srv\r\n")[1:] == EHLO[1:]
    assert server.says(ehlo) == b""
    assert server.session.idle
    return server


def message(
    content: Content = b"x\r\n",
    *recipients: str,
    mail: Mapping[str, object] | None = None,
    rcpt: Mapping[str, object] | None = None,
    size: int | None = None,
) -> Message:
    """A message from a@b.example, to c@d.example unless others are named."""
    return Message.to("a@b.example", recipients or ["c@d.example"], content, mail=mail, rcpt=rcpt, size=size)


def commands(mail: Mail, *recipients: Rcpt, content: Content = b"x\r\n") -> Message:
    """A message made of commands."""
    return Message(mail, recipients, content)


def path(address: str) -> Path:
    """The address as a path."""
    return Path.parse(address, utf8=True)


def statuses(delivery: Delivery) -> list[tuple[Status, str]]:
    """What became of each recipient, and what decided."""
    assert delivery.done
    return [(result.status, result.stage) for result in delivery.results]
