"""What every adapter does when a peer is hostile, or has no manners."""

from __future__ import annotations

import ssl
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from smtpcore.handler import BodySink
from smtpcore.session import Limits, Timeouts
from tests.adapters import drivers
from tests.adapters.drivers import until
from tests.adapters.mail import (
    EHLO,
    TRANSACTION,
    Connect,
    Recorder,
    Serve,
    goes_on,
)

MIB = 1024 * 1024


@contextmanager
def memory_under(limit: int) -> Iterator[None]:
    """What is allocated in here, by server and client together, is less than so many octets at any time."""
    tracemalloc.start(1)
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("last", [b"QUIT\r\n", b"NOOP\r\n" * 101])
def test_a_last_reply_arrives_although_input_is_unread(serve: Serve, connect: Connect, last: bytes) -> None:
    client = connect(serve(Recorder())).greeted()
    client.send(last + b"NOOP\r\n" * 80_000)
    replies = client.rest().split(b"\r\n")
    assert replies[-2][:4] == (b"221 " if last == b"QUIT\r\n" else b"421 ")
    assert replies[-1] == b""


def test_a_hundred_thousand_commands_without_reading_are_all_answered(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler, limits=Limits(max_noops=None))
    client = connect(server, 4096).greeted()
    flood = b"NOOP\r\n" * 100_000 + b"QUIT\r\n"
    answers = 0
    with memory_under(6 * MIB):
        sent = client.offer(flood)
        while sent < len(flood):
            answers += client.read().count(b"\n")
            sent += client.offer(flood[sent : sent + 65536], stall=0.0)
        while octets := client.read():
            answers += octets.count(b"\n")
    assert answers == 100_001
    goes_on(server, handler, connect)


def test_who_never_reads_is_cut_off_at_the_write_deadline(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler, limits=Limits(max_noops=None), timeouts=Timeouts(write=0.3))
    client = connect(server, 4096).greeted()
    with memory_under(6 * MIB):
        client.offer(b"VRFY bob\r\n" * 100_000)
        client.pass_time(0.3)
        until(lambda: len(handler.causes) == 1)
    assert isinstance(handler.causes[0], TimeoutError)
    client.close()
    goes_on(server, handler, connect)


def test_a_line_without_end_is_421_long_before_its_end(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler)
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


def test_a_silent_peer_is_told_at_the_deadline(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler, timeouts=Timeouts(idle=0.2))).greeted()
    client.send(b"NOO")
    assert client.reply().startswith(b"421 4.4.2 ")
    assert client.rest() == b""
    client.close()
    until(lambda: len(handler.causes) == 1)


def test_content_that_never_pauses_meets_its_deadline_all_the_same(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    limits = Limits(max_message_size=0)
    client = connect(serve(handler, limits=limits, bare_newlines="reject", timeouts=Timeouts(data=0.3))).greeted()
    handler.data = lambda session, envelope: BodySink()  # type: ignore[method-assign]
    client.send(EHLO + TRANSACTION + b"DATA\r\n")
    client.codes(4)
    while not client.heard(0.005):
        client.send(b"x" * 998 + b"\r\n")
        client.pass_time(0.01)
    assert client.reply().startswith(b"421 4.4.2 ")
    assert client.rest() == b""
    assert handler.messages == []


def test_a_handshake_that_never_pauses_meets_its_deadline_all_the_same(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler, implicit_tls=True, timeouts=Timeouts(tls_handshake=0.2)))
    client.send(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc")
    while not client.heard(0.005):
        client.send(b"x")
        client.pass_time(0.005)
    until(lambda: len(handler.causes) == 1)
    assert isinstance(handler.causes[0], TimeoutError)


def test_a_peer_that_breaks_off_while_replies_are_written_is_forgotten(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler, limits=Limits(max_noops=None))
    client = connect(server, 4096).greeted()
    client.offer(b"VRFY bob\r\n" * 100_000, stall=0.05)
    client.reset()
    until(lambda: len(handler.causes) == 1)
    goes_on(server, handler, connect)


@pytest.mark.parametrize("records", [b"\x17\x03\x03\x00\x10" + b"x" * 16, b"NOOP\r\n" * 10])
def test_a_record_that_is_none_ends_the_connection(
    serve: Serve, connect: Connect, client_ssl_context: ssl.SSLContext, records: bytes
) -> None:
    handler = Recorder()
    server = serve(handler, starttls=True)
    below = connect(server).greeted()
    assert below.ask(EHLO) == 250
    assert below.ask(b"STARTTLS\r\n") == 220
    client = drivers.Engine(below, client_ssl_context)
    client.handshake(b"")
    below.send(records)
    try:
        below.rest()
    except ConnectionResetError:
        pass  # The octets behind the bad record were never read.
    until(lambda: len(handler.causes) == 1)
    goes_on(server, handler, connect)
