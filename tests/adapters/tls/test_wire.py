"""The wire between a transport and a session: clear text first, TLS from StartTls on."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
from smtpcore_tls import TlsEngine, TlsError, Wire

from smtpcore.handler import Handler
from smtpcore.session import Close, Peer, Receive, Send, ServerConfig, ServerSession, StartTls
from tests.adapters.tls.engines import HOST

NOW = datetime(2024, 2, 29, tzinfo=UTC)
BAD_RECORD = b"\x17\x03\x03\x00\x20" + bytes(32)


class Ends(Handler):
    """Remembers how its sessions have ended."""

    def __init__(self) -> None:
        self.causes: list[BaseException | None] = []

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        self.causes.append(cause)


class Line:
    """A wire and its session, with nothing behind the wire but the test."""

    def __init__(self, context: ssl.SSLContext | None, **settings: bool) -> None:
        self.handler = Ends()
        self.session = ServerSession(
            ServerConfig(hostname=HOST, **settings),  # type: ignore[arg-type]
            Peer(),
            self.handler,
            monotonic=lambda: 0.0,
            utcnow=lambda: NOW,
            token_bytes=bytes,
        )
        self.wire = Wire(self.session, context)

    def replies(self) -> bytes:
        """What the session sends, on the wire."""
        sent = b""
        # The look for early talk is over at once.
        self.session.next_step()
        self.session.timed_out()
        while isinstance(step := self.session.next_step(), Send):
            sent += self.wire.send(step.data)
            self.session.sent()
        return sent

    def closes_in_order(self) -> bool:
        """The session wants the connection closed; whether gracefully."""
        step = self.session.next_step()
        assert isinstance(step, Close)
        return step.graceful

    def start_tls(self) -> StartTls:
        """Begin the handshake that is asked for."""
        step = self.session.next_step()
        assert isinstance(step, StartTls)
        assert self.wire.start_tls(step)
        return step

    def handshake(self, client: TlsEngine) -> None:
        """From the first octet on."""
        self.start_tls()
        while not client.handshaken or self.wire.handshaking:
            if octets := client.outgoing():
                self.wire.receive(octets)
            client.receive(self.wire.outgoing())


@pytest.fixture
def client(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> TlsEngine:
    return TlsEngine(contexts[1], server_side=False, server_hostname=HOST)


@pytest.fixture
def line(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Line:
    """TLS from the first octet."""
    return Line(contexts[0], implicit_tls=True)


@pytest.fixture
def secured(line: Line, client: TlsEngine) -> Line:
    """Behind the greeting."""
    line.handshake(client)
    assert client.receive(line.replies()).startswith(b"220 ")
    return line


def test_without_tls_octets_pass_as_they_are() -> None:
    line = Line(None)
    assert line.replies().startswith(b"220 ")
    buffer = bytearray(b"NOOP\r\nNO")
    line.wire.receive(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    line.wire.receive(b"OP\r\n")
    line.wire.receive(b"")
    line.wire.receive(b"NOOP\r\n")
    assert line.replies() == b"250 2.0.0 OK\r\n" * 2
    assert line.closes_in_order()
    assert (line.wire.secure, line.wire.handshaking, line.wire.failed) == (False, False, False)
    assert line.wire.outgoing() == line.wire.close() == b""


def test_a_session_goes_on_inside_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext], client: TlsEngine) -> None:
    line = Line(contexts[0], starttls=True)
    assert line.replies().startswith(b"220 ")
    line.wire.receive(b"EHLO c.test\r\nSTARTTLS\r\n")
    assert b"\r\n220 2.0.0 " in line.replies()
    line.handshake(client)
    assert line.session.next_step() == Receive()
    assert line.session.tls is not None
    assert line.session.tls.server_name == HOST
    client.send(b"QUIT\r\n")
    line.wire.receive(client.outgoing())
    assert client.receive(line.replies()).startswith(b"221 ")
    assert line.closes_in_order()
    client.receive(line.wire.close())
    assert client.peer_closed


def test_the_same_step_again_is_no_news(line: Line) -> None:
    step = line.start_tls()
    assert not line.wire.start_tls(step)
    assert line.session.next_step() is step
    assert line.wire.secure
    assert line.wire.handshaking


@pytest.mark.parametrize("eof", [False, True])
def test_octets_that_came_before_the_handshake_began_are_part_of_it(line: Line, client: TlsEngine, eof: bool) -> None:
    line.wire.receive(client.outgoing())
    if eof:
        line.wire.receive(b"")
    line.start_tls()
    assert len(line.wire.outgoing()) > 500
    assert isinstance(line.session.next_step(), Close if eof else StartTls)


def test_what_comes_with_the_end_of_the_handshake_is_read_behind_it(line: Line, client: TlsEngine) -> None:
    line.start_tls()
    while not client.handshaken:
        line.wire.receive(client.outgoing())
        client.receive(line.wire.outgoing())
    client.send(b"QUIT\r\n")
    client.close()
    line.wire.receive(client.outgoing())
    assert line.replies() != b""
    assert line.session.early_talk
    assert line.closes_in_order()


def test_a_failed_handshake_is_told_once_and_leaves_an_alert(line: Line) -> None:
    line.start_tls()
    line.wire.receive(b"EHLO client.example\r\n")
    assert line.wire.failed
    assert not line.wire.handshaking
    line.wire.receive(b"EHLO client.example\r\n")
    assert not line.closes_in_order()
    line.session.closed()
    assert line.session.next_step() is None
    assert [type(cause) for cause in line.handler.causes] == [TlsError]


def test_a_bad_record_breaks_the_connection(secured: Line, client: TlsEngine) -> None:
    secured.wire.receive(BAD_RECORD)
    assert secured.wire.failed
    with pytest.raises(TlsError):
        client.receive(secured.wire.outgoing())
    assert secured.session.next_step() is None
    assert [type(cause) for cause in secured.handler.causes] == [TlsError]


def test_a_bad_record_behind_a_good_one_is_met_when_that_is_answered(secured: Line, client: TlsEngine) -> None:
    client.send(b"NOOP\r\n")
    secured.wire.receive(client.outgoing() + BAD_RECORD)
    assert not secured.wire.failed
    step = secured.session.next_step()
    assert isinstance(step, Send)
    with pytest.raises(TlsError):
        secured.wire.send(step.data)


@pytest.mark.parametrize("end", ["close_notify", "cut off"])
def test_the_end_is_told_once_and_can_still_be_answered(secured: Line, client: TlsEngine, end: str) -> None:
    if end == "close_notify":
        client.send(b"NOOP\r\n")
        client.close()
        secured.wire.receive(client.outgoing() + b"NOOP\r\n")
        assert len(secured.replies()) > len(b"250 2.0.0 OK\r\n")
    secured.wire.receive(b"")
    secured.wire.receive(b"NOOP\r\n")
    assert secured.closes_in_order()
    assert secured.wire.close() != b""
    secured.session.closed()
    assert secured.session.next_step() is None
    assert secured.handler.causes == [None]
