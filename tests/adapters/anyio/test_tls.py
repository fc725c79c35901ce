"""TLS over sockets, by STARTTLS and from the first octet."""

from __future__ import annotations

import socket
import ssl

import pytest
from smtpcore_anyio import listen_tcp
from smtpcore_tls import TlsError, Wire

from smtpcore.session import ServerConfig, Timeouts
from tests.adapters.anyio.dialogue import (
    LOOPBACK,
    Recorder,
    connect,
    serving,
    until,
)

pytestmark = pytest.mark.anyio


class TestTls:
    @pytest.mark.conformance("C225")
    @pytest.mark.parametrize("implicit", [False, True])
    async def test_a_session_goes_on_inside_tls(
        self, implicit: bool, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=implicit)
        async with (
            serving(
                handler := Recorder(), listener, config=ServerConfig(starttls=True), tls_context=server_ssl_context
            ) as server,
            connect(server) as client,
        ):
            if not implicit:
                await client.reply()
                assert b"250-STARTTLS" in await client.say(b"EHLO client.example")
                assert (await client.say(b"STARTTLS")).startswith(b"220")
            await client.start_tls(client_ssl_context)
            if implicit:
                assert (await client.reply()).startswith(b"220")
            await client.begin_mail()
            await client.send(b"x" * 76 + b"\r\n" + (b"y" * 76 + b"\r\n") * 5000)
            assert (await client.say(b".")).startswith(b"250")
            assert (await client.say(b"QUIT")).startswith(b"221")
            assert await client.rest() == b""
            assert client.tls is not None
            assert (client.tls.peer_closed, client.tls.truncated) == (True, False)
            [session] = handler.sessions
            assert session.tls is not None
            assert session.tls.server_name == "localhost"

    async def test_a_handshake_that_takes_its_time_keeps_nobody_waiting(
        self, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=True)
        async with (
            serving(None, listener, tls_context=server_ssl_context) as server,
            connect(server) as silent,
            connect(server) as client,
        ):
            await client.start_tls(client_ssl_context)
            assert (await client.reply()).startswith(b"220")
            await silent.start_tls(client_ssl_context)
            assert (await silent.reply()).startswith(b"220")

    @pytest.mark.parametrize("input", [b"EHLO client.example\r\n", b"", None], ids=["clear text", "end", "silence"])
    async def test_a_failed_handshake_closes_the_connection(
        self, input: bytes | None, server_ssl_context: ssl.SSLContext
    ) -> None:
        config = ServerConfig(timeouts=Timeouts(tls_handshake=0.05 if input is None else 60.0))
        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=True)
        async with (
            serving(handler := Recorder(), listener, config=config, tls_context=server_ssl_context) as server,
            connect(server) as client,
        ):
            if input:
                await client.send(input)
            elif input is not None:
                client.sock.shutdown(socket.SHUT_WR)
            # At most an alert (RFC 8446 6), which is no text.
            assert not (await client.rest()).startswith((b"2", b"4", b"5"))
            await until(lambda: handler.causes)
            assert handler.causes[0] is not None

    @pytest.mark.parametrize("before", [b"", b"NOOP\r\n"])
    async def test_a_broken_record_ends_the_session(
        self, before: bytes, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=True)
        async with (
            serving(handler := Recorder(), listener, tls_context=server_ssl_context) as server,
            connect(server) as client,
        ):
            await client.start_tls(client_ssl_context)
            await client.reply()
            assert client.tls is not None
            client.tls.send(before)
            records, client.tls = client.tls.outgoing(), None
            await client.send(records + b"\x17\x03\x03\x00\x20" + bytes(32))
            await client.rest()
            await until(lambda: handler.causes)
            assert "bad record" in str(handler.causes[0])

    async def test_what_cannot_be_encrypted_ends_the_session(
        self, monkeypatch: pytest.MonkeyPatch, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
    ) -> None:
        def fail(wire: Wire, data: bytes) -> bytes:
            raise TlsError("no more keys")

        listener = await listen_tcp(LOOPBACK, 0, implicit_tls=True)
        async with (
            serving(handler := Recorder(), listener, tls_context=server_ssl_context) as server,
            connect(server) as client,
        ):
            await client.start_tls(client_ssl_context)
            assert (await client.reply()).startswith(b"220")
            await client.begin_mail()
            assert (await client.say(b".")).startswith(b"250")
            monkeypatch.setattr(Wire, "send", fail)
            await client.send(b"MAIL FROM:<a@client.example>\r\n")
            await until(lambda: handler.causes)
            assert isinstance(handler.causes[0], TlsError)
