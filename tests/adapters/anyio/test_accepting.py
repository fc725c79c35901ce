"""Accepting, and what may go wrong with it."""

from __future__ import annotations

import errno
import socket
from typing import Any

import anyio
import pytest
import smtpcore_anyio.accepting
from smtpcore_anyio import Server, listen_tcp

from smtpcore.session import Observer, ServerConfig
from tests.adapters.anyio.dialogue import (
    LOOPBACK,
    PATIENCE,
    Recorder,
    connect,
    greeted,
    has_reactor,
    serving,
)

pytestmark = pytest.mark.anyio


class TestAccepting:
    async def test_over_the_cap_connections_wait_until_another_is_over(self) -> None:
        async with (
            serving(handler := Recorder(), max_connections=2) as server,
            greeted(server) as first,
            greeted(server),
            connect(server) as waiting,
        ):
            await anyio.wait_all_tasks_blocked()
            assert len(handler.sessions) == 2
            first.sock.close()
            assert (await waiting.reply()).startswith(b"220")

    @pytest.mark.parametrize("code", [errno.EMFILE, errno.ECONNABORTED])
    async def test_a_failing_accept_does_not_end_the_server(
        self, code: int, monkeypatch: pytest.MonkeyPatch, complaints: list[str]
    ) -> None:
        accept, failures = socket.socket.accept, [code, code]

        def failing(self: socket.socket) -> Any:
            result = accept(self)
            if failures:
                result[0].close()
                raise OSError(failures.pop(), "no")
            return result

        monkeypatch.setattr(smtpcore_anyio.accepting, "_RETRY", 0.01)
        async with serving() as server:
            monkeypatch.setattr(socket.socket, "accept", failing)
            for _ in (code, code):
                async with connect(server):
                    pass
            async with greeted(server):
                pass
        if code == errno.EMFILE:
            complaints.append("cannot accept connections: no")

    async def test_a_listening_socket_that_breaks_ends_the_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(self: socket.socket) -> Any:
            raise OSError(errno.EINVAL, "broken")

        server = Server(ServerConfig(), Recorder())
        monkeypatch.setattr(socket.socket, "accept", broken)
        with anyio.fail_after(PATIENCE), pytest.raises(ExceptionGroup):
            await server.serve(await listen_tcp(LOOPBACK, 0))

    async def test_a_connection_that_gets_no_transport_costs_nobody_else_anything(
        self, monkeypatch: pytest.MonkeyPatch, complaints: list[str]
    ) -> None:
        async with serving(max_connections=1) as server:
            if has_reactor():

                def refuse(*_: object) -> None:
                    raise ValueError("no transport")

                with monkeypatch.context() as patch:
                    patch.setattr("smtpcore_anyio.server.SocketTransport.begin", refuse)
                    async with connect(server) as client:
                        assert await client.rest() == b""
                complaints.append("a connection could not begin")
            async with greeted(server):
                pass

    async def test_room_that_comes_when_nothing_is_accepted_any_more_is_not_used(self) -> None:
        async with serving(max_connections=2) as server, greeted(server) as client:
            await client.begin_mail()
            server.stop(PATIENCE)
            assert (await client.say(b".")).startswith(b"250")
            assert (await client.rest()).startswith(b"421")

    async def test_an_observer_that_cannot_be_made_costs_one_connection(self, complaints: list[str]) -> None:
        makers = [lambda: 1 / 0, Observer]
        async with serving(observer=lambda: makers.pop(0)()) as server:
            async with connect(server) as client:
                assert await client.rest() == b""
            async with greeted(server):
                pass
        complaints.append("a connection could not begin")
