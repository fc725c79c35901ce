"""What sessions do with content, over every adapter; what adapters do is in the kit."""

from __future__ import annotations

import pytest
from smtpcore_testing.adapter_kit.application import (
    CONTENT,
    DELIVERED,
    DELIVERY,
    EHLO,
    MESSAGE,
    TRANSACTION,
    Recorder,
)
from smtpcore_testing.adapter_kit.servers import Connect, Start

from smtpcore.session import Limits


def test_a_message_over_the_limit_is_552_and_the_session_goes_on(serve: Start, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler, limits=Limits(max_message_size=1000))).greeted()
    client.send(EHLO + TRANSACTION + b"DATA\r\n" + b"x" * 998 + b"\r\nxx\r\n.\r\nNOOP\r\n" + DELIVERY)
    assert client.codes(6) == [250, 250, 250, 354, 552, 250]
    assert client.codes(4) == DELIVERED
    assert client.ask(b"MAIL FROM:<ann@a.test> SIZE=1001\r\n") == 552
    assert handler.messages == [CONTENT]


FALSE_ENDS = [
    b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\n.\x00\r\n",
    b"\r\n\x00.\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n .\r\n", b"\r\n..\r\n",
    b"\n\r.\n\r", b"\r\n.\n\r", b"\n\n.\r\n", b"\r\n.\x08\r\n", b"\x0b.\x0b", b"\x0c.\x0c", b"\x1c.\x1c",
    b"\xc2\x85.\xc2\x85", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\r\x00\n.\r\x00\n",
    b"\r\n\xef\xbc\x8e\r\n", b"\x8d\x8a.\x8d\x8a", b"\r\n\xae\r\n", b"\r\n\x1a\r\n",
]  # fmt: skip
ALLOWED = {13, 14, 15, 16, *range(20, 27), 28, 29, 30, 31}
"""The numbers of those without bare CR, bare LF or NUL."""


@pytest.mark.parametrize("number", range(1, 32))
def test_a_false_end_of_data_ends_nothing(serve: Start, connect: Connect, number: int) -> None:
    handler = Recorder()
    client = connect(serve(handler)).greeted()
    client.send(EHLO + TRANSACTION + b"DATA\r\n")
    assert client.codes(4) == [250, 250, 250, 354]
    client.send(b"a" + FALSE_ENDS[number - 1] + b"b\r\n.\r\n")
    assert client.code() == (250 if number in ALLOWED else 554)
    assert client.ask(b"NOOP\r\n") == 250
    client.send(b"QUIT\r\n")
    assert client.rest().startswith(b"221 ")
    stuffed = FALSE_ENDS[number - 1].replace(b"\r\n.", b"\r\n")
    assert handler.messages == ([b"a" + stuffed + b"b\r\n"] if number in ALLOWED else [])


@pytest.mark.conformance("C320")
def test_a_hundred_sessions_at_once_are_served(serve: Start, connect: Connect) -> None:
    handler = Recorder()
    address = serve(handler)
    clients = [connect(address).greeted() for _ in range(100)]
    for client in clients:
        client.send(EHLO + TRANSACTION + b"DATA\r\n")
    assert [client.codes(4) for client in clients] == [[250, 250, 250, 354]] * 100
    for client in clients:
        client.send(MESSAGE + b".\r\n")
    assert [client.code() for client in clients] == [250] * 100
    assert handler.messages == [CONTENT] * 100
