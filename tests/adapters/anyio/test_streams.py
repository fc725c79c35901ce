"""Sessions over any byte stream."""

from __future__ import annotations

import ssl
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSStream
from smtpcore_anyio import serve_stream

from smtpcore.session import Peer, ServerConfig
from tests.adapters.anyio.dialogue import (
    LOOPBACK,
    PATIENCE,
    Recorder,
    connect,
)

pytestmark = pytest.mark.anyio


class Pipe(ByteStream):
    """The least a byte stream can be: two object streams, and no way to end one direction."""

    def __init__(self, send: Any, receive: Any) -> None:
        self._send = send
        self._receive = receive

    async def send(self, item: bytes) -> None:
        await self._send.send(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data: bytes = await self._receive.receive()
        return data

    async def send_eof(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        self._send.close()
        self._receive.close()


def pipe() -> tuple[Pipe, Pipe]:
    (first_send, first_receive), (second_send, second_receive) = (
        anyio.create_memory_object_stream[bytes](16) for _ in range(2)
    )
    return Pipe(first_send, second_receive), Pipe(second_send, first_receive)


class TestAnyStream:
    async def test_a_session_runs_over_a_stream_of_any_kind(self) -> None:
        ours, theirs = pipe()
        handler = Recorder()
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                peer = Peer("192.0.2.1", 25)
                tasks.start_soon(lambda: serve_stream(theirs, ServerConfig(), handler, peer=peer))
                assert (await ours.receive()).startswith(b"220")
                await ours.send(b"QUIT\r\n")
                assert (await ours.receive()).startswith(b"221")
                with pytest.raises(anyio.EndOfStream):
                    await ours.receive()
        await ours.aclose()
        assert handler.sessions[0].peer == peer
        assert handler.causes == [None]

    async def test_a_stream_may_bring_its_own_tls(
        self, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        async def serve(stream: SocketStream) -> None:
            secure = await TLSStream.wrap(stream, server_side=True, ssl_context=server_ssl_context)
            await serve_stream(secure, ServerConfig(), handler, peer=Peer())

        handler = Recorder()
        with anyio.fail_after(PATIENCE):
            async with await anyio.create_tcp_listener(local_host=LOOPBACK) as at, anyio.create_task_group() as tasks:
                tasks.start_soon(at.serve, serve)
                address = at.extra(anyio.abc.SocketAttribute.local_address)
                async with connect(address) as client:
                    await client.start_tls(client_ssl_context)
                    assert (await client.reply()).startswith(b"220")
                    assert (await client.say(b"QUIT")).startswith(b"221")
                    assert await client.rest() == b""
                tasks.cancel_scope.cancel()
        assert handler.causes == [None]

    async def test_a_stream_that_breaks_ends_the_session_and_not_the_caller(self) -> None:
        ours, theirs = pipe()
        await ours.aclose()
        await serve_stream(theirs, ServerConfig(), handler := Recorder(), peer=Peer())
        assert isinstance(handler.causes[0], anyio.BrokenResourceError)

    async def test_a_cancelled_stream_has_its_session_ended(self) -> None:
        ours, theirs = pipe()
        handler = Recorder()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: serve_stream(theirs, ServerConfig(), handler, peer=Peer()))
            await ours.receive()
            tasks.cancel_scope.cancel()
        await ours.aclose()
        assert handler.causes == [None]
