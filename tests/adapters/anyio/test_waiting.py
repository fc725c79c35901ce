"""Deadlines, and peers that are slower or faster than the server."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from smtpcore_anyio import Server, listen_tcp
from smtpcore_anyio.loop import StepLoop
from smtpcore_anyio.reactor import Sleeper, Timer

from smtpcore.session import Limits, Observer, ServerConfig, Timeouts
from tests.adapters.anyio.dialogue import (
    LOOPBACK,
    UNLIMITED,
    Recorder,
    Slow,
    connect,
    flood,
    greeted,
    has_reactor,
    narrow,
    serving,
    until,
)

pytestmark = pytest.mark.anyio


class TestDeadlines:
    async def test_an_idle_session_ends_with_421(self) -> None:
        config = ServerConfig(timeouts=Timeouts(idle=0.05))
        async with serving(config=config) as server, greeted(server) as client:
            assert (await client.rest()).startswith(b"421 4.4.2")

    async def test_who_talks_is_not_idle_and_has_the_whole_time_when_the_talk_ends(self) -> None:
        config = ServerConfig(timeouts=Timeouts(idle=0.2), limits=UNLIMITED)

        async def talk(server: Server) -> bool:
            """Whether no pause was as long as the idle time, which may come about on a busy machine."""
            said = anyio.current_time()
            async with greeted(server) as client:
                # Past the deadline that the first command had.
                talk_ends = said + 0.3
                while (now := anyio.current_time()) < talk_ends:
                    reply = await client.say(b"NOOP")
                    if anyio.current_time() - said >= 0.2:
                        return False
                    assert reply.startswith(b"250")
                    said = now
                assert (await client.rest()).startswith(b"421 4.4.2")
                # The idle time began with the last reply, which was on its way when the talk ended.
                assert anyio.current_time() > talk_ends + 0.1
            return True

        async with serving(config=config) as server:
            while not await talk(server):
                pass

    async def test_one_scope_serves_many_commands_on_trio(
        self, anyio_backend_name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if anyio_backend_name != "trio":
            pytest.skip("about trio's sockets")
        made: list[float | None] = []
        make = StepLoop._until

        def counted(loop: StepLoop[Any], deadline: float | None) -> anyio.CancelScope:
            made.append(deadline)
            return make(loop, deadline)

        async with serving(config=ServerConfig(limits=UNLIMITED)) as server, greeted(server) as client:
            monkeypatch.setattr(StepLoop, "_until", counted)
            for _ in range(50):
                await client.say(b"NOOP")
            assert not made

    async def test_a_hook_that_never_returns_is_cancelled_at_its_deadline(self) -> None:
        config = ServerConfig(timeouts=Timeouts(message_hook=0.05))
        async with serving(handler := Slow(), config=config, observer=Observer) as server, greeted(server) as client:
            await client.begin_mail()
            assert (await client.say(b".")).startswith(b"451")
            await until(lambda: handler.cancelled)
            assert (await client.say(b"NOOP")).startswith(b"250")

    async def test_who_spoke_before_the_greeting_is_heard_at_a_delay_of_zero(self) -> None:
        listener = await listen_tcp(LOOPBACK, 0)
        async with connect(listener.addresses[0]) as client:
            # The octets are in the kernel before the server has begun to look.
            await client.send(b"EHLO client.example\r\n")
            async with serving(None, listener, config=ServerConfig(refuse_early_talk=True)):
                assert (await client.reply()).startswith(b"554")
                client.sock.close()

    async def test_a_peer_that_takes_no_replies_is_cut_off(self) -> None:
        config = ServerConfig(timeouts=Timeouts(write=0.1), limits=UNLIMITED)
        async with (
            serving(handler := Recorder(), narrow(), config=config) as server,
            greeted(server, SO_RCVBUF=4096) as client,
        ):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(flood, client)
                await until(lambda: handler.causes)
                tasks.cancel_scope.cancel()
            assert isinstance(handler.causes[0], TimeoutError)

    async def test_the_timer_is_not_set_anew_for_each_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if not has_reactor():
            pytest.skip("about the reactor")
        armed: list[float] = []
        config = ServerConfig(limits=UNLIMITED, timeouts=Timeouts(session=600.0))
        async with serving(config=config) as server, greeted(server) as client:
            reactor = server._reactor
            assert reactor is not None
            wake_at = reactor.wake_at

            def counted(when: float, who: Sleeper) -> Timer:
                armed.append(when)
                return wake_at(when, who)

            monkeypatch.setattr(reactor, "wake_at", counted)
            for _ in range(50):
                await client.say(b"NOOP")
            assert len(armed) <= 1


class TestPressure:
    @pytest.mark.parametrize("epoll", [True, False])
    async def test_commands_are_all_answered_however_late_the_replies_are_read(
        self, epoll: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not epoll:
            monkeypatch.setattr("smtpcore_anyio.sockets.select", object())
        config = ServerConfig(limits=Limits(max_noops=None, max_input_buffer=4096))
        count = 4000
        async with (
            serving(handler := Recorder(), narrow(), config=config) as server,
            greeted(server, SO_RCVBUF=4096) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(client.send, b"NOOP\r\n" * count + b"QUIT\r\n")
            # The server cannot write, so it has stopped to read as well.
            await until(lambda: not handler.sessions[0].wants_data)
            assert (await client.rest()).count(b"250 ") == count

    async def test_while_a_hook_runs_no_more_is_read_than_the_input_buffer_takes(self) -> None:
        config = ServerConfig(limits=Limits(max_noops=None, max_input_buffer=4096))
        async with (
            serving(handler := Slow(), config=config) as server,
            greeted(server) as client,
            anyio.create_task_group() as tasks,
        ):
            await client.begin_mail()
            await client.send(b".\r\n")
            await until(lambda: handler.begun)
            [session] = handler.sessions
            tasks.start_soon(flood, client)
            await until(lambda: not session.wants_data)
            await anyio.wait_all_tasks_blocked()
            assert session.connection.buffered <= 4096 + 65536
            handler.go_on = True
            assert (await client.reply()).startswith(b"250 2.0.0 Kept")
            tasks.cancel_scope.cancel()

    async def test_a_peer_that_leaves_while_a_hook_runs_is_noticed_and_the_hook_goes_on(self) -> None:
        async with serving(handler := Slow()) as server:
            async with greeted(server) as client:
                await client.begin_mail()
                await client.send(b".\r\n")
                await until(lambda: handler.begun)
            await until(lambda: handler.sessions[0].peer_gone)
            assert not handler.cancelled
            handler.go_on = True
            await until(lambda: handler.causes)
            assert not handler.cancelled
