"""Every kind of end of one connection."""

from __future__ import annotations

import asyncio
import socket

import anyio
import pytest
import smtpcore_anyio.server
import trio

from smtpcore.handler import Handler
from smtpcore.session import Observer, ServerConfig, ServerSession, Timeouts
from tests.adapters.anyio.dialogue import (
    Recorder,
    Slow,
    connect,
    flood,
    greeted,
    has_reactor,
    serving,
    until,
)

pytestmark = pytest.mark.anyio


class TestEnds:
    @pytest.mark.conformance("C075")
    async def test_replies_are_sent_behind_the_end_of_input(self) -> None:
        async with serving(handler := Recorder()) as server, greeted(server) as client:
            await client.send(b"NOOP\r\nNOOP\r\n")
            client.sock.shutdown(socket.SHUT_WR)
            assert (await client.rest()).count(b"250") == 2
            await until(lambda: handler.causes)

    async def test_a_421_arrives_though_input_was_not_read(self) -> None:
        async with serving() as server, greeted(server) as client:
            # The server has enough after ten of these. Closed at once, it would reset what it has not read, and what
            # the client has not read would be lost with that.
            await client.send(b"NONSENSE\r\n" * 60_000)
            assert b"\r\n421 4.7.0" in await client.rest()

    async def test_a_peer_that_never_stops_is_not_read_from_for_ever(self) -> None:
        config = ServerConfig(timeouts=Timeouts(linger=60.0))
        async with serving(config=config) as server, greeted(server) as client:
            await flood(client, b"NONSENSE\r\n")

    async def test_lingering_has_its_time(self) -> None:
        config = ServerConfig(timeouts=Timeouts(linger=0.05))
        async with serving(handler := Recorder(), config=config) as server, greeted(server) as client:
            assert (await client.say(b"QUIT")).startswith(b"221")
            assert await client.rest() == b""
            # The client's own side stays open, and the server does not wait for it.
            await until(lambda: handler.causes)

    @pytest.mark.parametrize("hook", [False, True])
    async def test_a_reset_in_the_middle_of_the_content_ends_that_session_only(self, hook: bool) -> None:
        async with serving(handler := Slow() if hook else Recorder()) as server, greeted(server) as other:
            async with greeted(server) as client:
                await client.begin_mail()
                await client.send(b".\r\n" if hook else b"half of it")
                await until(lambda: not isinstance(handler, Slow) or handler.begun)
                client.reset()
            if isinstance(handler, Slow):
                await until(lambda: handler.sessions[1].peer_gone)
                handler.go_on = True
            await until(lambda: handler.causes)
            # An older anyio does not pass on what the system said.
            assert isinstance(handler.causes[0], ConnectionResetError | anyio.BrokenResourceError)
            assert (await other.say(b"NOOP")).startswith(b"250")

    async def test_an_internal_error_ends_that_connection_only(self, complaints: list[str]) -> None:
        class Faulty(Observer):
            def received(self, session: ServerSession, verb: str, line: str) -> None:
                if verb == "HELP":
                    raise ZeroDivisionError

        async with serving(handler := Recorder(), observer=Faulty) as server:
            async with greeted(server) as client, greeted(server) as other:
                await client.send(b"HELP\r\n")
                assert await client.rest() == b""
                assert (await other.say(b"NOOP")).startswith(b"250")
            await until(lambda: len(handler.causes) == 2)
            assert isinstance(handler.causes[0], ZeroDivisionError)
        complaints.append("internal error, the connection is closed")

    async def test_an_internal_error_before_the_greeting_closes(self, complaints: list[str]) -> None:
        class Faulty(Observer):
            def opened(self, session: ServerSession) -> None:
                raise ZeroDivisionError

        async with serving(observer=Faulty) as server, connect(server) as client:
            assert await client.rest() == b""
        complaints.append("internal error, the connection is closed")

    async def test_what_a_hook_waits_for_may_be_cancelled_by_others(self) -> None:
        if not smtpcore_anyio.hooks.is_asyncio():
            pytest.skip("about asyncio's futures")

        class Waiting(Handler):
            async def helo(self, session: ServerSession, command: object) -> None:
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future

        async with serving(Waiting(), observer=Observer) as server, greeted(server) as client:
            assert (await client.say(b"EHLO client.example")).startswith(b"451")
            assert (await client.say(b"NOOP")).startswith(b"250")

    async def test_an_idle_connection_has_no_task(self) -> None:
        if not has_reactor():
            pytest.skip("about the reactor")

        def count() -> int:
            if smtpcore_anyio.hooks.is_asyncio():
                return len(asyncio.all_tasks())
            return trio.lowlevel.current_statistics().tasks_living

        async with serving(Slow()) as server:
            tasks = count()
            async with greeted(server) as first, greeted(server) as second:
                assert (await first.say(b"NOOP")).startswith(b"250")
                assert (await second.say(b"EHLO client.example")).startswith(b"250")
                assert count() == tasks
