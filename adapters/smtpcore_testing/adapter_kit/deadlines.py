"""One timer for the deadline that the session names."""

from __future__ import annotations

import time

from smtpcore.handler import BodySink
from smtpcore.session import Limits, Timeouts

from .adapter import Adapter
from .application import EHLO, LOCAL, TRANSACTION, Recorder, goes_on
from .clients import until
from .memory import MIB, memory_under
from .servers import Connect, Start


class Deadlines(Adapter):
    """The deadline is kept, whatever the connection does meanwhile."""

    def test_a_silent_peer_is_told_at_the_deadline(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler, timeouts=Timeouts(idle=0.2))).greeted()
        client.send(b"NOO")
        assert client.reply().startswith(b"421 4.4.2 ")
        assert client.rest() == b""
        client.close()
        until(lambda: len(handler.causes) == 1)

    def test_content_that_never_pauses_meets_its_deadline_all_the_same(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        limits = Limits(max_message_size=0)
        client = connect(start(handler, limits=limits, bare_newlines="reject", timeouts=Timeouts(data=0.3))).greeted()
        handler.data = lambda session, envelope: BodySink()  # type: ignore[method-assign]
        client.send(EHLO + TRANSACTION + b"DATA\r\n")
        client.codes(4)
        while not client.heard(0.005):
            client.send(b"x" * 998 + b"\r\n")
            client.pass_time(0.01)
        assert client.reply().startswith(b"421 4.4.2 ")
        assert client.rest() == b""
        assert handler.messages == []

    def test_a_handshake_that_is_never_begun_is_cut_at_its_deadline(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        client = connect(start(handler, implicit_tls=True, timeouts=Timeouts(tls_handshake=0.2)))
        assert client.rest() == b""
        until(lambda: len(handler.causes) == 1)
        assert isinstance(handler.causes[0], TimeoutError)

    def test_a_handshake_that_never_pauses_meets_its_deadline_all_the_same(
        self, start: Start, connect: Connect
    ) -> None:
        handler = Recorder()
        client = connect(start(handler, implicit_tls=True, timeouts=Timeouts(tls_handshake=0.2)))
        client.send(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc")
        while not client.heard(0.005):
            client.send(b"x")
            client.pass_time(0.005)
        until(lambda: len(handler.causes) == 1)
        assert isinstance(handler.causes[0], TimeoutError)

    def test_who_never_reads_is_cut_off_at_the_write_deadline(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        server = start(handler, limits=Limits(max_noops=None), timeouts=Timeouts(write=0.3))
        client = connect(server, 4096).greeted()

        def cut_off() -> bool:
            # However much the transport takes, in the end it takes no more.
            try:
                client.offer(b"VRFY bob\r\n" * 10_000, stall=0.01)
            except OSError:
                pass  # The connection is over.
            client.pass_time(0.1)
            return len(handler.causes) == 1

        with memory_under(6 * MIB):
            until(cut_off)
        assert isinstance(handler.causes[0], TimeoutError)
        client.close()
        goes_on(server, handler, connect)

    def test_who_talks_before_the_greeting_is_turned_away_if_that_is_wanted(
        self, start: Start, connect: Connect
    ) -> None:
        server = start(Recorder(), refuse_early_talk=True, timeouts=Timeouts(greeting_delay=30.0))
        client = connect(server)
        client.send(b"EHLO c.test\r\nMAIL FROM:<ann@a.test>\r\nQUIT\r\n")
        assert client.codes(4) == [554, 503, 503, 221]
        assert client.rest() == b""

    def test_a_greeting_delay_is_kept(self, start: Start, connect: Connect) -> None:
        server = start(Recorder(), refuse_early_talk=True, timeouts=Timeouts(greeting_delay=0.2))
        begun = time.monotonic()
        client = connect(server)
        # On a busy machine this thread may come late.
        assert not client.heard() or time.monotonic() - begun >= 0.2
        assert client.code() == 220
        assert client.ask(EHLO) == 250

    def test_a_proxy_header_that_never_comes_is_waited_for_only_so_long(self, start: Start, connect: Connect) -> None:
        server = start(Recorder(), proxy_networks=LOCAL, timeouts=Timeouts(proxy_header=0.2))
        client = connect(server)
        client.send(b"PROXY TCP4 ")
        assert client.rest() == b""

    def test_of_two_deadlines_the_earlier_counts(self, start: Start, connect: Connect) -> None:
        server = start(Recorder(), limits=Limits(max_noops=None), timeouts=Timeouts(idle=60.0, session=0.3))
        client = connect(server).greeted()
        reply = b"250"
        while reply.startswith(b"250"):
            client.pass_time(0.02)
            client.send(b"NOOP\r\n")
            reply = client.reply()
        assert reply.startswith(b"421 4.4.2 ")
        assert client.rest() == b""
