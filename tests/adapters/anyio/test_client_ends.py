"""Every kind of end of a client's connection."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import pytest
from smtpcore_anyio import Client, connect, connect_unix
from smtpcore_anyio.hooks import is_asyncio

from smtpcore import LocalProtocolError, Mail, Noop, Rcpt
from smtpcore.session.client import ClientTimeouts, Feed, Message, SessionError, Status
from tests.adapters.anyio.dialogue import LOOPBACK, Slow, serving, until
from tests.adapters.anyio.sending import (
    TEXT,
    Inbox,
    Peer,
    config,
    connected,
    connected_to,
    message,
    path,
    scripted,
    statuses,
)

pytestmark = pytest.mark.anyio

Stage = Callable[[Peer], Awaitable[object]]


async def silent(peer: Peer) -> None:
    """Say nothing, and wait until the client has enough."""
    await peer.rest()


class TestConnecting:
    async def test_nobody_at_a_port(self, free_tcp_port: int) -> None:
        with pytest.raises(SessionError, match="Connection refused") as raised:
            async with connect(LOOPBACK, free_tcp_port, config()):
                pass
        assert raised.value.stage == "connect"
        assert raised.value.temporary
        assert isinstance(raised.value.__cause__, OSError)

    async def test_nobody_at_a_path(self) -> None:
        with pytest.raises(SessionError, match="cannot connect to /nonexistent/socket: No such file"):
            async with connect_unix("/nonexistent/socket", config()):
                pass

    async def test_each_address_of_a_name_has_its_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def connect_tcp(*args: object, **options: object) -> None:
            reasons = [
                OSError(errno.ECONNREFUSED, "a"),
                OSError(errno.EHOSTUNREACH, "b"),
                OSError(errno.EHOSTUNREACH, "c"),
            ]
            raise OSError("All connection attempts failed") from ExceptionGroup("several", reasons)

        monkeypatch.setattr(anyio, "connect_tcp", connect_tcp)
        with pytest.raises(SessionError, match=r"port 25: Connection refused; No route to host$"):
            async with connect("mx.example", 25, config()):
                pass

    async def test_a_name_that_can_be_none(self) -> None:
        with pytest.raises(SessionError, match=r"cannot connect to a\.\.b port 25: "):
            async with connect("a..b", 25, config()):
                pass

    async def test_a_name_that_is_not_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def getaddrinfo(*args: object, **options: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr("anyio._core._sockets.getaddrinfo", getaddrinfo)
        with pytest.raises(SessionError, match=r"port 25: Name or service not known$") as raised:
            async with connect("nowhere.example", 25, config()):
                pass
        assert raised.value.temporary

    async def test_connecting_has_its_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(anyio, "connect_tcp", lambda *args, **options: anyio.sleep_forever())
        with pytest.raises(SessionError, match=r"port 25: timeout$"):
            async with connect("mx.example", 25, config(), connect_timeout=0.01):
                pass


class TestServersThatEnd:
    @pytest.mark.parametrize(
        ("lines", "stage"),
        [((), "greeting"), ((b"220 srv\r\n",), "hello")],
        ids=["at once", "behind the greeting"],
    )
    async def test_a_server_that_closes_lets_nobody_in(self, lines: tuple[bytes, ...], stage: str) -> None:
        async def closes(peer: Peer) -> None:
            for line in lines:
                await peer.says(line)
                await peer.hears(b"EHLO")

        async with scripted(closes) as server:
            with pytest.raises(SessionError, match="closed the connection") as raised:
                async with connected_to(server):
                    pass
        assert raised.value.stage == stage
        assert raised.value.temporary

    @pytest.mark.parametrize(
        ("taken", "status"),
        [
            ([], Status.TEMPORARY),
            ([b"MAIL"], Status.TEMPORARY),
            ([b"MAIL", b"RCPT"], Status.TEMPORARY),
            ([b"MAIL", b"RCPT", b"DATA"], Status.UNCERTAIN),
        ],
    )
    async def test_a_server_that_closes_in_a_transaction_leaves_a_result(
        self, taken: list[bytes], status: Status
    ) -> None:
        async def closes(peer: Peer) -> None:
            await peer.greets()
            await peer.takes(*taken)
            await peer.stream.receive()

        async with scripted(closes) as server, connected_to(server) as client:
            delivery = await client.send(message())
            assert statuses(delivery) == [status]
            assert not client.usable
            # What follows says so, each in its way.
            assert (await client.send(message())).error is not None
            with pytest.raises(SessionError):
                await client.command(Noop())
            with pytest.raises(SessionError):
                await (await client.open(Mail(path("ann@client.example")))).add(Rcpt(path("bob@mx.example")))

    async def test_a_server_that_is_silent_has_its_time(self) -> None:
        async with scripted(silent) as server:
            with pytest.raises(SessionError, match=r"greeting: it took too long"):
                async with connected_to(server, timeouts=ClientTimeouts(greeting=0.02)):
                    pass

    async def test_a_server_that_does_not_answer_quit_has_its_time(self) -> None:
        async def stays(peer: Peer) -> None:
            await peer.greets()
            await peer.rest()

        async with scripted(stays) as server, connected_to(server, timeouts=ClientTimeouts(quit=0.02)):
            pass

    async def test_an_open_delivery_knows_that_the_connection_is_lost(self) -> None:
        async def closes(peer: Peer) -> None:
            await peer.greets()
            await peer.takes(b"MAIL", b"RCPT")
            await peer.hears(b"RCPT")

        async with scripted(closes) as server, connected_to(server) as client:
            delivery = await client.open(Mail(path("ann@client.example")))
            await delivery.add(Rcpt(path("bob@mx.example")))
            assert (await delivery.add(Rcpt(path("eve@mx.example")))).status is Status.TEMPORARY
            with pytest.raises(SessionError, match="closed the connection"):
                await delivery.complete(TEXT)
            await delivery.cancel()


class TestCancelling:
    async def test_a_cancelled_message_is_settled_and_the_connection_closed(self) -> None:
        """Nothing of it is delivered when the content was not complete."""
        begun = anyio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"the first line\r\n"
            begun.set()
            await anyio.sleep_forever()

        async with serving(inbox := Inbox()) as server, connected(server) as client, anyio.create_task_group() as tasks:
            sent = message(pieces())
            told: list[Status] = []

            async def send() -> None:
                await client.send(sent, told=lambda result: told.append(result.status))

            tasks.start_soon(send)
            await begun.wait()
            tasks.cancel_scope.cancel()
        assert told == [Status.TEMPORARY]
        assert not client.usable
        assert inbox.contents == []

    async def test_a_message_that_waits_for_its_last_reply_is_uncertain_when_cancelled(self) -> None:
        async with serving(slow := Slow()) as server, connected(server) as client:
            told: list[Status] = []
            async with anyio.create_task_group() as tasks:

                async def send() -> None:
                    await client.send(message(), told=lambda result: told.append(result.status))

                tasks.start_soon(send)
                await until(lambda: slow.begun)
                tasks.cancel_scope.cancel()
            assert told == [Status.UNCERTAIN]
            delivery = await client.send(message())
            assert statuses(delivery) == [Status.TEMPORARY]
            assert "the task was cancelled" in str(delivery.error)
            with pytest.raises(SessionError):
                await client.command(Noop())
            await until(lambda: slow.sessions[0].peer_gone)
            slow.go_on = True

    async def test_a_time_limit_around_a_message_leaves_nothing_half_done(self) -> None:
        async def stops(peer: Peer) -> None:
            await peer.greets()
            await peer.takes(b"MAIL")
            await peer.rest()

        async with scripted(stops) as server, connected_to(server) as client:
            with anyio.move_on_after(0.02) as scope:
                await client.send(message())
            assert scope.cancelled_caught
            assert not client.usable
            await server.closed[0].wait()

    async def test_the_time_limits_of_asyncio_do_the_same(self) -> None:
        if not is_asyncio():
            pytest.skip("about asyncio")

        async def stops(peer: Peer) -> None:
            await peer.greets()
            await peer.takes(b"MAIL")
            await peer.rest()

        told: list[Status] = []
        async with scripted(stops) as server, connected_to(server) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await client.send(message(), told=lambda result: told.append(result.status))
            assert told == [Status.TEMPORARY]
            assert not client.usable
            await server.closed[0].wait()

    async def test_a_cancelled_opening_closes(self) -> None:
        async with scripted(silent) as server:
            with anyio.move_on_after(0.02):
                async with connected_to(server):
                    pass
            await server.closed[0].wait()

    async def test_an_exception_in_the_block_hangs_up(self) -> None:
        async def fail(client: Client) -> None:
            await client.open(Mail(path("ann@client.example")))
            raise ZeroDivisionError

        async def hangs_up(peer: Peer) -> None:
            await peer.greets()
            await peer.takes(b"MAIL")
            assert await peer.rest() == 0

        async with scripted(hangs_up) as server:
            with pytest.raises(ZeroDivisionError):
                async with connected_to(server) as client:
                    await fail(client)

    async def test_an_application_that_fails_when_it_is_told_has_its_results_all_the_same(self) -> None:
        def fail(result: object) -> None:
            raise ZeroDivisionError

        async with serving(inbox := Inbox()) as server, connected(server) as client:
            delivery = await client.send(message(), told=fail)
            assert [result.status for result in delivery.results] == [Status.ACCEPTED]
            assert isinstance(delivery.fault, ZeroDivisionError)
            assert client.usable
        assert len(inbox.contents) == 1


class TestUse:
    async def test_two_tasks_cannot_use_one_client_at_the_same_time(self) -> None:
        async with serving(slow := Slow()) as server, connected(server) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.send, message())
            await until(lambda: slow.begun)
            for use in (client.quit, lambda: client.command(Noop()), lambda: client.send(message())):
                with pytest.raises(LocalProtocolError, match="another task is using this client"):
                    await use()
            slow.go_on = True

    async def test_a_client_may_go_from_one_task_to_another(self) -> None:
        async with serving(inbox := Inbox()) as server:
            connection = connected(server)
            clients: list[Client] = []

            async def enter() -> None:
                clients.append(await connection.__aenter__())

            async def leave() -> None:
                await clients[0].send(message())
                await connection.__aexit__(None, None, None)

            for job in (enter, leave):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(job)
            assert inbox.contents == [TEXT]
            await until(lambda: inbox.causes)
            assert inbox.causes == [None]

    async def test_while_a_delivery_is_open_nothing_else_is_sent(self) -> None:
        async with serving(inbox := Inbox()) as server, connected(server) as client:
            delivery = await client.open(Mail(path("ann@client.example")))
            await delivery.add(Rcpt(path("bob@mx.example")))
            with pytest.raises(LocalProtocolError, match="a delivery is open"):
                await client.send(message())
            await delivery.cancel()
            with pytest.raises(SessionError, match="given up"):
                await delivery.add(Rcpt(path("bob@mx.example")))
            assert statuses(await client.send(message())) == [Status.ACCEPTED]
        assert inbox.contents == [TEXT]

    async def test_leaving_cancels_an_open_delivery(self) -> None:
        async with serving(inbox := Inbox()) as server, connected(server) as client:
            delivery = await client.open(Mail(path("ann@client.example")))
            await delivery.add(Rcpt(path("bob@mx.example")))
        assert statuses(delivery.delivery) == [Status.TEMPORARY]
        assert inbox.causes == [None]

    async def test_cancelling_behind_the_beginning_of_the_content_hangs_up(self) -> None:
        async with serving(inbox := Inbox()) as server, connected(server, chunking=False) as client:
            delivery = await client.open(Mail(path("ann@client.example")))
            await delivery.add(Rcpt(path("bob@mx.example")))
            await delivery.write(b"the first line\r\n")
        assert statuses(delivery.delivery) == [Status.TEMPORARY]
        assert inbox.contents == []

    async def test_what_is_written_behind_a_refusal_is_dropped(self) -> None:
        async with serving(inbox := Inbox()) as server, connected(server) as client:
            delivery = await client.open(Mail(path("ann@client.example")))
            assert (await delivery.add(Rcpt(path("eve@mx.example")))).status is Status.PERMANENT
            for _ in range(2):
                await delivery.write(b"nobody gets this\r\n")
            assert statuses(await delivery.finish()) == [Status.PERMANENT]
            await client.send(message())
        assert inbox.contents == [TEXT]

    async def test_a_refused_sender_is_an_error_of_what_follows(self) -> None:
        async def refuses(peer: Peer) -> None:
            await peer.greets()
            await peer.hears(b"MAIL")
            await peer.says(b"550 5.7.1 not you\r\n")
            await peer.takes_leave()

        async with scripted(refuses) as server, connected_to(server) as client:
            delivery = await client.open(Mail(path("ann@client.example")))
            assert delivery.delivery.done
            with pytest.raises(SessionError, match="not you"):
                await delivery.add(Rcpt(path("bob@mx.example")))
            with pytest.raises(SessionError, match="not you"):
                await delivery.complete(TEXT)
            with pytest.raises(SessionError, match="not you"):
                await delivery.write(TEXT)

    async def test_content_has_one_end(self) -> None:
        async with serving() as server, connected(server) as client:
            delivery = await client.open(Mail(path("ann@client.example")))
            with pytest.raises(LocalProtocolError, match="no content was written"):
                await delivery.finish()
            await delivery.add(Rcpt(path("bob@mx.example")))
            await delivery.complete(TEXT)
            with pytest.raises(LocalProtocolError):
                await delivery.write(TEXT)
            with pytest.raises(TypeError, match="goes with open"):
                await client.send(Message(Mail(path("ann@client.example")), [Rcpt(path("bob@mx.example"))], Feed()))
