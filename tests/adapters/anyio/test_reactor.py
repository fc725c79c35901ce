"""What a server's connections have of their event loop: timers and sockets, on each backend."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from smtpcore_anyio import Server, listen_tcp
from smtpcore_anyio.reactor import Reactor, reactor_of_this_loop
from smtpcore_anyio.sockets import READ, WRITE, SelectorPoll, Sockets
from smtpcore_anyio.transport import SocketTransport

from smtpcore.commands import Mail, Rcpt
from smtpcore.handler import Handler
from smtpcore.session import Limits, ServerConfig, ServerSession
from tests.adapters.anyio.dialogue import (
    LOOPBACK,
    PATIENCE,
    TAKES_APART,
    WITH_REACTOR,
    Recorder,
    connect,
    flood,
    greeted,
    serving,
    until,
)

pytestmark = [pytest.mark.anyio, WITH_REACTOR]


@asynccontextmanager
async def running() -> AsyncIterator[Reactor]:
    reactor = reactor_of_this_loop()
    assert reactor is not None
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reactor.run)
            await anyio.wait_all_tasks_blocked()
            yield reactor
            reactor.stop()


class Counting:
    """Somebody who waits for a socket and does nothing about it."""

    def __init__(self) -> None:
        self.context = contextvars.copy_context()
        self.calls: list[int] = []

    def ready(self, events: int) -> None:
        self.calls.append(events)


class Sleeping:
    """Somebody who wants to be called at a time, and does what the test says."""

    def __init__(self, wake: Callable[[], object] = lambda: None) -> None:
        self.context = contextvars.copy_context()
        self._wake = wake

    def wake(self) -> None:
        self._wake()


class TestTimers:
    async def test_they_are_called_in_the_order_of_their_times(self) -> None:
        called: list[int] = []
        done = anyio.Event()
        async with running() as reactor:
            now = reactor.time()
            reactor.wake_at(now + 0.03, Sleeping(done.set))
            for number in (2, 0, 1):
                reactor.wake_at(now + 0.01 * number, Sleeping(functools.partial(called.append, number)))
            await done.wait()
        assert called == [0, 1, 2]

    async def test_one_that_was_cancelled_is_not_called(self) -> None:
        called: list[int] = []
        done = anyio.Event()
        async with running() as reactor:
            now = reactor.time()
            first, second = (reactor.wake_at(now + 0.001, Sleeping(lambda: called.append(1))) for _ in range(2))
            reactor.wake_at(now + 0.01, Sleeping(done.set))
            first.cancel()
            await done.wait()
            # Too late, and no harm.
            second.cancel()
        assert called == [1]

    async def test_one_that_is_called_may_want_to_be_called_again(self) -> None:
        done = anyio.Event()
        async with running() as reactor:
            reactor.wake_at(
                reactor.time() + 0.001, Sleeping(lambda: reactor.wake_at(reactor.time() + 0.001, Sleeping(done.set)))
            )
            await done.wait()

    async def test_those_that_were_cancelled_do_not_pile_up(self) -> None:
        async with running() as reactor:
            kept = reactor.wake_at(reactor.time() + 3600, Sleeping())
            for _ in range(10_000):
                reactor.wake_at(reactor.time() + 1800, Sleeping()).cancel()
            assert len(reactor._timers) < 250
            kept.cancel()

    async def test_one_that_fails_is_reported_and_the_next_is_called(self, complaints: list[str]) -> None:
        done = anyio.Event()
        async with running() as reactor:
            now = reactor.time()
            reactor.wake_at(now + 0.001, Sleeping(lambda: 1 / 0))
            reactor.wake_at(now + 0.002, Sleeping(done.set))
            await done.wait()
        complaints.append("internal error")

    async def test_a_function_that_fails_is_reported_and_the_next_is_called(self, complaints: list[str]) -> None:
        done = anyio.Event()
        async with running() as reactor:
            context = contextvars.copy_context()
            reactor.call_soon(lambda: 1 / 0, context)  # type: ignore[arg-type]
            reactor.call_soon(done.set, context)
            await done.wait()
        complaints.append("internal error")


class TestSockets:
    async def test_other_tasks_have_their_turn_while_a_socket_is_ready_again_and_again(self) -> None:
        one, other = socket.socketpair()
        with one, other:
            other.send(b"!")
            async with running() as reactor:
                who = Counting()
                reactor.sockets.watch(one.fileno(), READ, who)
                while len(who.calls) < 100:
                    await anyio.lowlevel.checkpoint()
                reactor.sockets.watch(one.fileno(), 0, who)

    @TAKES_APART
    @pytest.mark.parametrize(
        ("batch", "order"), [(32, ["heard", "heard", "said", "said"]), (1, ["heard", "said", "heard", "said"])]
    )
    async def test_those_who_are_ready_in_one_look_are_answered_behind_all_of_a_batch(
        self, batch: int, order: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log: list[str] = []
        write = SocketTransport.write

        class Hearing(Handler):
            def helo(self, session: ServerSession, command: object) -> None:
                log.append("heard")

        def saying(transport: SocketTransport, data: bytes) -> bool:
            log.append("said")
            return write(transport, data)

        monkeypatch.setattr("smtpcore_anyio.sockets._BATCH", batch)
        async with serving(Hearing()) as server, greeted(server) as first, greeted(server) as second:
            monkeypatch.setattr(SocketTransport, "write", saying)
            # Nothing is awaited between the two.
            first.sock.send(b"EHLO client.example\r\n")
            second.sock.send(b"EHLO client.example\r\n")
            for client in (first, second):
                assert (await client.reply()).startswith(b"250")
            assert log == order

    async def test_a_hook_may_end_a_connection_that_is_ready_in_the_same_look(self) -> None:
        class Stopping(Handler):
            def helo(self, session: ServerSession, command: object) -> None:
                server.stop(0)

        async with serving(Stopping()) as server, greeted(server) as first, greeted(server) as second:
            # Nothing is awaited between the two.
            first.sock.send(b"EHLO client.example\r\n")
            second.sock.send(b"EHLO client.example\r\n")
            for client in (first, second):
                assert b"421" in await client.rest()


async def test_what_a_hook_sets_in_a_context_variable_is_seen_by_its_own_connection_only() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    seen: list[str] = []

    class Setting(Handler):
        def helo(self, session: ServerSession, command: object) -> None:
            seen.append(variable.get())
            variable.set(session.id)

    async with serving(Setting()) as server, greeted(server) as client, greeted(server) as other:
        for each in (client, other, client):
            await each.say(b"EHLO client.example")
    assert seen[:2] == ["nothing", "nothing"]
    assert seen[2] not in seen[:2]


async def test_what_a_hook_sets_behind_one_that_was_awaited_is_still_seen() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    seen: list[str] = []

    class Setting(Handler):
        async def mail(self, session: ServerSession, mail: Mail) -> None:
            await anyio.lowlevel.checkpoint()

        def rcpt(self, session: ServerSession, rcpt: Rcpt) -> None:
            seen.append(variable.get())
            variable.set(session.id)

    async with serving(Setting()) as server, greeted(server) as client:
        await client.say(b"EHLO client.example")
        await client.send(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\n")
        for _ in range(2):
            assert (await client.reply()).startswith(b"250")
        assert (await client.say(b"RCPT TO:<c@mx.example>")).startswith(b"250")
    assert seen[0] == "nothing"
    assert seen[1] != "nothing"


async def test_a_hook_that_asks_for_something_cancelled_ends_its_own_connection_only(complaints: list[str]) -> None:
    class Asking(Recorder):
        def mail(self, session: ServerSession, mail: Mail) -> None:
            future: asyncio.Future[None] = asyncio.Future(loop=loop)
            future.cancel()
            future.result()

    loop = asyncio.new_event_loop()
    async with serving(handler := Asking()) as server:
        async with greeted(server) as client:
            await client.say(b"EHLO client.example")
            await client.send(b"MAIL FROM:<a@client.example>\r\n")
            assert await client.rest() == b""
        async with greeted(server) as client:
            assert (await client.say(b"NOOP")).startswith(b"250")
    loop.close()
    assert "CancelledError" in str(handler.causes[0])
    complaints.append("internal error, the connection is closed")


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="others have nothing but a collector")
async def test_a_connection_that_is_over_is_let_go_without_the_collector() -> None:
    def sessions() -> int:
        return sum(isinstance(each, ServerSession) for each in gc.get_objects())

    async with serving() as server:
        before = sessions()
        gc.disable()
        try:
            async with greeted(server) as client:
                assert sessions() == before + 1
                assert (await client.say(b"QUIT")).startswith(b"221")
                assert await client.rest() == b""
            await until(lambda: sessions() == before)
        finally:
            gc.enable()


async def test_an_early_talker_is_heard_however_many_others_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smtpcore_anyio.sockets._MOST", 1)
    config = ServerConfig(refuse_early_talk=True, limits=Limits(max_noops=None))
    async with serving(config=config) as server, greeted(server) as busy, anyio.create_task_group() as tasks:
        await busy.begin_mail()
        tasks.start_soon(flood, busy, b"All work and no play\r\n")
        for _ in range(5):
            async with connect(server) as early:
                await early.send(b"EHLO client.example\r\n")
                assert (await early.reply()).startswith(b"554")
        tasks.cancel_scope.cancel()


async def test_a_server_whose_listening_socket_others_have_closed_stops_in_order() -> None:
    listener = await listen_tcp(LOOPBACK, 0)
    async with serving(None, listener) as server, greeted(server) as client:
        listener.sockets[0].close()
        # Its number may be that of another socket now.
        assert (await client.say(b"NOOP")).startswith(b"250")
        await client.begin_mail()
        server.stop(PATIENCE)
        assert (await client.say(b".")).startswith(b"250")


async def test_room_for_more_that_cannot_be_accepted_any_more_is_said() -> None:
    listener = await listen_tcp(LOOPBACK, 0)
    server = Server(ServerConfig(), Recorder(), max_connections=1)

    async def close() -> None:
        async with greeted(listener.addresses[0]) as client:
            listener.sockets[0].close()
            assert (await client.say(b"QUIT")).startswith(b"221")

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(close)
            with pytest.raises(ExceptionGroup) as raised:
                await server.serve(listener)
    assert raised.group_contains(OSError, match="closed")


async def test_behind_a_stop_nobody_is_accepted() -> None:
    class Stopping(Recorder):
        def helo(self, session: ServerSession, command: object) -> None:
            address = server.addresses[0]
            assert isinstance(address, tuple)
            waiting.extend(socket.create_connection(address) for _ in range(3))
            server.stop(PATIENCE)

    waiting: list[socket.socket] = []
    async with serving(handler := Stopping()) as server, greeted(server) as client:
        await client.send(b"EHLO client.example\r\n")
        assert b"421" in await client.rest()
        await until(lambda: len(handler.causes) == 1)
        assert len(handler.sessions) == 1
    for sock in waiting:
        sock.close()


async def test_what_no_hook_may_raise_ends_the_server_and_all_its_connections() -> None:
    class Halt(BaseException):
        pass

    class Fatal(Recorder):
        def helo(self, session: ServerSession, command: object) -> None:
            raise Halt

    server = Server(ServerConfig(), handler := Fatal())
    listener = await listen_tcp(LOOPBACK, 0)
    heard: list[bytes] = []

    async def converse() -> None:
        async with greeted(listener.addresses[0]) as client, greeted(listener.addresses[0]) as other:
            await client.send(b"EHLO client.example\r\n")
            heard.append(await client.rest())
            heard.append(await other.rest())

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(converse)
            with pytest.raises(BaseExceptionGroup) as raised:
                await server.serve(listener)
    assert raised.group_contains(Halt)
    assert len(handler.causes) == 2
    assert heard == [b"", b""]


@pytest.mark.parametrize("by_selectors", [False, pytest.param(True, marks=TAKES_APART)])
async def test_every_system_tells_of_a_socket_what_is_wanted_of_it(
    by_selectors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_selectors:
        monkeypatch.setattr("smtpcore_anyio.sockets.select", object())
    sockets = Sockets()
    assert isinstance(sockets._poll, SelectorPoll) or not by_selectors
    who = Counting()
    one, other = socket.socketpair()
    with one, other:
        fd = one.fileno()
        sockets.watch(fd, READ, who)
        assert not sockets.look()
        other.send(b"!")
        await anyio.wait_readable(sockets.fileno())
        assert sockets.look()
        sockets.watch(fd, READ | WRITE, who)
        assert sockets.look()
        sockets.watch(fd, WRITE, who)
        assert sockets.look()
        sockets.watch(fd, 0, who)
        assert not sockets.look()
        assert who.calls == [READ, READ | WRITE, WRITE]
    sockets.close()
    # Behind the end this is no error.
    sockets.watch(fd, READ, who)
