"""The client against the server, over real sockets."""

from __future__ import annotations

import socket
from email.message import EmailMessage
from pathlib import Path

import anyio
import pytest
from smtpcore_anyio import connect, connect_unix, listen_unix

from smtpcore import Dialect, Envelope, Mail, Noop, Rcpt, Reply, ServerConfig, ServerSession
from smtpcore.session.client import ClientTranscript, Status
from tests.adapters.anyio.dialogue import LOOPBACK, serving
from tests.adapters.anyio.sending import TEXT, Inbox, config, connected, message, path, statuses

pytestmark = pytest.mark.anyio


async def test_messages_arrive_one_after_the_other() -> None:
    async with serving(inbox := Inbox()) as server, connected(server) as client:
        assert client.greeting is not None
        assert client.greeting.code == 220
        assert "PIPELINING" in client.extensions
        assert client.tls is None
        for content in (TEXT, b"second\r\n"):
            assert statuses(await client.send(message(content))) == [Status.ACCEPTED]
    assert inbox.contents == [TEXT, b"second\r\n"]
    assert inbox.causes == [None]


async def test_each_recipient_has_its_result() -> None:
    async with serving(inbox := Inbox()) as server, connected(server) as client:
        delivery = await client.send(message(TEXT, "bob@mx.example", "eve@mx.example"))
        assert statuses(delivery) == [Status.ACCEPTED, Status.PERMANENT]
    assert [str(rcpt.path) for rcpt in inbox.envelopes[0].recipients] == ["bob@mx.example"]


async def test_a_command_has_its_reply() -> None:
    async with serving() as server, connected(server) as client:
        assert (await client.command(Noop())).code == 250


async def test_recipients_and_content_of_an_open_delivery_may_come_bit_by_bit() -> None:
    async with serving(inbox := Inbox()) as server, connected(server) as client:
        delivery = await client.open(Mail(path("ann@client.example")))
        bob = await delivery.add(Rcpt(path("bob@mx.example")))
        assert bob.rcpt_reply is not None
        assert bob.status is Status.PENDING
        assert (await delivery.add(Rcpt(path("eve@mx.example")))).status is Status.PERMANENT
        for piece in (TEXT[:9], TEXT[9:]):
            await delivery.write(piece)
        assert statuses(await delivery.finish()) == [Status.ACCEPTED, Status.PERMANENT]
    assert inbox.contents == [TEXT]


async def test_a_message_of_the_email_package_brings_its_envelope_along() -> None:
    email = EmailMessage()
    email["From"], email["To"], email["Bcc"] = "ann@client.example", "bob@mx.example", "cat@mx.example"
    email.set_content("hello\n")
    async with serving(inbox := Inbox()) as server, connected(server) as client:
        assert statuses(await client.send_message(email)) == [Status.ACCEPTED] * 2
    assert b"hello\r\n" in inbox.contents[0]
    assert b"cat@" not in inbox.contents[0]


async def test_lmtp_has_a_reply_for_each_recipient(tmp_path: Path) -> None:
    class Boxes(Inbox):
        def message(self, session: ServerSession, envelope: Envelope) -> list[Reply]:  # type: ignore[override]
            return [Reply(250, "kept", "2.0.0"), Reply(452, "full", "4.2.2")]

    told: list[Status] = []
    settings = ServerConfig(dialect=Dialect.LMTP)
    async with (
        serving(Boxes(), await listen_unix(tmp_path / "socket"), config=settings),
        connect_unix(tmp_path / "socket", config(dialect=Dialect.LMTP)) as client,
    ):
        both = message(TEXT, "bob@mx.example", "cat@mx.example")
        delivery = await client.send(both, told=lambda result: told.append(result.status))
    assert statuses(delivery) == [Status.ACCEPTED, Status.TEMPORARY]
    assert told == [Status.ACCEPTED, Status.TEMPORARY]
    assert delivery.results[1].text == "452 4.2.2 full"


async def test_all_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody listens at the first of them.
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("127.0.0.99", LOOPBACK)]

    async def getaddrinfo(*args: object, **options: object) -> list[object]:
        return list(addresses)

    async with serving(inbox := Inbox()) as server:
        monkeypatch.setattr("anyio._core._sockets.getaddrinfo", getaddrinfo)
        async with connect("two.example", int(server.addresses[0][1]), config()):
            assert inbox.sessions[0].peer.local_host == LOOPBACK


async def test_the_address_to_connect_from_may_be_chosen() -> None:
    async with (
        serving(inbox := Inbox()) as server,
        connect(LOOPBACK, int(server.addresses[0][1]), config(), local_address="127.0.0.2"),
    ):
        assert inbox.sessions[0].peer.host == "127.0.0.2"


async def test_an_observer_sees_the_dialogue() -> None:
    lines: list[str] = []
    transcript = ClientTranscript(lines.append)
    async with (
        serving() as server,
        connect(LOOPBACK, int(server.addresses[0][1]), config(), observer=transcript) as client,
    ):
        await client.send(message())
    assert lines[1] == "C: EHLO client.example"
    assert lines[-1] == "-- closed"


async def test_tasks_may_take_turns() -> None:
    async with serving(inbox := Inbox()) as server, connected(server) as client:
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.send, message())
    assert inbox.contents == [TEXT, TEXT]
