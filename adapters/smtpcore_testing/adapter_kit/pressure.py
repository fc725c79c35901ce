"""The client is faster than the server, or the other way round."""

from __future__ import annotations

import pytest

from smtpcore.handler import BodySink
from smtpcore.replies import Reply
from smtpcore.session import Envelope, Limits, ServerSession, Timeouts

from .adapter import FOREVER, Adapter
from .application import EHLO, TRANSACTION, Recorder, goes_on
from .clients import until
from .memory import MIB, memory_under
from .servers import Connect, Start

READ = 256 * 1024
"""Octets that one read of an adapter brings, at most."""


class Pressure(Adapter):
    """Nobody is read from who is not written to, and nothing that cannot be kept."""

    def test_twenty_thousand_commands_and_half_a_close_are_all_answered(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        server = start(handler, limits=Limits(max_noops=None))
        client = connect(server, 4096).greeted()
        flood = b"NOOP\r\n" * 20_000
        answers = 0
        with memory_under(6 * MIB):
            sent = client.offer(flood)
            while sent < len(flood):
                answers += client.read().count(b"\n")
                sent += client.offer(flood[sent : sent + 65536], stall=0.0)
            # That is the end of the input and not of the replies.
            client.end()
            while octets := client.read():
                answers += octets.count(b"\n")
        assert answers == 20_000
        goes_on(server, handler, connect)

    def test_a_line_without_end_is_421_long_before_its_end(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        server = start(handler)
        client = connect(server).greeted()
        piece = b"x" * MIB
        with memory_under(6 * MIB):
            for _ in range(100):
                client.send(piece)
                if client.heard(0.5):
                    break
            # The peer looked up from its writing as soon as there was an answer.
            assert client.reply().startswith(b"421 4.7.0 ")
            assert client.rest() == b""
        client.close()
        goes_on(server, handler, connect)

    def test_while_a_hook_is_awaited_no_more_is_read_than_the_input_buffer_takes(
        self, start: Start, connect: Connect
    ) -> None:
        if not self.awaits:
            pytest.skip("the adapter awaits no hooks")
        adapter = self
        sessions: list[ServerSession] = []

        class Slow(BodySink):
            async def write(self, chunk: bytes) -> Reply | None:
                await adapter.sleep(FOREVER)
                return None

        def data(session: ServerSession, envelope: Envelope) -> BodySink:
            sessions.append(session)
            return Slow()

        handler = Recorder()
        handler.data = data  # type: ignore[method-assign]
        server = start(handler, limits=Limits(max_input_buffer=65536), timeouts=Timeouts(hook=None))
        client = connect(server).greeted()
        client.send(EHLO + TRANSACTION + b"DATA\r\n")
        client.codes(4)
        client.offer((b"x" * 998 + b"\r\n") * 16 * 1024)
        [session] = sessions
        until(lambda: not session.wants_data)
        assert session.connection.buffered <= 65536 + READ
