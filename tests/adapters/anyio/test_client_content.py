"""Content that streams, and replies that come while something is being sent."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from smtpcore_anyio.hooks import is_asyncio
from smtpcore_anyio.link import Link

from smtpcore import Limits, ServerConfig
from smtpcore.session import Send
from smtpcore.session.client import ClientTimeouts, Status, TlsMode
from tests.adapters.anyio.dialogue import narrow, serving, until
from tests.adapters.anyio.sending import (
    Inbox,
    Peer,
    connected,
    connected_to,
    message,
    scripted,
    statuses,
)

pytestmark = pytest.mark.anyio

LINE = b"." + b"x" * 76 + b"\r\n"
LARGE = LINE * (5 * 1024 * 1024 // len(LINE))


@pytest.fixture(params=[True, False], ids=["BDAT", "DATA"])
def chunking(request: pytest.FixtureRequest) -> bool:
    assert isinstance(request.param, bool)
    return request.param


async def test_a_large_file_is_streamed(chunking: bool, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    async with serving(inbox := Inbox()) as server, connected(server, chunking=chunking) as client:
        with (tmp_path / "large").open("rb") as file:
            assert statuses(await client.send(message(file))) == [Status.ACCEPTED]
        async with await anyio.open_file(tmp_path / "large", "rb") as file:
            assert statuses(await client.send(message(file))) == [Status.ACCEPTED]
    assert inbox.contents == [LARGE, LARGE]


async def test_an_async_iterator_is_streamed_and_may_wait(chunking: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), 100_000):
            await anyio.lowlevel.checkpoint()
            yield LARGE[start : start + 100_000]

    async with serving(inbox := Inbox()) as server, connected(server, chunking=chunking) as client:
        assert statuses(await client.send(message(pieces()))) == [Status.ACCEPTED]
    assert inbox.contents == [LARGE]


async def test_content_that_fails_in_the_middle_is_delivered_to_nobody(chunking: bool) -> None:
    def pieces() -> Iterator[bytes]:
        yield LARGE
        raise ZeroDivisionError

    async with serving(inbox := Inbox()) as server, connected(server, chunking=chunking) as client:
        delivery = await client.send(message(pieces()))
        assert statuses(delivery) == [Status.TEMPORARY]
        assert isinstance(delivery.results[0].error, ZeroDivisionError)
    assert inbox.contents == []


@pytest.fixture(params=[TlsMode.NONE, TlsMode.IMPLICIT], ids=["plain", "TLS"])
def tls(request: pytest.FixtureRequest) -> TlsMode:
    assert isinstance(request.param, TlsMode)
    return request.param


@pytest.mark.conformance("C179")
async def test_a_large_group_does_not_deadlock_with_a_server_that_first_wants_its_replies_read(
    tls: TlsMode, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    recipients = [f"user{number}@mx.example" for number in range(1000)]

    async def wordy(peer: Peer) -> None:
        if tls is TlsMode.IMPLICIT:
            await peer.starts_tls(server_ssl_context)
        await peer.greets(b"PIPELINING")
        await peer.takes(b"MAIL")
        for _ in recipients:
            await peer.hears(b"RCPT")
            await peer.says(b"250 " + b"w" * 400 + b"\r\n")
        await peer.takes_content()
        await peer.takes_leave()

    async with (
        scripted(wordy, buffers=4096) as server,
        connected_to(server, buffers=4096, tls=tls, tls_context=client_ssl_context) as client,
    ):
        delivery = await client.send(message(b"x\r\n", *recipients))
        assert statuses(delivery) == [Status.ACCEPTED] * 1000


async def test_a_thousand_recipients_of_our_own_server() -> None:
    recipients = [f"user{number}@mx.example" for number in range(1000)]
    settings = ServerConfig(limits=Limits(max_recipients=1000))
    async with serving(inbox := Inbox(), narrow(), config=settings) as server, connected(server) as client:
        assert statuses(await client.send(message(b"x\r\n", *recipients))) == [Status.ACCEPTED] * 1000
    assert [len(envelope.recipients) for envelope in inbox.envelopes] == [1000]


@pytest.mark.parametrize("pieces", [[LARGE] * 10, [LINE * 13] * 50_000], ids=["large", "small"])
@pytest.mark.parametrize("reads_on", [True, False])
async def test_a_reply_in_the_middle_of_the_content_stops_it(
    reads_on: bool,
    pieces: list[bytes],
    tls: TlsMode,
    server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
) -> None:
    sizes: list[int] = []
    over = anyio.Event()

    async def full(peer: Peer) -> None:
        if tls is TlsMode.IMPLICIT:
            await peer.starts_tls(server_ssl_context)
        await peer.greets()
        await peer.takes(b"MAIL", b"RCPT", b"DATA")
        await peer.stream.receive()
        await peer.says(b"552 5.2.2 full\r\n")
        if reads_on:
            sizes.append(await peer.rest())
        else:
            await over.wait()

    async with scripted(full) as server, connected_to(server, tls=tls, tls_context=client_ssl_context) as client:
        delivery = await client.send(message(pieces))
        over.set()
        [result] = delivery.results
        assert (result.status, result.text) == (Status.PERMANENT, "552 5.2.2 full")
        assert not client.usable
    # Several megabytes may be on their way in the kernel.
    assert all(size < 40_000_000 for size in sizes)


async def test_a_server_may_close_behind_its_reply_in_the_middle_of_the_content(anyio_backend_name: str) -> None:
    async def closes(peer: Peer) -> None:
        await peer.greets()
        await peer.takes(b"MAIL", b"RCPT", b"DATA")
        await peer.stream.receive()
        await peer.says(b"552 5.2.2 full\r\n")

    async with scripted(closes) as server, connected_to(server) as client:
        [status] = statuses(await client.send(message([LARGE] * 10)))
    # asyncio reads nothing more from a connection that it could not write to, and may lose the reply.
    assert status is Status.PERMANENT or (status is Status.TEMPORARY and anyio_backend_name == "asyncio")


@pytest.mark.parametrize("recipients", [1, 25])
async def test_a_server_that_leaves_at_the_moment_of_a_write_is_heard_out(
    recipients: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_asyncio():
        pytest.skip("asyncio reads nothing more from a connection that it could not write to")
    send = Link._send
    over = anyio.Event()

    async def leaves_before(link: Link, step: Send) -> None:
        if peers and step.data.startswith(b"MAIL"):
            peer = peers.pop()
            await peer.says(b"250 fine\r\n" + b"550 5.1.1 %b\r\n" % (b"x" * 400) * recipients)
            await peer.resets()
            over.set()
        await send(link, step)

    peers: list[Peer] = []

    async def serve(peer: Peer) -> None:
        await peer.greets(b"PIPELINING")
        peers.append(peer)
        await over.wait()

    monkeypatch.setattr(Link, "_send", leaves_before)
    # The replies to many recipients are more than one read takes.
    monkeypatch.setattr("smtpcore_anyio.loop.READ_SIZE", 4096)
    async with scripted(serve) as server, connected_to(server) as client:
        await until(lambda: peers)
        delivery = await client.send(message(b"x\r\n", *(f"{number}@mx.example" for number in range(recipients))))
        assert statuses(delivery) == [Status.PERMANENT] * recipients


async def test_a_server_that_leaves_between_two_writes_of_the_content_is_heard_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = Link._send
    over = anyio.Event()
    writes: list[int] = []

    async def leaves_before(link: Link, step: Send) -> None:
        if len(step.data) > len(LINE):
            writes.append(len(step.data))
        if len(writes) == 2 and not over.is_set():
            await until(lambda: peers)
            await peers[0].says(b"552 5.3.4 too big\r\n")
            await peers[0].resets()
            over.set()
        await send(link, step)

    peers: list[Peer] = []

    async def serve(peer: Peer) -> None:
        await peer.greets()
        await peer.takes(b"MAIL", b"RCPT", b"DATA")
        peers.append(peer)
        await over.wait()

    monkeypatch.setattr(Link, "_send", leaves_before)
    async with scripted(serve) as server, connected_to(server) as client:
        [result] = (await client.send(message([LINE * 1000] * 3))).results
        assert (result.status, result.text) == (Status.PERMANENT, "552 5.3.4 too big")
    assert len(writes) == 2


async def test_a_server_that_does_not_read_has_its_time(
    tls: TlsMode, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    over = anyio.Event()

    async def deaf(peer: Peer) -> None:
        if tls is TlsMode.IMPLICIT:
            await peer.starts_tls(server_ssl_context)
        await peer.greets()
        await peer.takes(b"MAIL", b"RCPT", b"DATA")
        await over.wait()

    timeouts = ClientTimeouts(write=0.05)
    async with (
        scripted(deaf) as server,
        connected_to(server, tls=tls, tls_context=client_ssl_context, timeouts=timeouts) as client,
    ):
        delivery = await client.send(message([LARGE] * 4))
        over.set()
        assert statuses(delivery) == [Status.TEMPORARY]
        assert delivery.error is not None
        assert "it took too long (write)" in str(delivery.error)
