"""Mail comes through whole and in order."""

from __future__ import annotations

from .adapter import Adapter
from .application import CONTENT, DELIVERED, DELIVERY, EHLO, MESSAGE, TRANSACTION, Recorder
from .clients import until
from .servers import Connect, Start


class Order(Adapter):
    """Octets reach the session in order, and its replies the client."""

    def test_a_message_is_delivered(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler)).greeted()
        assert client.ask(EHLO) == 250
        assert client.ask(b"MAIL FROM:<ann@a.test>\r\n") == 250
        assert client.ask(b"RCPT TO:<bob@b.test>\r\n") == 250
        assert client.ask(b"DATA\r\n") == 354
        assert client.ask(MESSAGE + b".\r\n") == 250
        assert client.ask(b"QUIT\r\n") == 221
        assert client.rest() == b""
        assert handler.messages == [CONTENT]
        client.close()
        until(lambda: handler.causes == [None])

    def test_a_pipelined_group_is_answered_in_order_to_its_quit(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler)).greeted()
        client.send(EHLO + DELIVERY + b"NOOP\r\nVRFY bob\r\n" + DELIVERY + b"QUIT\r\nNOOP\r\n")
        assert client.codes(12) == [250, *DELIVERED, 250, 252, *DELIVERED, 221]
        assert client.rest() == b""
        assert handler.messages == [CONTENT, CONTENT]

    def test_octets_that_come_one_by_one_are_the_same_dialogue(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler)).greeted()
        for octet in EHLO + DELIVERY + b"QUIT\r\n":
            client.send(bytes([octet]))
        assert client.codes(6) == [250, *DELIVERED, 221]
        assert client.rest() == b""
        assert handler.messages == [CONTENT]

    def test_a_large_message_is_delivered(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler)).greeted()
        line = b"x" * 998 + b"\r\n"
        client.send(EHLO + TRANSACTION + b"DATA\r\n")
        assert client.codes(4) == [250, 250, 250, 354]
        client.send(line * 5000)
        assert client.ask(b".\r\n") == 250
        assert handler.messages == [line * 5000]
