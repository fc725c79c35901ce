"""Our client delivers to aiosmtpd: refusals, TLS, AUTH and SMTPUTF8, all of it without pipelining."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from smtpcore.sasl import Credentials
from smtpcore.session.client import SessionError, Status, TlsMode
from tests.interop.aiosmtpd_server import Running, authenticate, serving
from tests.interop.delivering import ACCEPTED, Deliver, message, outcome
from tests.interop.letters import BODY, LARGE
from tests.interop.recording import PASSWORD, USER

# It is no program, but there is no need for it on every Python.
pytestmark = pytest.mark.interop()


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server with these settings."""
    with ExitStack() as stack:
        yield lambda tls=None, **settings: stack.enter_context(serving(tls, **settings))


def test_refused_recipients(start: Start, deliver: Deliver) -> None:
    server = start()
    sent = deliver(server.place, message("b@mx.test", "eve@mx.test", "later@mx.test", "c@mx.test"))
    assert all(len(group) == 1 for group in sent.groups())
    assert outcome(sent.delivery) == [
        ACCEPTED,
        (Status.PERMANENT, "rcpt", 550),
        (Status.TEMPORARY, "rcpt", 450),
        ACCEPTED,
    ]
    assert server.take() == ("a@client.test", ["b@mx.test", "c@mx.test"], BODY)


def test_messages_share_a_session(start: Start, deliver: Deliver) -> None:
    server = start()
    sent = deliver(server.place, message(), message("eve@mx.test"), message(content=LARGE))
    refused = [(Status.PERMANENT, "rcpt", 550)]
    assert [outcome(delivery) for delivery in sent.deliveries] == [[ACCEPTED], refused, [ACCEPTED]]
    assert [content for _, _, content in server.application.taken] == [BODY, LARGE]


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
def test_tls(start: Start, deliver: Deliver, server_ssl_context: ssl.SSLContext, implicit: bool) -> None:
    context = server_ssl_context
    server = start(context) if implicit else start(tls_context=context, require_starttls=True)
    mode = TlsMode.IMPLICIT if implicit else TlsMode.STARTTLS
    sent = deliver(server.place, message(content=LARGE), tls=mode)
    assert sent.tls is not None
    assert sent.tls.peer_verified
    assert outcome(sent.delivery) == [ACCEPTED]
    assert server.take() == ("a@client.test", ["b@mx.test"], LARGE)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_auth(start: Start, deliver: Deliver, server_ssl_context: ssl.SSLContext, mechanism: str) -> None:
    server = start(tls_context=server_ssl_context, authenticator=authenticate, auth_required=True)
    words: dict[str, Any] = {"tls": TlsMode.STARTTLS, "mechanisms": (mechanism,)}
    sent = deliver(server.place, credentials=Credentials(username=USER, password=PASSWORD), **words)
    assert outcome(sent.delivery) == [ACCEPTED]
    assert server.take() == ("a@client.test", ["b@mx.test"], BODY)
    with pytest.raises(SessionError) as refused:
        deliver(server.place, credentials=Credentials(username=USER, password="wrong"), **words)
    assert (refused.value.stage, refused.value.temporary) == ("auth", False)
    assert refused.value.reply is not None
    assert refused.value.reply.code == 535


def test_smtputf8(start: Start, deliver: Deliver) -> None:
    server = start(enable_SMTPUTF8=True)
    content = BODY.replace(b"Subject: dots", "Subject: Grüße".encode())
    sent = deliver(server.place, message("jörg@bücher.test", sender="ü@client.test", content=content))
    assert outcome(sent.delivery) == [ACCEPTED]
    assert server.take() == ("ü@client.test", ["jörg@bücher.test"], content)


def test_without_smtputf8_such_addresses_are_not_sent(start: Start, deliver: Deliver) -> None:
    server = start()
    sent = deliver(server.place, message("jörg@bücher.test"))
    [result] = sent.delivery.results
    assert (result.status, result.reply) == (Status.PERMANENT, None)
    assert not sent.said("RCPT", "DATA")


def test_a_message_that_is_too_large_is_not_sent(start: Start, deliver: Deliver) -> None:
    server = start(data_size_limit=10_000)
    sent = deliver(server.place, message(content=LARGE), message())
    [result] = sent.deliveries[0].results
    assert (result.status, result.stage) == (Status.PERMANENT, "mail")
    assert outcome(sent.deliveries[1]) == [ACCEPTED]
    assert server.take() == ("a@client.test", ["b@mx.test"], BODY)
