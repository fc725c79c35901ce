"""Handshakes from engine to engine, in memory, with real certificates."""

from __future__ import annotations

import random
import ssl
import warnings
from typing import Any

import pytest
from smtpcore_tls import TlsEngine, TlsError, client_context, server_context
from smtpcore_tls.clienthello import requested_name

from tests.adapters.tls.engines import HOST, Files, Pair, new_pair, octets


class TestHandshake:
    @pytest.mark.parametrize("cut", [lambda data: [data], octets], ids=["whole", "octet by octet"])
    def test_completes_on_both_sides_and_carries_data_both_ways(self, contexts: Any, cut: Any) -> None:
        pair = new_pair(contexts)
        pair.exchange(cut)
        assert pair.server.handshaken
        assert pair.client.handshaken
        pair.client.send(b"EHLO client.example\r\n")
        pair.server.send(bytearray(b"250 mx.example.org\r\n"))
        pair.exchange(cut)
        assert (pair.at_server, pair.at_client) == (b"EHLO client.example\r\n", b"250 mx.example.org\r\n")

    def test_a_client_hello_that_was_read_with_a_proxy_header_may_be_cut_anywhere(self, contexts: Any) -> None:
        hello = TlsEngine(contexts[1], server_side=False, server_hostname=HOST).outgoing()
        for at in range(len(hello) + 1):
            server = TlsEngine(contexts[0], server_side=True)
            assert server.receive(hello[:at]) == b""
            assert at == len(hello) or server.outgoing() == b""
            assert server.receive(hello[at:]) == b""
            assert server.outgoing().startswith(b"\x16\x03")

    def test_data_in_the_flight_that_ends_the_handshake_is_returned(self, contexts: Any) -> None:
        pair = new_pair(contexts)
        while not pair.client.handshaken:
            pair.server.receive(pair.client.outgoing())
            pair.client.receive(pair.server.outgoing())
        pair.client.send(b"EHLO x\r\n")
        if pair.client.info().version == "TLSv1.3":
            assert not pair.server.handshaken
        assert pair.server.receive(pair.client.outgoing()) == b"EHLO x\r\n"

    @pytest.mark.parametrize("first", [b"EHLO client.example\r\n", b"QUIT\r\n", b"\x00" * 11])
    def test_anything_but_a_client_hello_fails_at_once(self, contexts: Any, first: bytes) -> None:
        server = TlsEngine(contexts[0], server_side=True)
        with pytest.raises(TlsError) as caught:
            server.receive(first)
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        assert str(caught.value) == server.failure
        assert server.ended
        with pytest.raises(TlsError):
            server.receive(b"EHLO client.example\r\n")
        with pytest.raises(TlsError):
            server.eof()

    def test_a_clear_text_reply_fails_the_client(self, contexts: Any) -> None:
        client = TlsEngine(contexts[1], server_side=False, server_hostname=HOST)
        with pytest.raises(TlsError):
            client.receive(b"250-mx.example.org\r\n250 AUTH PLAIN\r\n")

    @pytest.mark.parametrize("wrong", ["authority", "host name"])
    def test_a_client_that_cannot_verify_the_server_sends_an_alert(self, files: Files, wrong: str) -> None:
        context = client_context(files.other_ca if wrong == "authority" else files.ca)
        name = HOST if wrong == "authority" else "other.example.org"
        pair = Pair(
            TlsEngine(server_context(files.server), server_side=True),
            TlsEngine(context, server_side=False, server_hostname=name),
        )
        pair.server.receive(pair.client.outgoing())
        with pytest.raises(TlsError, match="certificate verify failed"):
            pair.client.receive(pair.server.outgoing())
        alert = pair.client.outgoing()
        assert alert
        with pytest.raises(TlsError, match="alert"):
            pair.server.receive(alert)

    def test_the_peer_leaving_in_the_middle_is_a_failure(self, contexts: Any) -> None:
        pair = new_pair(contexts)
        pair.server.receive(pair.client.outgoing()[:20])
        with pytest.raises(TlsError, match="during the handshake"):
            pair.server.eof()
        assert not pair.server.truncated

    def test_a_context_without_any_version_fails_at_the_client_at_once(self, files: Files) -> None:
        context = client_context(files.ca)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
        with pytest.raises(TlsError):
            TlsEngine(context, server_side=False, server_hostname=HOST)


def speak_tls_1_1(context: ssl.SSLContext) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.fixture
def old_client(files: Files) -> TlsEngine:
    try:
        context = speak_tls_1_1(client_context(files.ca, minimum_version=ssl.TLSVersion.TLSv1_1))
        return TlsEngine(context, server_side=False, server_hostname=HOST)
    except (ValueError, TlsError):
        pytest.skip("this OpenSSL cannot speak TLS 1.1")


class TestVersions:
    @pytest.mark.conformance("C226")
    def test_tls_1_1_is_refused_by_default(self, files: Files, old_client: TlsEngine) -> None:
        server = TlsEngine(server_context(files.server), server_side=True)
        with pytest.raises(TlsError, match="unsupported protocol"):
            server.receive(old_client.outgoing())
        with pytest.raises(TlsError):
            old_client.receive(server.outgoing())

    @pytest.mark.conformance("C226")
    def test_contexts_begin_at_tls_1_2_unless_it_was_asked_for_less(self, files: Files) -> None:
        for context in (server_context(files.server), client_context(files.ca)):
            assert context.minimum_version == ssl.TLSVersion.TLSv1_2

    def test_tls_1_1_works_where_it_was_asked_for(self, files: Files, old_client: TlsEngine) -> None:
        server = TlsEngine(server_context(files.server, minimum_version=ssl.TLSVersion.TLSv1_1), server_side=True)
        pair = Pair(server, old_client)
        pair.exchange()
        assert server.info().version == "TLSv1.1"

    def test_the_best_common_version_is_taken(self, files: Files) -> None:
        pair = new_pair((server_context(files.server), client_context(files.ca)))
        pair.exchange()
        assert pair.server.info().version == pair.client.info().version == "TLSv1.3"


class TestServerName:
    @pytest.fixture
    def hello(self, files: Files) -> bytes:
        return TlsEngine(client_context(files.ca), server_side=False, server_hostname=HOST).outgoing()

    def test_it_is_read_from_a_hello_spread_over_records(self, hello: bytes) -> None:
        message = hello[5:]
        for size in (1, 7, 100):
            pieces = [message[at : at + size] for at in range(0, len(message), size)]
            assert requested_name(b"".join(b"\x16\x03\x01" + len(p).to_bytes(2, "big") + p for p in pieces)) == HOST

    def test_what_follows_the_hello_does_not_matter(self, hello: bytes) -> None:
        assert requested_name(bytearray(hello + b"\x14\x03\x03\x00\x01\x01")) == HOST

    def test_a_hello_cut_anywhere_has_none(self, hello: bytes) -> None:
        assert {requested_name(hello[:at]) for at in range(len(hello))} == {None}

    def test_one_that_is_no_host_name_is_none(self, hello: bytes) -> None:
        for evil in (b"mx.ex\r\nple.org", b"mx.ex\x00mple.org", b"mx.\xc3\xa4xmple.org", b"mx example.org"):
            assert len(evil) == len(HOST)
            assert requested_name(hello.replace(HOST.encode(), evil)) is None

    def test_octets_changed_at_random_do_no_harm(self, hello: bytes) -> None:
        chance = random.Random(1)
        for _ in range(3000):
            changed = bytearray(hello)
            for _ in range(chance.randint(1, 4)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            requested_name(changed)

    def test_a_name_that_is_not_ascii_raises_nothing_anywhere(self, files: Files, hello: bytes) -> None:
        server = TlsEngine(server_context(files.server), server_side=True)
        server.receive(hello.replace(b"mx.", b"\xff\xfe."))
        assert server.outgoing()
