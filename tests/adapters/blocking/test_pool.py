"""Connections that are kept from one message to the next, for several threads."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path as FilePath

import pytest
from smtpcore_blocking import Pool, Server
from smtpcore_testing.adapter_kit.application import Recorder
from smtpcore_testing.adapter_kit.clients import PATIENCE, until

from smtpcore.commands import Rcpt
from smtpcore.errors import LocalProtocolError
from smtpcore.replies import Reply
from smtpcore.session import ServerConfig, ServerSession, Timeouts
from smtpcore.session.client import Result, Status, TlsMode
from smtpcore.spec import Dialect

from .clients import CONTENT, Peer, config, message, scripted, serving, statuses

ACCEPTED = (Status.ACCEPTED, "final")


class Counter(Recorder):
    """Counts connections, and how many there are at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.made = self.now = self.most = 0

    def connect(self, session: ServerSession) -> None:
        with self.lock:
            self.made += 1
            self.now += 1
            self.most = max(self.most, self.now)

    def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
        super().disconnect(session, cause)
        with self.lock:
            self.now -= 1


def test_a_connection_is_used_again_and_taken_leave_of_at_the_end() -> None:
    counter = Counter()
    with serving(counter) as address:
        with Pool(*address, config()) as pool:
            for _ in range(3):
                assert statuses(pool.send(message())) == [ACCEPTED]
        until(lambda: counter.causes)
    assert counter.made == 1
    assert counter.causes == [None]
    assert counter.messages == [CONTENT] * 3


def test_a_message_of_the_email_package_is_sent() -> None:
    email = EmailMessage()
    email["From"], email["To"] = "ann@a.test", "bob@b.test"
    with serving() as address, Pool(*address, config()) as pool:
        assert statuses(pool.send_message(email)) == [ACCEPTED]


def test_a_connection_carries_only_so_many_messages() -> None:
    counter = Counter()
    with serving(counter) as address, Pool(*address, config(), max_messages=2) as pool:
        for _ in range(5):
            assert statuses(pool.send(message())) == [ACCEPTED]
    assert counter.made == 3


def test_a_server_that_takes_fewer_messages_gets_fewer() -> None:
    made: list[Peer] = []

    def serve(peer: Peer) -> None:
        made.append(peer)
        peer.greets(b"LIMITS MAILMAX=1")
        peer.takes(b"MAIL", b"RCPT")
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        while peer.line() != b".\r\n":
            pass
        peer.says(b"250 kept\r\n")
        peer.hears(b"QUIT")
        peer.says(b"221 bye\r\n")

    with scripted(serve, connections=2) as address, Pool(*address, config()) as pool:
        for _ in range(2):
            assert statuses(pool.send(message())) == [ACCEPTED]
    assert len(made) == 2


def test_threads_share_connections_and_wait_for_their_turn() -> None:
    counter = Counter()
    with (
        serving(counter) as address,
        Pool(*address, config(), max_connections=2) as pool,
        ThreadPoolExecutor(8) as threads,
    ):
        for delivery in list(threads.map(lambda _: pool.send(message()), range(40))):
            assert statuses(delivery) == [ACCEPTED]
    assert len(counter.messages) == 40
    assert counter.made == 2


def test_what_is_refused_leaves_the_connection_for_others() -> None:
    class Refuses(Counter):
        def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
            return Reply(550, "no", "5.1.1") if rcpt.path.local == "no" else None

    counter = Refuses()
    told: list[Result] = []
    with serving(counter) as address, Pool(*address, config()) as pool:
        for recipient, outcome in [
            ("no", (Status.PERMANENT, "rcpt")),
            ("yes", ACCEPTED),
            ("no", (Status.PERMANENT, "rcpt")),
        ]:
            assert statuses(pool.send(message(f"{recipient}@b.test"), told=told.append)) == [outcome]
    assert counter.made == 1
    assert [result.status for result in told] == [Status.PERMANENT, Status.ACCEPTED, Status.PERMANENT]


# Connections that have gone.


class Restarting:
    """A server that closes its first connection behind a message, when it is told to.

    Args:
        farewell: What it says then.
        begun: It takes the next MAIL before.
    """

    def __init__(self, farewell: bytes = b"", *, begun: bool = False) -> None:
        self.made = 0
        self._begun = begun
        self._farewell = farewell
        self._gone = threading.Event()
        self._go = threading.Event()

    def __call__(self, peer: Peer) -> None:
        self.made += 1
        peer.greets()
        peer.takes(b"MAIL", b"RCPT")
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        while peer.line() != b".\r\n":
            pass
        peer.says(b"250 kept\r\n")
        if self.made == 1:
            if self._begun:
                peer.takes(b"MAIL")
            else:
                assert self._go.wait(PATIENCE)
            peer.says(self._farewell)
            peer.close()
            self._gone.set()

    def close(self) -> None:
        """Close the first connection."""
        self._go.set()
        assert self._gone.wait(PATIENCE)


FAREWELLS = [b"", b"421 mx.test closing\r\n"]


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_a_connection_that_was_idle_is_tried_before_it_is_used(farewell: bytes) -> None:
    server = Restarting(farewell)
    with scripted(server, connections=2) as address, Pool(*address, config(), check_after=0.0) as pool:
        assert statuses(pool.send(message())) == [ACCEPTED]
        server.close()
        assert statuses(pool.send(message())) == [ACCEPTED]
    assert server.made == 2


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_a_message_that_was_not_begun_is_sent_over_another_connection(farewell: bytes) -> None:
    server = Restarting(farewell)
    told: list[Result] = []
    with scripted(server, connections=2) as address, Pool(*address, config()) as pool:
        assert statuses(pool.send(message(), told=told.append)) == [ACCEPTED]
        server.close()
        assert statuses(pool.send(message(), told=told.append)) == [ACCEPTED]
    assert server.made == 2
    assert [result.status for result in told] == [Status.ACCEPTED, Status.ACCEPTED]


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_a_message_that_was_begun_is_not_sent_twice(farewell: bytes) -> None:
    server = Restarting(farewell, begun=True)
    told: list[Result] = []
    with scripted(server) as address, Pool(*address, config()) as pool:
        assert statuses(pool.send(message(), told=told.append)) == [ACCEPTED]
        [(status, _)] = statuses(pool.send(message(), told=told.append))
        assert status is Status.TEMPORARY
    assert server.made == 1
    assert [result.status for result in told] == [Status.ACCEPTED, Status.TEMPORARY]


def test_connections_that_nobody_needs_are_closed() -> None:
    counter = Counter()
    with serving(counter) as address, Pool(*address, config(), max_idle=0.0) as pool:
        assert statuses(pool.send(message())) == [ACCEPTED]
        until(lambda: counter.causes)
        assert statuses(pool.send(message())) == [ACCEPTED]
    assert counter.made == 2


def test_where_no_connection_can_be_had_each_result_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
    told: list[Result] = []
    with Pool(host, port, config()) as pool:
        delivery = pool.send(message("bob@b.test", "carl@b.test"), told=told.append)
        assert statuses(delivery) == [(Status.TEMPORARY, "connect")] * 2
        assert told == delivery.results
        assert delivery.error is not None


# The pool itself.


def test_a_pool_is_open_inside_of_its_block_only() -> None:
    with serving() as address:
        pool = Pool(*address, config())
        with pytest.raises(LocalProtocolError, match="not open"):
            pool.send(message())
        with pool:
            assert statuses(pool.send(message())) == [ACCEPTED]
        with pytest.raises(LocalProtocolError, match="not open"):
            pool.send(message())


def test_an_exception_hangs_up_at_once() -> None:
    def serve(peer: Peer) -> None:
        peer.greets()
        peer.takes(b"MAIL", b"RCPT")
        peer.hears(b"DATA")
        peer.says(b"354 go\r\n")
        while peer.line() != b".\r\n":
            pass
        peer.says(b"250 kept\r\n")
        assert peer.rest() == b""

    def fail(pool: Pool) -> None:
        with pool:
            assert statuses(pool.send(message())) == [ACCEPTED]
            raise LookupError

    with scripted(serve) as address:
        pool = Pool(*address, config())
        with pytest.raises(LookupError):
            fail(pool)


def test_a_thread_that_still_sends_when_the_pool_is_left_ends_its_own_connection() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def content() -> Iterator[bytes]:
        begun.set()
        assert go_on.wait(PATIENCE)
        yield CONTENT

    counter = Counter()
    with serving(counter) as address, ThreadPoolExecutor(1) as threads:
        with Pool(*address, config()) as pool:
            sending = threads.submit(pool.send, message(content=content()))
            assert begun.wait(PATIENCE)
        go_on.set()
        assert statuses(sending.result()) == [ACCEPTED]
        until(lambda: counter.causes)
    assert counter.causes == [None]


def test_content_that_interrupts_costs_its_own_connection_only() -> None:
    def content() -> Iterator[bytes]:
        yield CONTENT
        raise KeyboardInterrupt

    counter = Counter()
    with serving(counter) as address, Pool(*address, config(), max_connections=1) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.send(message(content=content()))
        assert statuses(pool.send(message())) == [ACCEPTED]
    assert counter.made == 2


def test_a_pool_may_be_of_a_unix_socket() -> None:
    settings = ServerConfig(hostname="mx.test", dialect=Dialect.LMTP, timeouts=Timeouts(linger=0.2))
    with tempfile.TemporaryDirectory() as folder:
        path = FilePath(folder) / "lmtp"
        with (
            Server(settings, Recorder()).listen_unix(path),
            Pool(path, None, config(dialect=Dialect.LMTP)) as pool,
        ):
            assert statuses(pool.send(message("bob@b.test", "carl@b.test"))) == [ACCEPTED, ACCEPTED]


@pytest.mark.parametrize("limits", [{"max_connections": 0}, {"max_messages": 0}])
def test_limits_have_to_leave_room(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Pool("mx.test", 25, config(), **limits)  # type: ignore[arg-type]


def test_a_certificate_needs_a_name_to_be_checked_against() -> None:
    with pytest.raises(ValueError, match="server_name is needed"):
        Pool("/run/x", None, config(tls=TlsMode.STARTTLS))
