"""What an engine carries, how it ends, and what it refuses."""

from __future__ import annotations

import contextlib
import random
import ssl
from typing import Any

import pytest
from smtpcore_tls import TlsEngine, TlsError

from smtpcore.errors import LocalProtocolError
from tests.adapters.tls.engines import Pair, new_pair, octets


class TestData:
    @pytest.mark.parametrize("size", [1, 4093, 16406, 100_003, 1 << 23])
    def test_five_mebibytes_arrive_whole_in_odd_pieces(self, pair: Pair, size: int) -> None:
        content = random.Random(0).randbytes((5 << 20 if size > 1 else 1 << 16) + 7)
        pair.client.send(memoryview(content))
        records = memoryview(pair.client.outgoing())
        received = []
        for at in range(0, len(records), size):
            piece = records[at : at + size]
            received.append(pair.server.receive(piece))
            assert len(received[-1]) <= len(piece) + 16384
        assert b"".join(received) == content

    def test_sends_come_out_in_order_and_buffers_may_be_reused(self, pair: Pair) -> None:
        for line in (b"MAIL FROM:<>\r\n", b"", b"DATA\r\n"):
            buffer = bytearray(line)
            pair.client.send(buffer)
            buffer[:] = bytes(len(buffer))
        records = bytearray(pair.client.outgoing())
        received = pair.server.receive(records[:9])
        records[:9] = bytes(9)
        assert received + pair.server.receive(records[9:]) == b"MAIL FROM:<>\r\nDATA\r\n"

    def test_receiving_nothing_changes_nothing(self, pair: Pair) -> None:
        assert pair.server.receive(b"") == b""
        assert not pair.server.ended
        assert pair.server.outgoing() == b""

    def test_a_forged_record_fails_and_tells_the_peer(self, pair: Pair) -> None:
        pair.client.send(b"NOOP\r\n")
        records = bytearray(pair.client.outgoing())
        records[-1] ^= 1
        with pytest.raises(TlsError):
            pair.server.receive(records)
        assert pair.server.ended
        with pytest.raises(TlsError):
            pair.client.receive(pair.server.outgoing())
        with pytest.raises(TlsError):
            pair.server.send(b"250 OK\r\n")

    def test_clear_text_behind_the_handshake_is_never_read(self, pair: Pair) -> None:
        with pytest.raises(TlsError):
            pair.server.receive(b"MAIL FROM:<a@b>\r\n")

    @pytest.mark.parametrize("cut", [lambda data: [data], octets], ids=["whole", "octet by octet"])
    def test_what_stands_before_a_fault_is_read_however_it_is_cut(self, pair: Pair, cut: Any) -> None:
        pair.client.send(b"NOOP\r\n")
        received = b""
        for piece in cut(pair.client.outgoing() + b"QUIT\r\n"):
            if not pair.server.ended:
                with contextlib.suppress(TlsError):
                    received += pair.server.receive(piece)
        assert received == b"NOOP\r\n"
        assert pair.server.ended
        with pytest.raises(TlsError):
            pair.server.receive(b"")


class Moody(ssl.SSLObject):
    """Refuses to write as OpenSSL does in the middle of a renegotiation, or when something is broken."""

    mood: ssl.SSLError | None = None

    def write(self, data: Any) -> int:
        if self.mood is not None:
            raise self.mood
        return super().write(data)


class TestWritesThatCannotBe:
    @pytest.fixture
    def pair(self, contexts: Any) -> Pair:
        contexts[1].sslobject_class = Moody
        pair = new_pair(contexts)
        pair.exchange()
        return pair

    def test_they_wait_for_the_peer_and_keep_their_order(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Moody, "mood", ssl.SSLWantReadError())
        pair.client.send(b"MAIL FROM:<>\r\n")
        pair.client.send(b"DATA\r\n")
        pair.server.send(b"250 OK\r\n")
        assert pair.client.outgoing() == b""
        monkeypatch.undo()
        pair.exchange()
        assert (pair.at_server, pair.at_client) == (b"MAIL FROM:<>\r\nDATA\r\n", b"250 OK\r\n")

    def test_a_fault_is_a_failure(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Moody, "mood", ssl.SSLError(1, "broken"))
        with pytest.raises(TlsError):
            pair.client.send(b"NOOP\r\n")
        assert pair.client.ended


class TestEnds:
    def test_close_notify_is_a_clean_end(self, pair: Pair) -> None:
        pair.client.send(b"QUIT\r\n")
        pair.client.close()
        pair.exchange()
        assert pair.at_server == b"QUIT\r\n"
        assert pair.server.peer_closed
        assert pair.server.ended
        pair.server.eof()
        assert not pair.server.truncated

    def test_an_end_without_close_notify_is_truncation(self, pair: Pair) -> None:
        pair.client.send(b"QUIT\r\n")
        assert pair.server.receive(pair.client.outgoing()[:-1]) == b""
        assert not pair.server.ended
        pair.server.eof()
        assert pair.server.truncated
        assert pair.server.ended
        assert not pair.server.peer_closed

    @pytest.mark.parametrize("end", ["close_notify", "truncation"])
    def test_the_last_reply_can_still_be_sent(self, pair: Pair, end: str) -> None:
        if end == "close_notify":
            pair.client.close()
            pair.server.receive(pair.client.outgoing())
        pair.server.eof()
        pair.server.send(b"221 bye\r\n")
        pair.server.close()
        assert pair.server.outgoing()

    def test_nothing_is_read_behind_a_close_notify(self, pair: Pair) -> None:
        pair.client.close()
        alert = pair.client.outgoing()
        assert pair.server.receive(alert + b"MAIL FROM:<a@b>\r\n") == b""
        assert pair.server.receive(b"DATA\r\n") == b""
        assert pair.server.peer_closed

    def test_a_close_in_the_middle_of_the_peers_record_ends_reading_for_good(self, pair: Pair) -> None:
        pair.client.send(b"NOOP\r\n")
        records = pair.client.outgoing()
        pair.server.receive(records[:10])
        pair.server.close()
        pair.server.close()
        assert pair.server.receive(records[10:]) == b""
        pair.server.eof()
        assert not pair.server.truncated
        pair.client.receive(pair.server.outgoing())
        assert pair.client.peer_closed
        pair.client.close()
        assert pair.client.outgoing()

    def test_closing_before_the_handshake_sends_nothing(self, contexts: Any) -> None:
        server = TlsEngine(contexts[0], server_side=True)
        server.close()
        assert server.outgoing() == b""
        server.eof()


def test_misuse_is_told_what_to_do_instead(contexts: Any, pair: Pair) -> None:
    server = TlsEngine(contexts[0], server_side=True)
    with pytest.raises(LocalProtocolError, match="wait until handshaken is true, then send"):
        server.send(b"220 ready\r\n")
    with pytest.raises(LocalProtocolError, match="wait until handshaken is true, then ask"):
        server.info()
    pair.server.close()
    with pytest.raises(LocalProtocolError, match="send before close"):
        pair.server.send(b"250 OK\r\n")


def test_a_client_that_checks_names_needs_one(client_ssl_context: ssl.SSLContext) -> None:
    with pytest.raises(ValueError, match="a server_hostname is needed"):
        TlsEngine(client_ssl_context, server_side=False)
