"""The blocking client with servers that close, refuse early, read nothing, or are no servers; nothing may hang."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from smtpcore_blocking import connect, connect_socket
from smtpcore_blocking.channel import Channel
from smtpcore_testing.adapter_kit.clients import until

from smtpcore.commands import Mail, Noop, Rcpt
from smtpcore.paths import Path
from smtpcore.sasl import Credentials
from smtpcore.session.client import ClientTimeouts, SessionError, Status, TlsMode

from .clients import CONTENT, Peer, config, message, scripted, serving, statuses

BIG = b"x" * 62 + b"\r\n"


def resets(peer: Peer) -> None:
    """Let closing be a reset."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# Servers that close.


def closes_at_once(peer: Peer) -> None:
    pass


def closes_behind_the_greeting(peer: Peer) -> None:
    peer.says(b"220 mx.test\r\n")
    peer.hears(b"EHLO")


def refuses(peer: Peer) -> None:
    peer.says(b"554 go away\r\n")
    peer.hears(b"QUIT")


def is_no_server(peer: Peer) -> None:
    peer.says(b"SSH-2.0-x\r\n")


@pytest.mark.parametrize(
    ("script", "stage", "temporary"),
    [
        (closes_at_once, "greeting", True),
        (closes_behind_the_greeting, "hello", True),
        (refuses, "greeting", False),
        (is_no_server, "greeting", True),
    ],
)
def test_a_client_that_cannot_be_made_ready_is_an_error(
    script: Callable[[Peer], None], stage: str, temporary: bool
) -> None:
    with scripted(script) as address, pytest.raises(SessionError) as caught, connect(*address, config()):
        pass
    assert (caught.value.stage, caught.value.temporary) == (stage, temporary)


def closes_at_mail(peer: Peer) -> None:
    peer.hears(b"MAIL")


def closes_at_rcpt(peer: Peer) -> None:
    peer.takes(b"MAIL")
    peer.hears(b"RCPT")


def closes_at_data(peer: Peer) -> None:
    peer.takes(b"MAIL", b"RCPT")
    peer.hears(b"DATA")


def closes_in_the_content(peer: Peer) -> None:
    peer.takes(b"MAIL", b"RCPT")
    peer.hears(b"DATA")
    peer.says(b"354 go\r\n")
    peer.hears(b"x")


def closes_behind_the_content(peer: Peer) -> None:
    peer.takes(b"MAIL", b"RCPT")
    peer.hears(b"DATA")
    peer.says(b"354 go\r\n")
    while not peer.line().startswith(b".\r\n"):
        pass


def closes_in_a_reply(peer: Peer) -> None:
    closes_behind_the_content(peer)
    peer.says(b"250-queued\r\n")


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (closes_at_mail, (Status.TEMPORARY, "mail")),
        (closes_at_rcpt, (Status.TEMPORARY, "rcpt")),
        (closes_at_data, (Status.TEMPORARY, "data")),
        (closes_in_the_content, (Status.TEMPORARY, "content")),
        (closes_behind_the_content, (Status.UNCERTAIN, "final")),
        (closes_in_a_reply, (Status.UNCERTAIN, "final")),
    ],
)
def test_what_was_not_sent_as_a_whole_can_be_sent_again(
    script: Callable[[Peer], None], outcome: tuple[Status, str], reset: bool
) -> None:
    def serve(peer: Peer) -> None:
        peer.greets()
        script(peer)
        if reset:
            resets(peer)

    content = BIG * 100_000 if script is closes_in_the_content else CONTENT
    with scripted(serve) as address, connect(*address, config()) as client:
        assert statuses(client.send(message(content=content))) == [outcome]
        assert not client.usable
        assert statuses(client.send(message())) == [(Status.TEMPORARY, outcome[1])]
        with pytest.raises(SessionError):
            client.command(Noop())


def test_a_server_that_closes_at_quit_has_lost_nothing() -> None:
    def serve(peer: Peer) -> None:
        peer.greets()
        peer.hears(b"QUIT")

    with scripted(serve) as address, connect(*address, config()) as client:
        pass
    assert client.session.failure is None


def test_a_server_that_has_left_meanwhile_is_noticed_before_anything_is_sent() -> None:
    ready, left = threading.Event(), threading.Event()

    def serve(peer: Peer) -> None:
        peer.greets()
        assert ready.wait(20)
        peer.says(b"421 mx.test closing\r\n")
        peer.close()
        left.set()

    with scripted(serve) as address, connect(*address, config()) as client:
        ready.set()
        assert left.wait(20)
        delivery = client.send(message())
        assert [result.status for result in delivery.results] == [Status.TEMPORARY]
        assert delivery.error is not None
        assert "421" in str(delivery.error)


# Servers that do not keep to the order of things.


@pytest.mark.parametrize("reads_on", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_content_that_is_refused_before_its_end_is_not_sent_to_its_end(reads_on: bool, reset: bool) -> None:
    def serve(peer: Peer) -> None:
        peer.greets()
        peer.takes(b"MAIL", b"RCPT")
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        peer.hears(b"x")
        peer.says(b"552 5.3.4 too big\r\n")
        if reads_on:
            peer.rest()
        if reset:
            resets(peer)

    with scripted(serve, receive_buffer=65536) as address, connect(*address, config()) as client:
        delivery = client.send(message(content=iter(lambda: BIG * 1000, b"")))
        [result] = delivery.results
        assert (result.status, result.text) == (Status.PERMANENT, "552 5.3.4 too big")


def test_a_server_that_closes_in_the_content_is_heard_out() -> None:
    def serve(peer: Peer) -> None:
        peer.greets()
        peer.takes(b"MAIL", b"RCPT")
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        peer.hears(b"x")
        peer.says(b"421 4.3.2 shutting down\r\n")

    with scripted(serve) as address, connect(*address, config()) as client:
        [result] = client.send(message(content=iter(lambda: BIG * 1000, b""))).results
        assert (result.status, result.text) == (Status.TEMPORARY, "421 4.3.2 shutting down")


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("recipients", [1, 25])
def test_a_server_that_leaves_at_the_moment_of_a_write_is_heard_out(
    recipients: int, reset: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Channel.flush
    said = threading.Event()

    def flush(channel: Channel) -> bool:
        if channel.unsent and peers:
            peer = peers.pop()
            peer.says(b"250 fine\r\n" + b"550 5.1.1 %b\r\n" % (b"x" * 400) * recipients)
            if reset:
                resets(peer)
            peer.close()
            said.set()
        return write(channel)

    peers: list[Peer] = []

    def serve(peer: Peer) -> None:
        peer.greets(b"PIPELINING")
        peers.append(peer)
        assert said.wait(20)

    monkeypatch.setattr(Channel, "flush", flush)
    # The replies to many recipients are more than one read takes.
    monkeypatch.setattr("smtpcore_blocking.channel.READ_SIZE", 4096)
    with scripted(serve) as address, connect(*address, config()) as client:
        until(lambda: peers)
        delivery = client.send(message(*(f"{number}@b.test" for number in range(recipients))))
        assert statuses(delivery) == [(Status.PERMANENT, "rcpt")] * recipients


def test_an_alert_counts_more_than_the_reset_behind_it(
    client_ssl_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Channel.flush
    said = threading.Event()

    def flush(channel: Channel) -> bool:
        if channel.unsent and not said.is_set():
            until(lambda: peers)
            peers[0].says(b"\x15\x03\x03\x00\x02\x02\x28")
            resets(peers[0])
            peers[0].close()
            said.set()
        return write(channel)

    peers: list[Peer] = []

    def serve(peer: Peer) -> None:
        peers.append(peer)
        assert said.wait(20)

    monkeypatch.setattr(Channel, "flush", flush)
    with (
        scripted(serve) as address,
        pytest.raises(SessionError, match=r"tls: .*alert handshake failure"),
        connect(*address, config(tls=TlsMode.IMPLICIT), tls_context=client_ssl_context),
    ):
        pass


def test_a_thousand_recipients_and_small_buffers_do_not_deadlock() -> None:
    def serve(peer: Peer) -> None:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.greets(b"PIPELINING")
        peer.takes(b"MAIL")
        for number in range(1000):
            peer.hears(b"RCPT TO:<%d@" % number)
            peer.says(b"250 %b\r\n" % (b"x" * 480))
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        while peer.line() != b".\r\n":
            pass
        peer.says(b"250 queued\r\n")
        peer.hears(b"QUIT")
        peer.says(b"221 bye\r\n")

    with scripted(serve, receive_buffer=4096) as address:
        sock = socket.socket()
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, 4096)
        sock.connect(address)
        with connect_socket(sock, config()) as client:
            recipients = [f"{number}@{'d' * 60}.test" for number in range(1000)]
            delivery = client.send(message(*recipients))
            assert len(delivery.accepted) == 1000


@pytest.mark.parametrize("tls", [TlsMode.NONE, TlsMode.STARTTLS])
def test_a_thousand_recipients_reach_our_own_server(
    tls: TlsMode, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    recipients = [f"{number}@{'d' * 60}.test" for number in range(1000)]
    with (
        serving(starttls=True, tls_context=server_ssl_context) as address,
        connect(*address, config(tls=tls), tls_context=client_ssl_context) as client,
    ):
        assert len(client.send(message(*recipients)).accepted) == 1000


def test_a_message_whose_mail_is_refused_takes_no_recipients() -> None:
    def serve(peer: Peer) -> None:
        peer.greets()
        peer.hears(b"MAIL")
        peer.says(b"550 5.7.1 not you\r\n")
        peer.hears(b"QUIT")

    with scripted(serve) as address, connect(*address, config()) as client:
        opened = client.open(Mail(Path("ann", "a.test"), {}))
        assert opened.delivery.done
        with pytest.raises(SessionError, match="mail: 550"):
            opened.add(Rcpt(Path("bob", "b.test"), {}))


# Servers that do nothing.


@pytest.mark.parametrize("tls", [TlsMode.NONE, TlsMode.IMPLICIT])
def test_a_server_that_says_nothing_is_given_up(tls: TlsMode) -> None:
    timeouts = ClientTimeouts(greeting=0.05, tls_handshake=0.05)
    with (
        scripted(lambda peer: peer.rest()) as address,
        pytest.raises(SessionError) as caught,
        connect(*address, config(tls=tls, timeouts=timeouts)),
    ):
        pass
    assert caught.value.temporary
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert caught.value.stage == ("greeting" if tls is TlsMode.NONE else "tls")


def test_a_server_that_reads_nothing_is_given_up() -> None:
    done = threading.Event()

    def serve(peer: Peer) -> None:
        peer.greets()
        peer.takes(b"MAIL", b"RCPT")
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        assert done.wait(20)

    with (
        scripted(serve) as address,
        connect(*address, config(timeouts=ClientTimeouts(write=0.05))) as client,
    ):
        delivery = client.send(message(content=iter(lambda: BIG * 1000, b"")))
        done.set()
        assert [result.status for result in delivery.results] == [Status.TEMPORARY]
        assert "write" in delivery.results[0].text


@pytest.mark.parametrize("replies", [0, 1, 2, 3])
def test_a_server_that_answers_no_more_is_given_up(replies: int) -> None:
    def serve(peer: Peer) -> None:
        peer.greets()
        for verb, reply in [(b"MAIL", b"250 a\r\n"), (b"RCPT", b"250 b\r\n"), (b"DATA", b"354 c\r\n")][:replies]:
            peer.hears(verb)
            peer.says(reply)
        peer.rest()

    # The replies that come have all the time that they may need.
    timeouts = ClientTimeouts(**{("mail", "rcpt", "data", "final")[replies]: 0.05})
    with scripted(serve) as address, connect(*address, config(timeouts=timeouts)) as client:
        [result] = client.send(message()).results
        assert result.status is (Status.UNCERTAIN if replies == 3 else Status.TEMPORARY)


def test_a_whole_transaction_has_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(peer: Peer) -> None:
        peer.greets()
        peer.takes(b"MAIL", b"RCPT")
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        peer.rest()

    clock, later = time.monotonic, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock() + later)

    def content() -> Iterator[bytes]:
        nonlocal later
        yield CONTENT
        later = 61.0
        while True:
            yield CONTENT

    with scripted(serve) as address, connect(*address, config(timeouts=ClientTimeouts(transaction=60))) as client:
        [result] = client.send(message(content=content())).results
        assert (result.status, result.stage) == (Status.TEMPORARY, "content")
        assert "(transaction)" in result.text


# What the application gives.


def test_content_that_has_to_be_awaited_is_a_type_error() -> None:
    async def content() -> AsyncIterator[bytes]:
        yield CONTENT

    with serving() as address, connect(*address, config()) as client:
        [result] = client.send(message(content=content())).results
        assert (result.status, result.stage) == (Status.TEMPORARY, "content")
        assert isinstance(result.error, TypeError)
        assert "make it plain" in str(result.error)


def test_credentials_that_have_to_be_awaited_are_a_type_error() -> None:
    async def credentials() -> Credentials:
        raise AssertionError

    with (
        serving(mechanisms=("PLAIN",), plaintext_auth_without_tls=True) as address,
        pytest.raises(SessionError, match="could not be had") as caught,
        connect(*address, config(credentials=credentials, plaintext_auth_without_tls=True)),
    ):
        pass
    assert isinstance(caught.value.__cause__, TypeError)


def test_content_that_fails_is_not_sent() -> None:
    def content() -> Iterator[bytes]:
        yield CONTENT
        raise LookupError

    with serving() as address, connect(*address, config()) as client:
        [result] = client.send(message(content=content())).results
        assert isinstance(result.error, LookupError)


def test_an_interrupt_ends_the_connection_and_is_passed_on() -> None:
    def content() -> Iterator[bytes]:
        yield CONTENT
        raise KeyboardInterrupt

    with serving() as address:
        with pytest.raises(KeyboardInterrupt), connect(*address, config()) as client:
            client.send(message(content=content()))
        assert not client.usable


def test_tls_that_breaks_ends_the_session(client_ssl_context: ssl.SSLContext) -> None:
    def serve(peer: Peer) -> None:
        peer.says(b"not TLS at all\r\n")
        peer.rest()

    with (
        scripted(serve) as address,
        pytest.raises(SessionError, match="tls: "),
        connect(*address, config(tls=TlsMode.IMPLICIT), tls_context=client_ssl_context),
    ):
        pass
