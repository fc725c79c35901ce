"""A PROXY header in front of everything, over each adapter; with TLS from the first octet behind it."""

from __future__ import annotations

import ssl

import pytest
from smtpcore_memory import Pipe
from smtpcore_testing.adapter_kit.application import EHLO
from smtpcore_testing.adapter_kit.clients import TlsClient
from smtpcore_testing.adapter_kit.servers import Connect, Start
from smtpcore_tls import TlsEngine

from smtpcore import Handler, Peer, ServerConfig
from smtpcore.session import ServerSession
from tests import proxying
from tests.proxying import BINARY, LINE, TCP4, summed, tlv

PROXIES = ("127.0.0.0/8", "unix")
"""The tests themselves: over sockets, and over pipes, which have no address."""
FIELDS = summed(0x11, TCP4, tlv(0x02, b"mx.test"), proxying.ssl(1, 0, tlv(0x21, b"TLSv1.3")))


class Guests(Handler):
    """Notes who came."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []

    def connect(self, session: ServerSession) -> None:
        self.peers.append(session.peer)


@pytest.mark.conformance("C308")
@pytest.mark.parametrize("header", [LINE, BINARY, FIELDS], ids=["line", "binary", "fields"])
def test_the_client_behind_the_proxy_is_served(header: bytes, serve: Start, connect: Connect) -> None:
    guests = Guests()
    client = connect(serve(guests, proxy_networks=PROXIES))
    client.send(header + EHLO + b"QUIT\r\n")
    assert client.codes(3) == [220, 250, 221]
    assert client.rest() == b""
    assert [peer.host for peer in guests.peers] == ["203.0.113.9"]


@pytest.mark.conformance("C304", "C311")
@pytest.mark.parametrize("octets", [b"EHLO c.test\r\n", LINE[:-2] + b"\n", BINARY.replace(b"QUIT", b"QUIP")])
def test_without_a_header_there_is_only_the_end(octets: bytes, serve: Start, connect: Connect) -> None:
    guests = Guests()
    client = connect(serve(guests, proxy_networks=PROXIES))
    client.send(octets)
    assert client.rest() == b""
    assert guests.peers == []


def test_a_peer_that_may_not_speak_for_others_gets_only_the_end(serve: Start, connect: Connect) -> None:
    client = connect(serve(Guests(), proxy_networks=("192.0.2.0/24",)))
    assert client.rest() == b""


@pytest.mark.conformance("C364")
@pytest.mark.parametrize("header", [LINE, FIELDS], ids=["line", "fields"])
def test_header_and_client_hello_in_one_segment(
    header: bytes, serve: Start, connect: Connect, client_ssl_context: ssl.SSLContext
) -> None:
    guests = Guests()
    below = connect(serve(guests, proxy_networks=PROXIES, implicit_tls=True))
    client = TlsClient(below, client_ssl_context)
    below.send(header + client.engine.outgoing())
    client.handshake(EHLO)
    assert client.codes(2) == [220, 250]
    assert [peer.host for peer in guests.peers] == ["203.0.113.9"]


@pytest.mark.conformance("C364")
def test_header_and_client_hello_cut_anywhere(
    server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    config = ServerConfig(proxy_networks=PROXIES, implicit_tls=True)
    for cut in range(1, len(BINARY) + 8):
        pipe = Pipe(config, Handler(), tls_context=server_ssl_context)
        engine = TlsEngine(client_ssl_context, server_side=False, server_hostname="mx.test")
        flight = BINARY + engine.outgoing()
        assert pipe.send(flight[:cut]) == b""
        plaintext, octets = b"", flight[cut:]
        while octets:
            plaintext += engine.receive(pipe.send(octets))
            octets = engine.outgoing()
        assert plaintext.startswith(b"220 "), f"cut at {cut}"


@pytest.mark.conformance("C364")
def test_a_client_hello_without_a_header_gets_not_even_an_alert(
    serve: Start, connect: Connect, client_ssl_context: ssl.SSLContext
) -> None:
    below = connect(serve(Guests(), proxy_networks=PROXIES, implicit_tls=True))
    below.send(TlsClient(below, client_ssl_context).engine.outgoing())
    assert below.rest() == b""
