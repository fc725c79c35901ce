"""The page about the client tells the truth: its programs send mail."""

from __future__ import annotations

import contextlib
import io
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from smtpcore_anyio import Client, connect
from smtpcore_testing import SmtpSink

from smtpcore.session.client import ClientConfig, Delivery, Message

PAGE = Path(__file__).parent.parent / "docs" / "client.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
SENDING, PLAIN, FORWARDING, POOL, THREADS, MEMORY, SESSION, WIRE = BLOCKS
BACKENDS = ("asyncio", "trio")


def run(block: str) -> dict[str, Any]:
    """Its names."""
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(block, "client.md", "exec"), names)
    return names


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_first_program_says_what_became_of_each_recipient(backend: str, smtp_sink: SmtpSink) -> None:
    smtp_sink.on_rcpt("eve@*").reply(550, "No such user")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        anyio.run(run(SENDING)["main"], smtp_sink.host, smtp_sink.port, backend=backend)
    bob, eve = printed.getvalue().splitlines()
    assert bob.startswith("bob@mx.example accepted 250 ")
    assert eve == "eve@mx.example permanent 550 5.7.1 No such user"
    assert smtp_sink.messages[0].recipients == ("bob@mx.example",)


def test_the_blocking_program_sends_a_message_to_all_whom_it_names(smtp_sink: SmtpSink) -> None:
    run(PLAIN)["main"](smtp_sink.host, smtp_sink.port)
    assert smtp_sink.messages[0].recipients == ("bob@mx.example", "cat@mx.example")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_forwarder_sends_what_it_is_given(backend: str, smtp_sink: SmtpSink) -> None:
    forward: Callable[..., Awaitable[Delivery]] = run(FORWARDING)["forward"]

    async def pieces() -> AsyncIterator[bytes]:
        yield b"Subject: hello\r\n"
        yield b"\r\n"

    async def main() -> None:
        async with connect(smtp_sink.host, smtp_sink.port, ClientConfig(hostname="client.example")) as client:
            assert isinstance(client, Client)
            delivery = await forward(client, "ann@client.example", ["bob@mx.example"], pieces())
        assert len(delivery.accepted) == 1

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        anyio.run(main, backend=backend)
    assert printed.getvalue() == "bob@mx.example 250\n"


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_pool_sends_all(backend: str, smtp_sink: SmtpSink) -> None:
    messages = [Message.to("ann@client.example", ["bob@mx.example"], b"x\r\n") for _ in range(10)]
    assert anyio.run(run(POOL)["send_all"], smtp_sink.host, smtp_sink.port, messages, backend=backend) == 10
    assert len(smtp_sink.messages) == 10


def test_the_pool_of_threads_sends_all(smtp_sink: SmtpSink) -> None:
    messages = [Message.to("ann@client.example", ["bob@mx.example"], b"x\r\n") for _ in range(10)]
    assert run(THREADS)["send_all"](smtp_sink.host, smtp_sink.port, messages) == 10
    assert len(smtp_sink.messages) == 10


def test_the_pair_in_memory_delivers_a_message() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run(MEMORY)
    assert printed.getvalue().startswith("250 2.0.0 ")


def test_the_session_by_hand_delivers_a_message(smtp_sink: SmtpSink) -> None:
    send: Callable[[socket.socket, Message], Delivery] = run(SESSION)["send"]
    connection = socket.create_connection((smtp_sink.host, smtp_sink.port))
    delivery = send(connection, Message.to("ann@client.example", ["bob@mx.example"], b"x\r\n"))
    assert len(delivery.accepted) == 1
    assert smtp_sink.messages[0].content == b"x\r\n"


def test_the_wire_pairs_replies_with_commands() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run(WIRE)
    assert printed.getvalue().splitlines() == [
        r"b'EHLO client.example\r\n'",
        r"b'MAIL FROM:<ann@client.example>\r\n'",
        "Mail(path=Path('ann', 'client.example'), params={}) 250",
    ]
