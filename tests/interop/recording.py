"""A server in a thread that keeps all it is told: envelopes, who was there, and the dialogue."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import smtpcore_blocking

from smtpcore import (
    CredentialStore,
    Envelope,
    Handler,
    Identity,
    Mail,
    Observer,
    Observers,
    Peer,
    ServerConfig,
    ServerSession,
    Transcript,
)
from smtpcore.commands.attributes import Attribute
from smtpcore.proxy import ProxyHeader
from smtpcore.sasl import ScramKeys, VerifyToken
from smtpcore.tls import TlsInfo

PATIENCE = 30.0
"""Seconds for what other programs should do at once."""
USER, PASSWORD, TOKEN = "ann@mx.test", "s3cret pass", "a.bearer-token"


@dataclass
class Delivery:
    """A message, and the session it came in as it was then."""

    envelope: Envelope
    peer: Peer
    transport_peer: Peer
    helo: str
    tls: TlsInfo | None
    identity: Identity | None
    proxy: ProxyHeader | None
    claimed: dict[str, Attribute]
    pipelined: bool
    """Something was there behind the MAIL before it was answered."""
    trace: bytes

    @property
    def content(self) -> bytes:
        """What was sent, octet for octet."""
        return self.envelope.content

    @property
    def sender(self) -> str:
        """The reverse path."""
        return self.envelope.mail.path.address

    @property
    def recipients(self) -> list[str]:
        """The forward paths, in order."""
        return [rcpt.path.address for rcpt in self.envelope.recipients]

    @property
    def protocol(self) -> bytes:
        """What the Received line calls it."""
        return self.trace.partition(b" with ")[2].partition(b" ")[0]


class Store(CredentialStore):
    """One user, with everything a mechanism may want of one."""

    _keys = ScramKeys.derive(PASSWORD, salt=b"0123456789abcdef", iterations=4096)

    def verify_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
        return self._keys if (username, hash_name) == (USER, "sha256") else None

    def secret(self, username: str) -> str | None:
        return PASSWORD if username == USER else None

    def verify_token(self, query: VerifyToken) -> bool:
        return (query.username, query.token) == (USER, TOKEN)


@dataclass
class Recorder(Handler):
    """The application; all sessions share it, each in a thread of its own."""

    deliveries: list[Delivery] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    proxied: list[ProxyHeader | None] = field(default_factory=list)
    """The PROXY header of each session that is over, or None."""
    open: int = 0
    """Sessions that are not over."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    credentials = Store()

    def write(self, line: str) -> None:
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def mail(self, session: ServerSession, mail: Mail) -> None:
        session.context = session.connection.buffered > 0

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        assert session.helo is not None
        delivery = Delivery(
            envelope, session.peer, session.transport_peer, session.helo.domain, session.tls, session.identity,
            session.proxy, dict(session.claimed), session.context is True, envelope.trace,
        )  # fmt: skip
        with self.changed:
            self.deliveries.append(delivery)
            self.changed.notify_all()


class Sessions(Observer):
    """Counts them, and keeps what each of them leaves."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def opened(self, session: ServerSession) -> None:
        with self._recorder.changed:
            self._recorder.open += 1

    def closed(self, session: ServerSession, cause: BaseException | None) -> None:
        with self._recorder.changed:
            self._recorder.open -= 1
            self._recorder.proxied.append(session.proxy)
            self._recorder.changed.notify_all()


@dataclass
class Recording:
    """The server under test."""

    port: int
    recorder: Recorder

    @property
    def text(self) -> str:
        """The dialogues so far, secrets hidden; a line begins with the id of its session."""
        return "\n".join(self.recorder.lines)

    def said(self, *begins: str) -> list[str]:
        """What clients said that begins with one of these words, in order."""
        lines = [line.partition(" C: ")[2] for line in self.recorder.lines]
        return [line for line in lines if line.upper().startswith(begins)]

    def take(self, count: int = 1) -> list[Delivery]:
        """So many deliveries, when they have come and the sessions are over; there must be no more."""
        self.wait_for(lambda: len(self.recorder.deliveries) >= count and not self.recorder.open, f"{count} deliveries")
        assert len(self.recorder.deliveries) == count, self.text
        return self.recorder.deliveries

    def take_one(self) -> Delivery:
        """The one delivery."""
        return self.take()[0]

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a session makes something true."""
        with self.recorder.changed:
            assert self.recorder.changed.wait_for(condition, PATIENCE), f"{what}: not seen\n{self.text}"


@contextmanager
def record(context: ssl.SSLContext, *, implicit_tls: bool = False, **settings: object) -> Iterator[Recording]:
    """Serve on a port of 127.0.0.1 that the system chose, with STARTTLS unless the settings say otherwise."""
    defaults: dict[str, object] = {"hostname": "mx.test", "starttls": True, "sasl_secret": bytes(range(16))}
    config = ServerConfig(**{**defaults, "scram_iterations": 4096, **settings})  # type: ignore[arg-type]
    recorder = Recorder()
    server = smtpcore_blocking.Server(
        config,
        recorder,
        tls_context=context,
        observer=lambda: Observers(Sessions(recorder), Transcript(recorder.write)),
    )
    with server.bind("127.0.0.1", 0, implicit_tls=implicit_tls):
        address = server.addresses[0]
        assert isinstance(address, tuple)
        try:
            yield Recording(address[1], recorder)
        finally:
            server.stop(0)
            assert server.wait(PATIENCE), "the server did not stop"
    faults = [line for line in recorder.lines if " -- " in line and "Error" in line and " closed: " not in line]
    assert not faults, faults
