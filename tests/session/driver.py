"""Drives a session by hand: no adapter, no clock but a fake one, nothing slept.

``Dialogue`` feeds octets, writes what the session sends, and stops at any step that only a test can take: an
``Ask``, a ``StartTls``, a ``Close``, or ``Receive``.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Final, Self

from smtpcore import Gate, Handler, Observer, Peer, Reply, ServerConfig, ServerSession, TlsInfo
from smtpcore.session import RECEIVE, Ask, Close, Send, StartTls, Step

HOST: Final = "mx.test"
MOMENT: Final = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
TLS: Final = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
PLAIN_BOB: Final = "AUTH PLAIN AGJvYgBodW50ZXIy"
"""The user bob and the password hunter2."""


def config(**settings: object) -> ServerConfig:
    """A configuration with the name the tests expect."""
    return ServerConfig(**{"hostname": HOST, **settings})  # type: ignore[arg-type]


class Later:
    """What an async hook returns; the test says what comes of it."""

    def __await__(self) -> Generator[None, None, object]:
        raise AssertionError("a session never awaits by itself")


def later(*_: object) -> Later:
    """An async hook."""
    return Later()


class Dialogue:
    """One session and its adapter.

    Args:
        settings: The configuration, or settings for one.
        handler: The application.
        peer: Who connects.
        gate: Shared with other dialogues.
        observer: Is told what happens.
    """

    def __init__(
        self,
        settings: ServerConfig | None = None,
        handler: Handler | None = None,
        *,
        peer: Peer | None = None,
        gate: Gate | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.now = 1000.0
        self.writes: list[bytes] = []
        """The octets of each Send that was written."""
        self.stalled = False
        """The transport takes nothing: Send stays outstanding."""
        self.hurried = False
        """The step behind a Send is taken from it, where it is there, and not asked for."""
        self.step: Step | None = None
        self.session = ServerSession(
            settings or config(),
            peer or Peer("192.0.2.7", 4711),
            handler or Handler(),
            gate=gate,
            observer=observer,
            monotonic=lambda: self.now,
            utcnow=lambda: MOMENT,
            token_bytes=lambda octets: bytes(range(octets)),
        )

    # What an adapter does.

    def run(self) -> str:
        """Take steps until one is for the test to take; gives what was written meanwhile."""
        first = len(self.writes)
        while True:
            self.step = self.session.next_step()
            if type(self.step) is not Send or self.stalled:
                return b"".join(self.writes[first:]).decode("ascii")
            self.writes.append(self.step.data)
            then = self.step.then
            self.session.sent()
            if self.hurried and then is not None:
                self.step = then
                return b"".join(self.writes[first:]).decode("ascii")

    def say(self, *lines: str) -> str:
        """Feed lines in one piece and run."""
        return self.feed("".join(f"{line}\r\n" for line in lines).encode("latin-1"))

    def feed(self, data: bytes) -> str:
        """Feed octets and run."""
        self.session.receive_data(data)
        return self.run()

    def end_input(self) -> str:
        """The peer ends its side."""
        return self.feed(b"")

    def wait(self, seconds: float) -> str:
        """Let time pass, the deadlines in it come, and run."""
        end = self.now + seconds
        written = ""
        while (deadline := self.session.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.session.timed_out()
            written += self.run()
        self.now = end
        return written

    def answer(self, value: object = None) -> str:
        """The hook that is waited for answers."""
        self.session.answer(self.asked(), value)
        return self.run()

    def fail(self, exception: BaseException) -> str:
        """The hook that is waited for raises."""
        self.session.failed(self.asked(), exception)
        return self.run()

    def shut_down(self, grace: float = 30.0) -> str:
        """The server is to stop."""
        self.session.shutdown(grace)
        return self.run()

    def close(self, exception: Exception | None = None) -> str:
        """The connection is closed, or it broke."""
        self.session.closed(exception)
        return self.run()

    def tls(self, info: TlsInfo = TLS) -> str:
        """The handshake succeeds."""
        assert type(self.step) is StartTls, self.step
        self.session.tls_started(info)
        return self.run()

    # Where it stands.

    def asked(self, stage: str | None = None) -> Ask:
        """The hook that is waited for."""
        assert type(self.step) is Ask, self.step
        assert stage is None or self.step.stage == stage
        return self.step

    @property
    def receiving(self) -> bool:
        """The session waits for the peer."""
        return self.step is RECEIVE

    @property
    def closing(self) -> bool:
        """The session wants its connection closed."""
        return type(self.step) is Close

    @property
    def cut(self) -> bool:
        """The session wants its connection closed at once and without a word."""
        return type(self.step) is Close and not self.step.graceful

    @property
    def over(self) -> bool:
        """Nothing is wanted any more."""
        return self.step is None

    # Ways to get somewhere.

    def greeted(self) -> Self:
        """The greeting is out."""
        self.run()
        if self.receiving and not self.writes:
            self.wait(0)
        assert self.writes[0].startswith(b"220 "), self.writes
        return self

    def ready(self) -> Self:
        """EHLO was accepted."""
        assert self.greeted().say("EHLO client.test").startswith("250")
        return self

    def mailing(self) -> Self:
        """A transaction is open, with one recipient."""
        assert self.ready().say("MAIL FROM:<a@client.test>").startswith("250")
        assert self.say("RCPT TO:<b@mx.test>").startswith("250")
        return self

    def in_data(self) -> Self:
        """The content is to come."""
        assert self.mailing().say("DATA").startswith("354")
        return self

    def secure(self) -> Self:
        """Behind STARTTLS and a second EHLO."""
        assert self.ready().say("STARTTLS").startswith("220")
        self.tls()
        assert self.say("EHLO client.test").startswith("250")
        return self


def refusal(code: int = 550, text: str = "No") -> Reply:
    """What a hook refuses with."""
    return Reply(code, text)


class Recorder(Observer):
    """Keeps all that an observer is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def opened(self, session: ServerSession) -> None:
        self.told.append(("opened",))

    def received(self, session: ServerSession, verb: str, line: str) -> None:
        self.told.append(("received", verb, line))

    def content(self, session: ServerSession, size: int) -> None:
        self.told.append(("content", size))

    def replied(self, session: ServerSession, verb: str, reply: Reply) -> None:
        self.told.append(("replied", verb, reply.code))

    def secured(self, session: ServerSession, tls: TlsInfo) -> None:
        self.told.append(("secured", tls.version))

    def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
        self.told.append(("fault", stage, type(exception)))

    def closed(self, session: ServerSession, cause: BaseException | None) -> None:
        self.told.append(("closed", type(cause)))

    def named(self, event: str) -> list[tuple[object, ...]]:
        """What was told of one kind, without the kind."""
        return [tuple(rest) for kind, *rest in self.told if kind == event]
