"""Servers of threads: what the tests of every adapter do not ask for."""

from __future__ import annotations

import errno
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from smtpcore_blocking import Server, serve_socket
from smtpcore_blocking.bell import Bell, selector
from smtpcore_blocking.channel import LINGER_OCTETS
from smtpcore_blocking.peers import plain_address

from smtpcore.handler import Handler, handler
from smtpcore.session import Gate, Observer, Peer, ServerConfig, ServerSession, Timeouts
from tests.adapters.drivers import PATIENCE, Client, SocketClient, until
from tests.adapters.mail import CONTENT, DELIVERED, DELIVERY, EHLO, Recorder

CONFIG = ServerConfig(hostname="mx.test", timeouts=Timeouts(linger=0.2))


class Connected(SocketClient):
    """A client on a socket that is connected already."""

    def __init__(self, sock: socket.socket) -> None:
        Client.__init__(self)
        sock.settimeout(PATIENCE)
        self._socket = sock


def tcp(server: Server, index: int = 0) -> SocketClient:
    address = server.addresses[index]
    assert isinstance(address, tuple)
    return SocketClient(address)


def delivers(client: Client) -> None:
    assert client.code() == 220
    client.send(EHLO + DELIVERY + b"QUIT\r\n")
    assert client.codes(6) == [250, *DELIVERED, 221]
    assert client.rest() == b""
    client.close()


class Peers(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.peers: list[Peer] = []

    def connect(self, session: ServerSession) -> None:
        self.peers.append(session.peer)


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """What threads have died of."""
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type))
    return seen


# Listening.


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_listens_on_all_addresses_of_a_host_at_one_port(host: str) -> None:
    recorder = Peers()
    try:
        server = Server(CONFIG, recorder).bind(host, 0)
    except OSError as error:
        pytest.skip(f"no {host} on this machine: {error}")
    with server:
        addresses = server.addresses
        assert len({address[1] for address in addresses}) == 1
        for number, (address, port) in enumerate(pair for pair in addresses if isinstance(pair, tuple)):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family)
            sock.connect((address, port))
            local = sock.getsockname()[1]
            delivers(Connected(sock))
            assert recorder.peers[number] == Peer(address, local, address, port)


def test_listeners_differ_in_their_tls(server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext) -> None:
    server = Server(CONFIG, Recorder(), tls_context=server_ssl_context)
    with server.bind("127.0.0.1", 0).bind("127.0.0.1", 0, implicit_tls=True):
        delivers(tcp(server))
        client = tcp(server, 1)
        client.start_tls(client_ssl_context)
        delivers(client)


def test_a_unix_socket_has_a_path_and_peers_without_address(tmp_path: Path) -> None:
    recorder, path = Peers(), tmp_path / "smtp"
    with Server(CONFIG, recorder).listen_unix(path) as server:
        assert server.addresses == [str(path)]
        for _ in range(2):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(path))
            delivers(Connected(sock))
    assert recorder.peers == [Peer(), Peer()]
    assert not path.exists()


def test_a_unix_socket_that_nobody_serves_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "smtp"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with Server(CONFIG, Recorder()).listen_unix(path):
        with pytest.raises(OSError, match="in use"):
            Server(CONFIG, Recorder()).listen_unix(path)
        assert path.is_socket()
    path.write_text("a file")
    with pytest.raises(OSError, match="in use"):
        Server(CONFIG, Recorder()).listen_unix(path)
    assert path.read_text() == "a file"


def test_a_path_that_is_gone_already_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "smtp"
    with Server(CONFIG, Recorder()).listen_unix(path):
        path.unlink()


def test_a_port_in_use_is_an_error_that_leaves_nothing_open() -> None:
    with Server(CONFIG, Recorder()).bind("127.0.0.1", 0) as server, pytest.raises(OSError, match="in use"):
        Server(CONFIG, Recorder()).bind("127.0.0.1", int(server.addresses[0][1]))


def test_a_socket_that_listens_already_is_taken_over() -> None:
    with Server(CONFIG, Recorder()).listen_socket(socket.create_server(("127.0.0.1", 0))) as server:
        delivers(tcp(server))


def test_settings_that_cannot_work_are_errors_at_once() -> None:
    with pytest.raises(ValueError, match="tls_context is needed"):
        Server(ServerConfig(starttls=True), Handler())
    with pytest.raises(ValueError, match="tls_context is needed"):
        Server(CONFIG, Handler()).bind("127.0.0.1", 0, implicit_tls=True)
    with pytest.raises(ValueError, match="at least 1"):
        Server(CONFIG, Handler(), max_connections=0)


@pytest.mark.parametrize(
    ("shown", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_an_address_has_no_zone_and_is_ipv4_where_it_can_be(shown: str, plain: str) -> None:
    assert plain_address(shown) == plain


# Accepting.


class Exhausted(socket.socket):
    """A listener that meets an error before it accepts."""

    errors: list[OSError]

    def accept(self) -> tuple[socket.socket, object]:
        if self.errors:
            raise self.errors.pop()
        return super().accept()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ECONNABORTED, errno.EAGAIN])
def test_an_error_of_accept_is_survived(number: int) -> None:
    listener = Exhausted(fileno=socket.create_server(("127.0.0.1", 0)).detach())
    listener.errors = [OSError(number, os.strerror(number))]
    with Server(CONFIG, Recorder()).listen_socket(listener) as server:
        delivers(tcp(server))
        assert listener.errors == []


def test_a_system_without_threads_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    refused: list[str] = []

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "smtpcore connection" and not refused:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Server(CONFIG, Recorder()).bind("127.0.0.1", 0) as server:
        client = tcp(server)
        try:
            assert client.rest() == b""
        except ConnectionResetError:
            pass
        client.close()
        assert refused
        delivers(tcp(server))


def test_a_connection_too_many_waits_until_another_ends() -> None:
    with Server(CONFIG, Recorder(), max_connections=2).bind("127.0.0.1", 0) as server:
        first, second = tcp(server).greeted(), tcp(server).greeted()
        third = tcp(server)
        assert not third.heard(0.1)
        assert first.ask(b"QUIT\r\n") == 221
        assert first.rest() == b""
        first.close()
        delivers(third)
        second.close()


# One socket.


def test_one_connection_is_served_in_the_calling_thread() -> None:
    ours, theirs = socket.socketpair()
    recorder = Peers()
    client = Connected(ours)
    client.send(EHLO + DELIVERY)
    client.end()
    serve_socket(theirs, CONFIG, recorder)
    assert client.codes(6) == [220, 250, *DELIVERED]
    assert client.rest() == b""
    client.close()
    assert recorder.messages == [CONTENT]
    assert recorder.peers == [Peer()]
    assert theirs.fileno() == -1


def test_a_socket_that_is_not_connected_any_more_is_closed() -> None:
    recorder = Recorder()
    sock = socket.socket()
    serve_socket(sock, CONFIG, recorder)
    assert sock.fileno() == -1
    assert recorder.causes == []


def test_a_socket_is_closed_when_there_is_no_certificate() -> None:
    ours, theirs = socket.socketpair()
    with ours, pytest.raises(ValueError, match="tls_context is needed"):
        serve_socket(theirs, ServerConfig(starttls=True), Handler())
    assert theirs.fileno() == -1


# Closing.


def test_a_peer_that_does_not_close_is_waited_for_only_so_long() -> None:
    with Server(CONFIG, Recorder()).bind("127.0.0.1", 0) as server:
        client = tcp(server).greeted()
        assert client.ask(b"QUIT\r\n") == 221
        assert client.rest() == b""
        server.stop(0.0)
        assert server.wait(PATIENCE)
        client.close()


def test_a_peer_that_goes_on_sending_is_read_only_so_far() -> None:
    recorder = Recorder()
    config = ServerConfig(hostname="mx.test", timeouts=Timeouts(linger=1000.0))
    with Server(config, recorder).bind("127.0.0.1", 0) as server:
        client = tcp(server).greeted()
        assert client.ask(b"QUIT\r\n") == 221
        flood = b"x" * LINGER_OCTETS * 100
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            client.send(flood)
        client.close()
        until(lambda: recorder.causes == [None])


# Stopping.


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(CONFIG, Recorder()).bind("127.0.0.1", 0)
    yield server
    server.stop(0.0)
    server.wait()


def test_a_server_runs_once_and_can_be_waited_for(server: Server) -> None:
    assert server.wait()
    assert server.start() is server.start() is server
    assert not server.wait(0.01)
    server.stop()
    assert server.wait(PATIENCE)
    with pytest.raises(ConnectionRefusedError):
        tcp(server)


def test_a_server_that_was_stopped_does_not_begin(server: Server) -> None:
    server.stop()
    server.serve_forever()


def test_a_hook_may_stop_the_server() -> None:
    stops: list[Callable[[], None]] = []
    server = Server(CONFIG, handler(message=lambda session, envelope: stops.pop()())).bind("127.0.0.1", 0)
    stops.append(server.stop)
    with server:
        client = tcp(server).greeted()
        client.send(EHLO + DELIVERY)
        assert client.codes(6) == [250, *DELIVERED, 421]
        assert client.rest() == b""
        client.close()
        assert server.wait(PATIENCE)


def test_a_signal_may_stop_the_server(server: Server) -> None:
    before = signal.signal(signal.SIGUSR1, lambda number, frame: server.stop(30.0))
    try:
        client = tcp(server)

        def shoot() -> None:
            client.greeted()
            os.kill(os.getpid(), signal.SIGUSR1)

        shooter = threading.Thread(target=shoot)
        shooter.start()
        server.serve_forever()
        shooter.join()
        assert client.code() == 421
        assert client.rest() == b""
        client.close()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_hook_that_does_not_return_costs_its_own_connection_only() -> None:
    release, stuck = threading.Event(), threading.Event()
    recorder = Recorder()

    def rcpt(session: ServerSession, rcpt: object) -> None:
        if not stuck.is_set():
            stuck.set()
            release.wait()

    recorder.rcpt = rcpt  # type: ignore[method-assign]
    server = Server(CONFIG, recorder).bind("127.0.0.1", 0).start()
    client = tcp(server).greeted()
    client.send(EHLO + DELIVERY)
    assert stuck.wait(PATIENCE)
    delivers(tcp(server))
    server.stop(0.0)
    assert server.wait(PATIENCE)
    # The server has ended; the connection was broken, and the thread finds that out when its hook returns.
    release.set()
    until(lambda: len(recorder.causes) == 2)
    assert recorder.messages == [CONTENT]
    client.close()


# Faults of what must not fail.


def test_an_observer_that_raises_ends_its_own_connection_in_order(raised: list[type[BaseException]]) -> None:
    class Faulty(Observer):
        def received(self, session: ServerSession, verb: str, line: str) -> None:
            raise LookupError(verb)

    gate, recorder = Gate(lock=threading.Lock()), Recorder()
    with Server(CONFIG, recorder, gate=gate, observer=Faulty).bind("127.0.0.1", 0) as server:
        client = tcp(server).greeted()
        client.send(EHLO)
        assert client.rest() == b""
        client.close()
        until(lambda: raised == [LookupError])
        assert [type(cause) for cause in recorder.causes] == [LookupError]
        assert gate.open == 0
        assert tcp_greets(server)


def tcp_greets(server: Server) -> bool:
    client = tcp(server)
    greeted = client.code() == 220
    client.close()
    return greeted


def test_an_observer_that_cannot_be_made_ends_its_own_connection(raised: list[type[BaseException]]) -> None:
    made: list[Observer] = []

    def make() -> Observer:
        made.append(Observer())
        return {2: made[-1]}[len(made)]

    with Server(CONFIG, Recorder(), observer=make).bind("127.0.0.1", 0) as server:
        client = tcp(server)
        assert client.rest() == b""
        client.close()
        until(lambda: raised == [KeyError])
        delivers(tcp(server))


def test_an_async_disconnect_is_refused_as_well_when_a_session_is_given_up(raised: list[type[BaseException]]) -> None:
    faults: list[type[BaseException]] = []

    class Faulty(Observer):
        def received(self, session: ServerSession, verb: str, line: str) -> None:
            raise LookupError(verb)

        def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
            faults.append(type(exception))

    async def disconnect(session: ServerSession, cause: object) -> None:
        pass

    with Server(CONFIG, handler(disconnect=disconnect), observer=Faulty).bind("127.0.0.1", 0) as server:
        client = tcp(server).greeted()
        client.send(EHLO)
        assert client.rest() == b""
        client.close()
        until(lambda: raised == [LookupError])
        assert faults == [TypeError]


# The bell.


def test_a_bell_is_heard_by_all_until_it_is_cleared() -> None:
    bell = Bell()
    with selector() as first, selector() as second:
        for each in (first, second):
            each.register(bell, 1)
            assert each.select(0) == []
        bell.ring()
        assert bell.rung
        assert first.select(0)
        assert second.select(0)
        bell.clear()
        assert not bell.rung
        assert first.select(0) == []


def test_a_bell_may_be_rung_more_often_than_anybody_listens() -> None:
    bell = Bell()
    for _ in range(100_000):
        bell.ring()
    assert bell.rung
    bell.clear()
    with selector() as watched:
        watched.register(bell, 1)
        assert watched.select(0) == []
