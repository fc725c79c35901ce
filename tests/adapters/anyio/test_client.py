"""The client against the server, over real sockets."""

from __future__ import annotations

import pytest

from smtpcore import Mail, Noop, Rcpt
from smtpcore.session.client import Status
from tests.adapters.anyio.dialogue import serving
from tests.adapters.anyio.sending import TEXT, Inbox, connected, message, path, statuses

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
