"""TLS, begun by STARTTLS or with the first octet."""

from __future__ import annotations

import base64
import ssl

import pytest

from .adapter import Adapter
from .application import CONTENT, DELIVERED, DELIVERY, EHLO, LOCAL, TRANSACTION, Recorder, goes_on
from .clients import TlsClient, until
from .servers import Connect, Start


def plain(username: str, password: str) -> bytes:
    """An AUTH command with everything in it."""
    return b"AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()) + b"\r\n"


class Tls(Adapter):
    """TLS by ``smtpcore_tls``, from the right octet on."""

    def test_a_message_is_delivered_behind_starttls_and_auth_plain(
        self, start: Start, connect: Connect, client_context: ssl.SSLContext
    ) -> None:
        handler = Recorder()
        client = connect(start(handler, starttls=True, require_tls=True, mechanisms=("PLAIN", "LOGIN"))).greeted()
        client.send(b"EHLO c.test\r\n")
        clear = client.reply()
        assert b"STARTTLS" in clear
        assert b"AUTH" not in clear
        assert client.ask(b"MAIL FROM:<ann@a.test>\r\n") == 530
        assert client.ask(b"STARTTLS\r\n") == 220
        client.start_tls(client_context)
        client.send(b"EHLO c.test\r\n")
        secret = client.reply()
        assert b"STARTTLS" not in secret
        assert b"250-AUTH PLAIN LOGIN\r\n" in secret
        assert client.ask(plain("ann", "wrong")) == 535
        assert client.ask(plain("ann", "secret")) == 235
        client.send(DELIVERY + b"QUIT\r\n")
        assert client.codes(5) == [*DELIVERED, 221]
        assert client.rest() == b""
        assert handler.messages == [CONTENT]
        assert handler.senders == ["ann"]

    def test_tls_from_the_first_octet_and_auth_login(
        self, start: Start, connect: Connect, client_context: ssl.SSLContext
    ) -> None:
        handler = Recorder()
        client = connect(start(handler, implicit_tls=True, require_auth=True, mechanisms=("LOGIN",)))
        client.start_tls(client_context)
        assert client.code() == 220
        assert client.ask(EHLO) == 250
        assert client.ask(b"MAIL FROM:<ann@a.test>\r\n") == 530
        assert client.ask(b"AUTH LOGIN\r\n") == 334
        assert client.ask(base64.b64encode(b"ann") + b"\r\n") == 334
        assert client.ask(base64.b64encode(b"secret") + b"\r\n") == 235
        client.send(DELIVERY + b"QUIT\r\n")
        assert client.codes(5) == [*DELIVERED, 221]
        assert client.rest() == b""
        assert handler.messages == [CONTENT]

    def test_what_comes_with_the_last_flight_of_the_handshake_is_read(
        self, start: Start, connect: Connect, client_context: ssl.SSLContext
    ) -> None:
        handler = Recorder()
        below = connect(start(handler, starttls=True)).greeted()
        assert below.ask(EHLO) == 250
        assert below.ask(b"STARTTLS\r\n") == 220
        client = TlsClient(below, client_context)
        client.handshake(EHLO + DELIVERY + b"QUIT\r\n")
        assert client.codes(6) == [250, *DELIVERED, 221]
        assert client.rest() == b""
        assert client.engine.peer_closed

    def test_a_large_message_comes_through_tls(
        self, start: Start, connect: Connect, client_context: ssl.SSLContext
    ) -> None:
        handler = Recorder()
        client = connect(start(handler, implicit_tls=True))
        client.start_tls(client_context)
        line = b"x" * 998 + b"\r\n"
        assert client.code() == 220
        client.send(EHLO + TRANSACTION + b"DATA\r\n")
        assert client.codes(4) == [250, 250, 250, 354]
        client.send(line * 2000)
        assert client.ask(b".\r\n") == 250
        assert handler.messages == [line * 2000]

    def test_half_a_close_under_tls_is_answered(
        self, start: Start, connect: Connect, client_context: ssl.SSLContext
    ) -> None:
        handler = Recorder()
        client = connect(start(handler, implicit_tls=True))
        client.start_tls(client_context)
        client.send(EHLO + DELIVERY)
        client.end()
        assert client.codes(6) == [220, 250, *DELIVERED]
        assert client.rest() == b""

    def test_clear_text_behind_starttls_is_refused_without_a_handshake(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        server = start(handler, starttls=True)
        client = connect(server).greeted()
        client.send(b"EHLO c.test\r\nSTARTTLS\r\nEHLO d.test\r\n" + DELIVERY)
        assert client.codes(2) == [250, 554]
        assert client.rest() == b""
        assert handler.messages == []
        goes_on(server, handler, connect)

    @pytest.mark.parametrize("octets", [b"EHLO c.test\r\n" * 40, b"\x16\x03\x01\x00\x05hello", b""])
    def test_a_handshake_that_fails_closes(self, start: Start, connect: Connect, octets: bytes) -> None:
        handler = Recorder()
        server = start(handler, starttls=True)
        client = connect(server).greeted()
        assert client.ask(EHLO) == 250
        assert client.ask(b"STARTTLS\r\n") == 220
        if octets:
            client.send(octets)
        else:
            client.end()
        # An alert of TLS at the most, and not a word of SMTP.
        assert client.rest()[:1] in (b"", b"\x15")
        until(lambda: len(handler.causes) == 1)
        goes_on(server, handler, connect)

    @pytest.mark.parametrize("records", [b"\x17\x03\x03\x00\x10" + b"x" * 16, b"NOOP\r\n" * 10])
    def test_a_record_that_is_none_ends_the_connection(
        self, start: Start, connect: Connect, client_context: ssl.SSLContext, records: bytes
    ) -> None:
        handler = Recorder()
        server = start(handler, starttls=True)
        below = connect(server).greeted()
        assert below.ask(EHLO) == 250
        assert below.ask(b"STARTTLS\r\n") == 220
        client = TlsClient(below, client_context)
        client.handshake(b"")
        below.send(records)
        try:
            below.rest()
        except ConnectionResetError:
            pass  # The octets behind the bad record were never read.
        until(lambda: len(handler.causes) == 1)
        goes_on(server, handler, connect)

    def test_a_handshake_that_takes_its_time_keeps_nobody_waiting(
        self, start: Start, connect: Connect, client_context: ssl.SSLContext
    ) -> None:
        server = start(Recorder(), implicit_tls=True)
        idle = connect(server)
        client = connect(server)
        client.start_tls(client_context)
        assert client.code() == 220
        idle.start_tls(client_context)
        assert idle.code() == 220

    def test_a_proxy_header_and_the_first_flight_of_tls_may_come_in_one_segment(
        self, start: Start, connect: Connect, client_context: ssl.SSLContext
    ) -> None:
        peers: list[str | None] = []
        handler = Recorder()
        handler.connect = lambda session: peers.append(session.peer.host)  # type: ignore[method-assign]
        below = connect(start(handler, proxy_networks=LOCAL, implicit_tls=True))
        client = TlsClient(below, client_context)
        below.send(b"PROXY TCP4 203.0.113.9 192.0.2.25 51000 25\r\n" + client.engine.outgoing())
        client.handshake(EHLO)
        assert client.codes(2) == [220, 250]
        assert peers == ["203.0.113.9"]

    def test_clear_text_on_a_port_for_tls_gets_no_word_of_smtp(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler, implicit_tls=True))
        client.send(EHLO + DELIVERY)
        assert client.rest()[:1] in (b"", b"\x15")
        assert handler.messages == []
