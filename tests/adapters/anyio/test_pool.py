"""The pool: which connection gets a message, and what becomes of connections that are kept."""

from __future__ import annotations

from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from smtpcore_anyio import Pool, Server, listen_unix

from smtpcore import Limits, LocalProtocolError, ServerConfig
from smtpcore.session.client import Result, Status
from tests.adapters.anyio.dialogue import LOOPBACK, serving, until
from tests.adapters.anyio.sending import Inbox, Peer, config, message, scripted, statuses

pytestmark = pytest.mark.anyio


async def one_message(peer: Peer) -> None:
    await peer.greets()
    await peer.takes_message()


async def one_message_and_leave(peer: Peer) -> None:
    await one_message(peer)
    await peer.takes_leave()


def pool(server: Server | tuple[str, int], **settings: object) -> Pool:
    address = server if isinstance(server, tuple) else server.addresses[0]
    assert isinstance(address, tuple)
    return Pool(*address, config(), **settings)  # type: ignore[arg-type]


async def test_a_connection_serves_one_message_after_the_other() -> None:
    async with serving(inbox := Inbox()) as server, pool(server) as sender:
        for _ in range(3):
            assert statuses(await sender.send(message())) == [Status.ACCEPTED]
    assert len(inbox.contents) == 3
    assert inbox.causes == [None]


async def test_tasks_share_no_more_connections_than_there_may_be() -> None:
    async with (
        serving(inbox := Inbox()) as server,
        pool(server, max_connections=2) as sender,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(10):
            tasks.start_soon(sender.send, message())
    assert len(inbox.contents) == 10
    assert len(inbox.sessions) == 2


async def test_a_connection_is_given_up_behind_so_many_messages() -> None:
    async with serving(inbox := Inbox()) as server, pool(server, max_messages=2) as sender:
        for _ in range(5):
            assert statuses(await sender.send(message())) == [Status.ACCEPTED]
    assert len(inbox.sessions) == 3
    assert inbox.causes == [None] * 3


async def test_no_server_gets_more_messages_than_it_announces_to_take() -> None:
    limits = Limits(max_transactions=1)
    async with (
        serving(inbox := Inbox(), config=ServerConfig(limits=limits, announce_limits=True)) as server,
        pool(server) as sender,
    ):
        for _ in range(2):
            assert statuses(await sender.send(message())) == [Status.ACCEPTED]
    assert len(inbox.sessions) == 2


@pytest.mark.parametrize("settings", [{}, {"max_idle": 0.001}], ids=["used up", "idle"])
async def test_no_more_connections_take_their_leave_than_may_be_in_use(settings: dict[str, float]) -> None:
    standing: list[int] = [0]
    extensions = [] if settings else [b"LIMITS MAILMAX=1"]

    async def stays(stream: SocketStream) -> None:
        standing.append(standing[-1] + 1)
        peer = Peer(stream)
        await peer.greets(*extensions)
        await peer.takes_message()
        # QUIT is not answered.
        await peer.rest()
        await stream.aclose()
        standing.append(standing[-1] - 1)

    async with await anyio.create_tcp_listener(local_host=LOOPBACK) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, stays)
        address = listener.extra(SocketAttribute.local_address)
        assert isinstance(address, tuple)
        with suppress(ArithmeticError):
            async with pool(address, max_connections=2, **settings) as sender:
                for _ in range(8):
                    assert statuses(await sender.send(message())) == [Status.ACCEPTED]
                    # The next message finds no connection that was kept.
                    await until(lambda: not sender._kept)
                # Leaving in order would wait for what never comes.
                raise ArithmeticError
        await until(lambda: len(standing) == 1 + 2 * 8)
        tasks.cancel_scope.cancel()
    # Two that leave, one in use, and one of which the server has not yet seen that it has gone.
    assert max(standing) <= 4


async def test_a_connection_that_nobody_needs_is_closed() -> None:
    async with serving(inbox := Inbox()) as server, pool(server, max_idle=0.02) as sender:
        await sender.send(message())
        await until(lambda: inbox.causes)
        await sender.send(message())
    assert len(inbox.sessions) == 2


async def test_noop_tells_whether_a_connection_that_idled_is_good() -> None:
    async def asked(peer: Peer) -> None:
        await one_message(peer)
        await peer.takes(b"NOOP")
        await peer.takes_message()
        await peer.takes_leave()

    async with scripted(asked) as server, pool(server.address, check_after=0) as sender:
        for _ in range(2):
            assert statuses(await sender.send(message())) == [Status.ACCEPTED]


@pytest.mark.parametrize("farewell", [b"", b"421 4.3.2 idle for too long\r\n"])
async def test_a_kept_connection_that_has_gone_is_noticed_by_noop(farewell: bytes) -> None:
    async def leaves(peer: Peer) -> None:
        await one_message(peer)
        if farewell:
            await peer.says(farewell)

    async with scripted(leaves, one_message_and_leave) as server, pool(server.address, check_after=0) as sender:
        assert statuses(await sender.send(message())) == [Status.ACCEPTED]
        await server.closed[0].wait()
        assert statuses(await sender.send(message())) == [Status.ACCEPTED]


async def test_a_message_whose_kept_connection_has_gone_gets_another_and_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What has idled for a while is looked at before anything is sent; here that while is over at once.
    monkeypatch.setattr("smtpcore.session.client.session._LOOK_AFTER", 0.0)
    told: list[Result] = []
    async with scripted(one_message, one_message_and_leave) as server, pool(server.address) as sender:
        await sender.send(message())
        await server.closed[0].wait()
        delivery = await sender.send(message(), told=told.append)
        assert statuses(delivery) == [Status.ACCEPTED]
        assert told == delivery.results


@pytest.mark.parametrize("farewell", [b"421 4.4.2 idle for too long\r\n", b""])
async def test_a_message_whose_mail_was_not_taken_is_sent_over_another_connection(farewell: bytes) -> None:
    async def leave(peer: Peer) -> None:
        await one_message(peer)
        await peer.hears(b"MAIL")
        if farewell:
            await peer.says(farewell)

    told: list[Result] = []
    async with scripted(leave, one_message_and_leave) as server, pool(server.address) as sender:
        await sender.send(message())
        delivery = await sender.send(message(), told=told.append)
        assert statuses(delivery) == [Status.ACCEPTED]
        assert told == delivery.results


async def test_a_message_that_was_begun_is_not_sent_again() -> None:
    async def cut(peer: Peer) -> None:
        await one_message(peer)
        await peer.takes(b"MAIL")

    told: list[Result] = []
    async with scripted(cut, one_message_and_leave) as server, pool(server.address) as sender:
        await sender.send(message())
        delivery = await sender.send(message(), told=told.append)
        assert statuses(delivery) == [Status.TEMPORARY]
        assert told == delivery.results
        assert statuses(await sender.send(message())) == [Status.ACCEPTED]


async def test_a_server_that_lets_nobody_in_fails_each_message() -> None:
    async def busy(peer: Peer) -> None:
        await peer.says(b"421 4.3.2 not now\r\n")

    async def closed(peer: Peer) -> None:
        await peer.says(b"554 5.7.1 never\r\n")
        await peer.takes_leave()

    told: list[Result] = []
    async with scripted(busy, closed) as server, pool(server.address) as sender:
        delivery = await sender.send(message(), told=told.append)
        assert statuses(delivery) == [Status.TEMPORARY]
        assert told == delivery.results
        assert statuses(await sender.send(message())) == [Status.PERMANENT]


async def test_nobody_at_the_address_is_a_temporary_failure(free_tcp_port: int) -> None:
    async with pool((LOOPBACK, free_tcp_port)) as sender:
        delivery = await sender.send(message())
    assert statuses(delivery) == [Status.TEMPORARY]
    assert delivery.error is not None
    assert delivery.error.stage == "connect"


async def test_content_that_may_not_be_sent_leaves_the_connection_as_it_is() -> None:
    async with serving(inbox := Inbox()) as server, pool(server) as sender:
        await sender.send(message())
        told: list[Result] = []
        assert statuses(await sender.send(message(b"a lone\nLF"), told=told.append)) == [Status.PERMANENT]
        assert len(told) == 1
        await sender.send(message())
    assert len(inbox.sessions) == 1


async def test_a_pool_reaches_a_unix_socket(tmp_path: Path) -> None:
    listener = await listen_unix(tmp_path / "socket")
    async with serving(inbox := Inbox(), listener), Pool(tmp_path / "socket", None, config()) as sender:
        email = EmailMessage()
        email["From"], email["To"] = "ann@client.example", "bob@mx.example"
        email.set_content("hello\n")
        assert statuses(await sender.send_message(email)) == [Status.ACCEPTED]
    assert b"hello\r\n" in inbox.contents[0]


async def test_an_exception_in_the_block_closes_at_once_and_comes_out_as_it_is() -> None:
    async def fail(server: Server) -> None:
        async with pool(server) as sender:
            await sender.send(message())
            raise ZeroDivisionError

    async with serving(inbox := Inbox()) as server:
        with pytest.raises(ZeroDivisionError):
            await fail(server)
        await until(lambda: inbox.causes)


async def test_a_cancellation_in_the_block_closes_at_once() -> None:
    async with serving(inbox := Inbox()) as server:
        with anyio.CancelScope() as scope:
            async with pool(server) as sender:
                await sender.send(message())
                scope.cancel()
                await anyio.sleep_forever()
        await until(lambda: inbox.causes)


async def test_an_application_that_fails_to_hear_of_a_result_costs_nothing() -> None:
    def fail(result: Result) -> None:
        raise ZeroDivisionError

    async with serving(inbox := Inbox()) as server, pool(server) as sender:
        delivery = await sender.send(message(), told=fail)
        assert isinstance(delivery.fault, ZeroDivisionError)
        assert statuses(delivery) == [Status.ACCEPTED]
        assert statuses(await sender.send(message())) == [Status.ACCEPTED]
    assert len(inbox.sessions) == 1


async def test_a_message_that_outlives_the_pool_takes_its_connection_along() -> None:
    async with serving(inbox := Inbox()) as server, anyio.create_task_group() as tasks:
        async with pool(server) as sender:
            tasks.start_soon(sender.send, message())
            await until(lambda: inbox.sessions)
        await until(lambda: inbox.causes)
    assert inbox.causes == [None]


async def test_what_a_pool_is_not_for_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Pool("mx.example", 25, config(), max_connections=0)
    sender = Pool("mx.example", 25, config())
    with pytest.raises(LocalProtocolError, match="not open"):
        await sender.send(message())
    async with sender:
        with pytest.raises(LocalProtocolError, match="open already"):
            await sender.__aenter__()
