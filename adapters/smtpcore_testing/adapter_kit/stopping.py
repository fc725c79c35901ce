"""How a server stops."""

from __future__ import annotations

import threading

import pytest

from smtpcore.session import Observer

from .adapter import Adapter
from .application import CONTENT, EHLO, MESSAGE, TRANSACTION, Recorder, Spool
from .clients import until
from .servers import Connect, Start


class Stopping(Adapter):
    """In good order, and by force when the grace is over."""

    @pytest.mark.parametrize("said", [b"", EHLO, EHLO + b"AUTH LOGIN\r\n"])
    def test_an_idle_session_is_told_at_once_that_the_server_stops(
        self, start: Start, connect: Connect, said: bytes
    ) -> None:
        server = start(Recorder(), mechanisms=("LOGIN",), plaintext_auth_without_tls=True)
        client = connect(server).greeted()
        client.send(said)
        client.codes(said.count(b"\r\n"))
        server.stop(30.0)
        assert client.reply().startswith(b"421 4.3.2 ")
        assert client.rest() == b""
        client.close()
        until(server.ended)

    def test_a_transaction_may_finish_before_the_server_stops(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        server = start(handler)
        client = connect(server).greeted()
        client.send(EHLO + TRANSACTION)
        assert client.codes(3) == [250, 250, 250]
        server.stop(30.0)
        assert client.ask(b"DATA\r\n") == 354
        client.send(MESSAGE + b".\r\n")
        assert client.codes(2) == [250, 421]
        assert client.rest() == b""
        client.close()
        assert handler.messages == [CONTENT]
        until(server.ended)

    @pytest.mark.parametrize("graces", [[0.2], [30.0, 0.0]])
    def test_a_grace_that_is_over_ends_a_transaction(self, start: Start, connect: Connect, graces: list[float]) -> None:
        handler = Recorder()
        server = start(handler)
        client = connect(server).greeted()
        client.send(EHLO + TRANSACTION + b"DATA\r\n" + MESSAGE)
        assert client.codes(4) == [250, 250, 250, 354]
        for grace in graces:
            server.stop(grace)
        assert client.code() == 421
        assert client.rest() == b""
        client.close()
        assert handler.messages == []
        until(server.ended)

    def test_a_handshake_does_not_outlive_the_grace(self, start: Start, connect: Connect) -> None:
        opened = threading.Event()
        observer = Observer()
        observer.opened = lambda session: opened.set()  # type: ignore[method-assign]
        server = start(Recorder(), implicit_tls=True, observer=lambda: observer)
        client = connect(server)
        until(lambda: client.heard() or opened.is_set())
        server.stop(0.2)
        assert client.rest() == b""
        client.close()
        until(server.ended)

    def test_nobody_new_is_served_while_the_last_sessions_end(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        server = start(handler)
        client = connect(server).greeted()
        client.send(EHLO + TRANSACTION)
        assert client.codes(3) == [250, 250, 250]
        server.stop(30.0)
        try:
            late = connect(server)
            late.send(b"QUIT\r\n")
            greeting = late.rest()
        except OSError:
            greeting = b""
        assert not greeting.startswith(b"220")
        client.send(b"QUIT\r\n")
        assert client.rest()[:4] in (b"221 ", b"421 ")
        client.close()
        until(server.ended)

    def test_force_leaves_nothing_half_delivered(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        finished: list[bytes] = []
        handler.data = lambda session, envelope: Spool(finished)  # type: ignore[method-assign]
        server = start(handler)
        client = connect(server).greeted()
        client.send(EHLO + TRANSACTION + b"DATA\r\n" + MESSAGE)
        assert client.codes(4) == [250, 250, 250, 354]
        server.stop(0.0)
        assert client.code() == 421
        assert client.rest() == b""
        client.close()
        until(server.ended)
        assert finished == [b"aborted"]
        assert len(handler.causes) == 1
        assert handler.messages == []
