"""The blocking client against our own blocking server, over real sockets."""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path as FilePath

import pytest
from smtpcore_blocking import Client, Pool, Server, connect, connect_socket, connect_unix
from smtpcore_testing.adapter_kit.application import Recorder

from smtpcore.commands import Ehlo, Mail, Noop, Rcpt, Vrfy
from smtpcore.errors import LocalProtocolError
from smtpcore.paths import Path
from smtpcore.replies import Reply
from smtpcore.sasl import Credentials
from smtpcore.session import ServerConfig, ServerSession, Timeouts
from smtpcore.session.client import Feed, Message, Result, SessionError, Status, TlsMode
from smtpcore.spec import Dialect

from .clients import CONTENT, config, message, serving, statuses

ACCEPTED = (Status.ACCEPTED, "final")


class Choosy(Recorder):
    """Refuses recipients whose names say so."""

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return {"no": Reply(550, "no such user", "5.1.1"), "later": Reply(450, "busy", "4.2.1")}.get(rcpt.path.local)


def path(address: str) -> Path:
    return Path.parse(address)


def test_a_message_is_sent() -> None:
    recorder = Recorder()
    with serving(recorder) as address, connect(*address, config()) as client:
        assert client.greeting is not None
        assert client.greeting.code == 220
        assert client.tls is None
        assert "PIPELINING" in client.extensions
        assert client.usable
        assert statuses(client.send(message())) == [ACCEPTED]
        assert statuses(client.send(message("bob@b.test", "carl@b.test"))) == [ACCEPTED, ACCEPTED]
    assert not client.usable
    assert recorder.messages == [CONTENT, CONTENT]
    assert recorder.causes == [None]


def test_what_is_refused_is_no_exception() -> None:
    recorder = Choosy()
    told: list[Result] = []
    with serving(recorder) as address, connect(*address, config()) as client:
        delivery = client.send(message("no@b.test", "bob@b.test", "later@b.test"), told=told.append)
        assert statuses(delivery) == [(Status.PERMANENT, "rcpt"), ACCEPTED, (Status.TEMPORARY, "rcpt")]
        assert [result.text for result in delivery.refused] == ["550 5.1.1 no such user", "450 4.2.1 busy"]
        assert sorted(map(id, told)) == sorted(map(id, delivery.results))
        assert statuses(client.send(message("no@b.test"))) == [(Status.PERMANENT, "rcpt")]
    assert recorder.messages == [CONTENT]


def test_a_message_of_the_email_package_is_sent() -> None:
    recorder = Recorder()
    email = EmailMessage()
    email["From"], email["To"], email["Bcc"] = "ann@a.test", "bob@b.test", "carl@b.test"
    email.set_content("hello\n")
    with serving(recorder) as address, connect(*address, config()) as client:
        assert statuses(client.send_message(email)) == [ACCEPTED, ACCEPTED]
        with pytest.raises(ValueError, match="no recipient"):
            client.send_message(email, recipients=[])
    [content] = recorder.messages
    assert content.startswith(b"From: ann@a.test\r\nTo: bob@b.test\r\nContent-Type")
    assert content.endswith(b"\r\n\r\nhello\r\n")


@pytest.mark.parametrize("chunking", [True, False])
def test_content_may_be_a_large_file(tmp_path: FilePath, chunking: bool) -> None:
    recorder = Recorder()
    line = b"." + bytes(range(33, 97)) + b"\r\n"
    content = line * (5 * 1024 * 1024 // len(line))
    (tmp_path / "content").write_bytes(content)
    with (
        serving(recorder, chunking=True) as address,
        connect(*address, config(chunking=chunking, chunk_size=300_000)) as client,
        open(tmp_path / "content", "rb") as file,
    ):
        assert statuses(client.send(message(content=file))) == [ACCEPTED]
    assert recorder.messages == [content]


def test_content_may_be_an_iterator() -> None:
    recorder = Recorder()
    with serving(recorder) as address, connect(*address, config()) as client:
        assert statuses(client.send(message(content=iter([b"a\r", b"\nb", b"\r\n"])))) == [ACCEPTED]
    assert recorder.messages == [b"a\r\nb\r\n"]


# TLS and AUTH.


def test_starttls_comes_before_all_else(server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext) -> None:
    recorder = Recorder()
    with (
        serving(recorder, starttls=True, tls_context=server_ssl_context) as address,
        connect(*address, config(tls=TlsMode.STARTTLS), tls_context=client_ssl_context) as client,
    ):
        assert client.tls is not None
        assert client.tls.peer_verified
        assert statuses(client.send(message(content=CONTENT * 10_000))) == [ACCEPTED]
    assert recorder.messages == [CONTENT * 10_000]
    assert recorder.causes == [None]


def test_tls_may_begin_with_the_first_octet(
    server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    with (
        serving(implicit_tls=True, tls_context=server_ssl_context) as address,
        connect(
            *address, config(tls=TlsMode.IMPLICIT), tls_context=client_ssl_context, server_name="mx.test"
        ) as client,
    ):
        assert client.tls is not None
        assert client.tls.server_name == "mx.test"
        assert statuses(client.send(message())) == [ACCEPTED]


@pytest.mark.parametrize("tls", [TlsMode.STARTTLS, TlsMode.IMPLICIT])
def test_a_certificate_for_another_name_is_not_taken(
    tls: TlsMode, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    recorder = Recorder()
    with (
        serving(
            recorder, starttls=True, implicit_tls=tls is TlsMode.IMPLICIT, tls_context=server_ssl_context
        ) as address,
        pytest.raises(SessionError, match="tls: certificate verify failed") as caught,
        connect(*address, config(tls=tls), tls_context=client_ssl_context, server_name="other.test"),
    ):
        pass
    assert caught.value.stage == "tls"


@pytest.mark.parametrize(
    ("tls", "verified"), [(TlsMode.STARTTLS, True), (TlsMode.IMPLICIT, True), (TlsMode.OPPORTUNISTIC, False)]
)
def test_certificates_are_verified_unless_clear_text_would_do(
    tls: TlsMode, verified: bool, server_ssl_context: ssl.SSLContext
) -> None:
    with serving(starttls=True, implicit_tls=tls is TlsMode.IMPLICIT, tls_context=server_ssl_context) as address:
        if verified:
            with pytest.raises(SessionError, match="certificate verify failed"), connect(*address, config(tls=tls)):
                pass
            return
        with connect(*address, config(tls=tls)) as client:
            assert client.tls is not None
            assert not client.tls.peer_verified


@pytest.mark.parametrize("host", ["mx.test.", "127.0.0.77%eth0"])
@pytest.mark.parametrize("pooled", [False, True])
def test_neither_the_dot_behind_a_name_nor_the_zone_of_an_address_is_in_the_certificate(
    host: str,
    pooled: bool,
    server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve = socket.getaddrinfo
    settings = config(tls=TlsMode.STARTTLS)
    with serving(starttls=True, tls_context=server_ssl_context) as (address, port):
        monkeypatch.setattr(socket, "getaddrinfo", lambda _, port, **options: resolve(address, port, **options))
        if pooled:
            with Pool(host, port, settings, tls_context=client_ssl_context) as pool:
                assert statuses(pool.send(message())) == [ACCEPTED]
        else:
            with connect(host, port, settings, tls_context=client_ssl_context) as client:
                assert client.usable


def test_a_certificate_needs_a_name_to_be_checked_against(client_ssl_context: ssl.SSLContext) -> None:
    ours, theirs = socket.socketpair()
    with (
        theirs,
        pytest.raises(ValueError, match="server_name is needed"),
        connect_socket(ours, config(tls=TlsMode.STARTTLS), tls_context=client_ssl_context),
    ):
        pass
    assert ours.fileno() == -1


@pytest.mark.parametrize("callable_", [True, False])
def test_the_client_authenticates(
    callable_: bool, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    recorder = Recorder()
    credentials = Credentials(username="ann", password="secret")
    settings = config(tls=TlsMode.STARTTLS, credentials=(lambda: credentials) if callable_ else credentials)
    with (
        serving(recorder, starttls=True, mechanisms=("PLAIN",), tls_context=server_ssl_context) as address,
        connect(*address, settings, tls_context=client_ssl_context) as client,
    ):
        assert client.session.mechanism == "PLAIN"
        assert statuses(client.send(message())) == [ACCEPTED]
    assert recorder.senders == ["ann"]


def test_wrong_credentials_let_nobody_in(
    server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    settings = config(tls=TlsMode.STARTTLS, credentials=Credentials(username="ann", password="wrong"))
    with (
        serving(starttls=True, mechanisms=("PLAIN",), tls_context=server_ssl_context) as address,
        pytest.raises(SessionError, match="auth: 535") as caught,
        connect(*address, settings, tls_context=client_ssl_context),
    ):
        pass
    assert not caught.value.temporary
    assert "wrong" not in str(caught.value)


# Other ways to a server.


@pytest.fixture
def folder() -> Iterator[FilePath]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory() as name:
        yield FilePath(name)


def test_lmtp_over_a_unix_socket_has_a_reply_for_each_recipient(folder: FilePath) -> None:
    class Lists(Choosy):
        def message(self, session: ServerSession, envelope: object) -> object:  # type: ignore[override]
            return [Reply(250, "kept"), Reply(452, "full", "4.2.2")]

    settings = ServerConfig(hostname="mx.test", dialect=Dialect.LMTP, timeouts=Timeouts(linger=0.2))
    with (
        Server(settings, Lists()).listen_unix(folder / "lmtp"),
        connect_unix(folder / "lmtp", config(dialect=Dialect.LMTP)) as client,
    ):
        delivery = client.send(message("bob@b.test", "no@b.test", "carl@b.test"))
    assert statuses(delivery) == [ACCEPTED, (Status.PERMANENT, "rcpt"), (Status.TEMPORARY, "final")]


def test_a_socket_that_is_connected_already_will_do() -> None:
    recorder = Recorder()
    with serving(recorder) as address, connect_socket(socket.create_connection(address), config()) as client:
        assert statuses(client.send(message())) == [ACCEPTED]
    assert recorder.messages == [CONTENT]


def test_the_local_address_can_be_chosen() -> None:
    class Peers(Recorder):
        def connect(self, session: ServerSession) -> None:
            assert session.peer.host == "127.0.0.5"

    with serving(Peers()) as (host, port), connect(host, port, config(), local_address="127.0.0.5") as client:
        assert client.usable


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_that_is_not_there_may_be_there_later(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SessionError, match="connect: cannot connect to ") as caught, connect(host, port, config()):
        pass
    assert (caught.value.stage, caught.value.temporary) == ("connect", True)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".test", "a..test"])
def test_a_name_without_an_address_may_have_one_later(host: str) -> None:
    with pytest.raises(SessionError, match="connect: cannot connect to ") as caught, connect(host, 25, config()):
        pass
    assert caught.value.temporary


def test_a_unix_socket_may_be_there_later(folder: FilePath) -> None:
    with (
        pytest.raises(SessionError, match="connect: cannot connect to ") as caught,
        connect_unix(folder / "none", config()),
    ):
        pass
    assert caught.value.temporary


# Commands, and messages that are given piece by piece.


@pytest.fixture
def client() -> Iterator[Client]:
    with serving(Choosy()) as address, connect(*address, config()) as client:
        yield client


def test_a_command_has_a_reply(client: Client) -> None:
    assert client.command(Noop()).code == 250
    assert client.command(Vrfy("bob")).code == 252
    with pytest.raises(LocalProtocolError, match="sent by the session itself"):
        client.command(Ehlo("c.test"))
    with pytest.raises(LocalProtocolError):
        client.command(Vrfy("a\r\nb"))
    assert client.command(Noop()).code == 250


def test_recipients_are_answered_one_by_one(client: Client) -> None:
    opened = client.open(Mail(path("ann@a.test"), {}), size=len(CONTENT))
    assert opened.delivery.mail_reply is not None
    assert opened.add(Rcpt(path("bob@b.test"), {})).status is Status.PENDING
    refused = opened.add(Rcpt(path("no@b.test"), {}))
    assert (refused.status, refused.text) == (Status.PERMANENT, "550 5.1.1 no such user")
    delivery = opened.complete(iter([CONTENT]))
    assert statuses(delivery) == [ACCEPTED, (Status.PERMANENT, "rcpt")]
    with pytest.raises(LocalProtocolError, match="takes nothing more"):
        opened.add(Rcpt(path("carl@b.test"), {}))
    assert statuses(client.send(message())) == [ACCEPTED]


def test_an_open_delivery_can_be_given_up(client: Client) -> None:
    opened = client.open(Mail(path("ann@a.test"), {}))
    result = opened.add(Rcpt(path("bob@b.test"), {}))
    opened.cancel()
    assert result.status is Status.TEMPORARY
    with pytest.raises(SessionError, match="given up"):
        opened.complete(CONTENT)
    assert statuses(client.send(message())) == [ACCEPTED]


def test_while_a_delivery_is_open_nothing_else_is_sent(client: Client) -> None:
    opened = client.open(Mail(path("ann@a.test"), {}))
    for attempt in (
        lambda: client.send(message()),
        lambda: client.command(Noop()),
        lambda: client.open(Mail(path("<>"), {})),
    ):
        with pytest.raises(LocalProtocolError, match="a delivery is open"):
            attempt()
    opened.add(Rcpt(path("bob@b.test"), {}))
    assert statuses(opened.complete(CONTENT)) == [ACCEPTED]


def test_leaving_gives_up_what_is_open(client: Client) -> None:
    opened = client.open(Mail(path("ann@a.test"), {}))
    result = opened.add(Rcpt(path("bob@b.test"), {}))
    client.quit()
    assert (result.status, client.session.failure) == (Status.TEMPORARY, None)


def test_content_that_nobody_would_wait_for_is_refused(client: Client) -> None:
    with pytest.raises(TypeError, match="still to come"):
        client.send(Message(Mail(path("ann@a.test"), {}), [Rcpt(path("bob@b.test"), {})], Feed()))


@pytest.mark.parametrize("chunking", [True, False])
def test_content_may_be_written_piece_by_piece(chunking: bool) -> None:
    recorder = Recorder()
    with serving(recorder) as address, connect(*address, config(chunking=chunking)) as client:
        opened = client.open(Mail(path("ann@a.test"), {}))
        opened.add(Rcpt(path("bob@b.test"), {}))
        with pytest.raises(LocalProtocolError, match="no content was written"):
            opened.finish()
        for _ in range(1000):
            opened.write(CONTENT * 10)
        with pytest.raises(LocalProtocolError, match="a delivery is open"):
            client.send(message())
        assert statuses(opened.finish()) == [ACCEPTED]
        with pytest.raises(LocalProtocolError, match="takes nothing more"):
            opened.complete(CONTENT)
        opened.cancel()
        assert statuses(client.send(message())) == [ACCEPTED]
    assert recorder.messages == [CONTENT * 10_000, CONTENT]


def test_content_that_was_begun_is_given_up_by_hanging_up() -> None:
    recorder = Recorder()
    with serving(recorder) as address, connect(*address, config()) as client:
        opened = client.open(Mail(path("ann@a.test"), {}))
        result = opened.add(Rcpt(path("bob@b.test"), {}))
        opened.write(CONTENT)
    assert opened.delivery.done
    assert result.status is Status.TEMPORARY
    assert recorder.messages == []


def test_content_that_is_written_behind_a_refusal_is_dropped() -> None:
    with serving(Choosy()) as address, connect(*address, config()) as client:
        opened = client.open(Mail(path("ann@a.test"), {}))
        opened.add(Rcpt(path("no@b.test"), {}))
        for _ in range(3):
            opened.write(CONTENT)
        assert statuses(opened.finish()) == [(Status.PERMANENT, "rcpt")]


def test_one_thing_is_done_at_a_time(client: Client) -> None:
    faults: list[Exception] = []

    def content() -> Iterator[bytes]:
        try:
            client.command(Noop())
        except LocalProtocolError as error:
            faults.append(error)
        yield CONTENT

    assert statuses(client.send(message(content=content()))) == [ACCEPTED]
    assert [str(fault) for fault in faults] == ["the client is busy: wait for one thing before you begin another"]


# The end.


def test_an_exception_hangs_up_at_once() -> None:
    recorder = Recorder()
    with serving(recorder) as address:
        with pytest.raises(LookupError), connect(*address, config()) as client:
            raise LookupError
        assert not client.usable
    assert recorder.causes == [None]
    assert recorder.messages == []


def test_behind_the_end_everything_is_refused(client: Client) -> None:
    client.quit()
    assert statuses(client.send(message())) == [(Status.TEMPORARY, "quit")]
    with pytest.raises(SessionError, match="the session is over"):
        client.command(Noop())
    with pytest.raises(SessionError, match="the session is over"):
        client.open(Mail(path("ann@a.test"), {})).add(Rcpt(path("bob@b.test"), {}))
