"""How a server stops, in good order or by force."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import anyio
import pytest
import smtpcore_anyio.server
from smtpcore_anyio import Abandoned, Server, listen_socket, listen_tcp

from smtpcore.handler import Handler
from smtpcore.session import Observer, ServerConfig, ServerSession, Timeouts
from tests.adapters.anyio.dialogue import (
    LOOPBACK,
    PATIENCE,
    UNLIMITED,
    Recorder,
    Slow,
    connect,
    flood,
    greeted,
    narrow,
    serving,
    until,
)

pytestmark = pytest.mark.anyio


class TestStopping:
    @pytest.mark.conformance("C078")
    async def test_idle_sessions_end_at_once_and_a_transaction_is_finished(self) -> None:
        async with serving(handler := Slow()) as server, greeted(server) as idle, greeted(server) as busy:
            await busy.begin_mail()
            await busy.send(b".\r\n")
            await until(lambda: handler.begun)
            server.stop(grace=PATIENCE)
            assert (await idle.rest()).startswith(b"421")
            idle.sock.close()
            await until(lambda: handler.causes)
            handler.go_on = True
            assert (await busy.reply()).startswith(b"250 2.0.0 Kept")
            assert (await busy.rest()).startswith(b"421")
        assert handler.causes == [None, None]

    async def test_serve_returns_when_the_last_connection_is_over(self) -> None:
        server = Server(ServerConfig(), handler := Recorder())
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                await tasks.start(server.serve, await listen_tcp(LOOPBACK, 0))
                async with greeted(server) as client:
                    server.stop()
                    assert (await client.rest()).startswith(b"421")
        assert handler.causes == [None]

    async def test_a_second_stop_forces(self) -> None:
        async with serving(handler := Slow()) as server, greeted(server) as client:
            await client.begin_mail()
            await client.send(b".\r\n")
            await until(lambda: handler.begun)
            server.stop(grace=600)
            await anyio.wait_all_tasks_blocked()
            assert not handler.cancelled
            server.stop(grace=0)
            assert b"421" in await client.rest()
            await until(lambda: handler.cancelled)

    async def test_what_outlasts_the_grace_is_cut_off(self) -> None:
        # A peer that takes no replies keeps even the 421 from going out.
        config = ServerConfig(timeouts=Timeouts(linger=0.05, write=None), limits=UNLIMITED)
        async with (
            serving(handler := Recorder(), narrow(), config=config) as server,
            greeted(server, SO_RCVBUF=4096) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(flood, client)
            await until(lambda: handler.sessions and handler.sessions[0].connection.buffered)
            server.stop(grace=0.05)
            await until(lambda: handler.causes)
            tasks.cancel_scope.cancel()

    async def test_a_server_that_was_stopped_before_it_began_ends_at_once(self) -> None:
        server = Server(ServerConfig(), Handler())
        server.stop()
        with anyio.fail_after(PATIENCE):
            await server.serve(await listen_tcp(LOOPBACK, 0))

    async def test_who_is_there_goes_on_when_no_more_are_accepted(self) -> None:
        server = Server(ServerConfig(), handler := Recorder())
        listener = await listen_tcp(LOOPBACK, 0)
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                await tasks.start(server.serve, listener)
                async with greeted(server) as client:
                    server.stop_accepting()
                    await until(lambda: listener.sockets[0].fileno() < 0)
                    with pytest.raises(ConnectionRefusedError):
                        async with greeted(server):
                            pass
                    await client.begin_mail()
                    assert (await client.say(b".")).startswith(b"250")
                    await client.begin_mail()
                    assert (await client.say(b".")).startswith(b"250")
                    assert (await client.say(b"QUIT")).startswith(b"221")
        # serve() has returned: nobody was left.
        assert handler.causes == [None]

    async def test_a_stop_ends_what_goes_on_then(self) -> None:
        async with serving() as server, greeted(server) as client:
            server.stop_accepting()
            server.stop()
            assert (await client.rest()).startswith(b"421")

    async def test_who_waits_in_the_queue_is_taken_by_another_server_on_the_same_socket(self) -> None:
        listener = await listen_tcp(LOOPBACK, 0)
        ours = listen_socket(listener.sockets[0].dup())
        async with serving(None, listener) as server:
            server.stop_accepting()
            await until(lambda: listener.sockets[0].fileno() < 0)
            async with connect(server) as client, serving(None, ours):
                assert (await client.reply()).startswith(b"220")

    async def test_a_server_that_was_to_accept_nobody_before_it_began_ends_at_once(self) -> None:
        server = Server(ServerConfig(), Handler())
        server.stop_accepting()
        with anyio.fail_after(PATIENCE):
            await server.serve(await listen_tcp(LOOPBACK, 0))

    async def test_a_plain_hook_may_stop_the_server(self) -> None:
        class Stopping(Handler):
            def helo(self, session: ServerSession, command: object) -> None:
                server.stop()

        async with serving(Stopping()) as server, greeted(server) as client:
            assert re.search(rb"250 .*\r\n421 ", await client.say(b"EHLO client.example") + await client.rest())

    async def test_a_hook_that_is_settled_before_it_has_begun_is_dropped(self) -> None:
        class Stopping(Handler):
            def helo(self, session: ServerSession, command: object) -> Any:
                server.stop(grace=0)
                return self.never()

            async def never(self) -> None:
                await anyio.sleep_forever()

        async with serving(Stopping()) as server, greeted(server) as client:
            assert (await client.say(b"EHLO client.example")).startswith(b"421")

    async def test_an_error_of_an_observer_at_the_end_is_logged(self, complaints: list[str]) -> None:
        class Faulty(Observer):
            told = False

            def closed(self, session: ServerSession, cause: BaseException | None) -> None:
                Faulty.told = True
                raise ZeroDivisionError

        server = Server(ServerConfig(), Handler(), observer=Faulty)
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.serve, await listen_tcp(LOOPBACK, 0))
            async with greeted(server):
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await until(lambda: Faulty.told)
        complaints.append("internal error at the end of a connection")

    async def test_a_cancelled_server_ends_every_session_and_cancels_hooks(self) -> None:
        class AsyncEnd(Slow):
            async def late(self) -> None:
                """Perhaps nobody waits for it any more."""

            def disconnect(self, session: ServerSession, cause: BaseException | None) -> Any:
                super().disconnect(session, cause)
                return self.late()

        server = Server(ServerConfig(), handler := AsyncEnd())
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.serve, await listen_tcp(LOOPBACK, 0))
            async with greeted(server), greeted(server) as busy:
                await busy.begin_mail()
                await busy.send(b".\r\n")
                await until(lambda: handler.begun)
                tasks.cancel_scope.cancel()
        assert handler.cancelled
        assert len(handler.causes) == 2
        assert all(cause is None or isinstance(cause, Abandoned) for cause in handler.causes)

    async def test_a_task_of_asyncio_that_serves_can_be_cancelled_by_its_own_means(self) -> None:
        if not smtpcore_anyio.hooks.is_asyncio():
            pytest.skip("about asyncio")
        server = Server(ServerConfig(), handler := Slow())
        serve = asyncio.create_task(server.serve(await listen_tcp(LOOPBACK, 0)))
        await until(lambda: server.addresses)
        async with greeted(server) as client:
            await client.begin_mail()
            await client.send(b".\r\n")
            await until(lambda: handler.begun)
            serve.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serve
        assert handler.cancelled
        assert len(handler.causes) == 1
