"""What a server's connections have of their event loop: timers and sockets, on each backend."""

from __future__ import annotations

import contextvars
import functools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from smtpcore_anyio import Server, listen_tcp
from smtpcore_anyio.reactor import Reactor, TrioReactor, reactor_of_this_loop
from smtpcore_anyio.sockets import READ, WRITE, SelectorPoll, Sockets
from smtpcore_anyio.transport import SocketTransport

from smtpcore.handler import Handler
from smtpcore.session import Limits, ServerConfig, ServerSession
from tests.adapters.anyio.dialogue import LOOPBACK, PATIENCE, Recorder, greeted, narrow, serving, until

pytestmark = pytest.mark.anyio


# On asyncio these are the loop's affair.
ON_TRIO = pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Where there is a reactor."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
        return "asyncio", {"use_uvloop": True}
    return request.param, {}


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

    @ON_TRIO
    async def test_a_function_that_fails_is_reported_and_the_next_is_called(self, complaints: list[str]) -> None:
        done = anyio.Event()
        async with running() as reactor:
            assert isinstance(reactor, TrioReactor)
            reactor.call_soon(lambda: 1 / 0)  # type: ignore[arg-type]
            reactor.call_soon(done.set)
            await done.wait()
        complaints.append("internal error")


class TestSockets:
    async def test_other_tasks_have_their_turn_while_a_socket_is_ready_again_and_again(self) -> None:
        one, other = socket.socketpair()
        with one, other:
            other.send(b"!")
            async with running() as reactor:
                who = Counting()
                reactor.sockets.watch(one.fileno(), 0, READ, who)
                while len(who.calls) < 100:
                    await anyio.lowlevel.checkpoint()
                reactor.sockets.watch(one.fileno(), READ, 0, who)

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


@pytest.mark.parametrize("by_selectors", [False, True])
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
        sockets.watch(fd, 0, READ, who)
        assert not sockets.look()
        other.send(b"!")
        await anyio.wait_readable(sockets.fileno())
        assert sockets.look()
        sockets.watch(fd, READ, READ | WRITE, who)
        assert sockets.look()
        sockets.watch(fd, READ | WRITE, WRITE, who)
        assert sockets.look()
        sockets.watch(fd, WRITE, 0, who)
        assert not sockets.look()
        assert who.calls == [READ, READ | WRITE, WRITE]
    sockets.close()
    # Behind the end this is no error.
    sockets.watch(fd, 0, READ, who)


async def test_a_server_without_epoll_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smtpcore_anyio.sockets.select", object())
    config = ServerConfig(limits=Limits(max_noops=None, max_input_buffer=4096))
    count = 4000
    async with (
        serving(handler := Recorder(), narrow(), config=config) as server,
        greeted(server, SO_RCVBUF=4096) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(client.send, b"NOOP\r\n" * count + b"QUIT\r\n")
        # The server cannot write.
        await until(lambda: not handler.sessions[0].wants_data)
        assert (await client.rest()).count(b"250 ") == count
