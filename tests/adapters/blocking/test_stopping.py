"""How a server of threads stops."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from smtpcore_blocking import Server
from smtpcore_testing.adapter_kit.application import CONTENT, DELIVERED, DELIVERY, EHLO, Recorder
from smtpcore_testing.adapter_kit.clients import PATIENCE, until

from smtpcore.handler import handler
from smtpcore.session import ServerSession
from tests.adapters.blocking.sockets import CONFIG, delivers, tcp


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


def test_a_signal_may_stop_the_server_whichever_thread_it_comes_to(server: Server) -> None:
    before = signal.signal(signal.SIGUSR1, lambda number, frame: server.stop(30.0))
    client = tcp(server)
    try:

        def shoot() -> None:
            client.greeted()
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

        shooter = threading.Thread(target=shoot)
        shooter.start()
        server.serve_forever()
        shooter.join()
        assert client.code() == 421
        assert client.rest() == b""
    finally:
        client.close()
        signal.signal(signal.SIGUSR1, before)
    assert signal.set_wakeup_fd(-1) == -1


def test_who_is_told_of_signals_stays_so(server: Server) -> None:
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    number = writer.fileno()
    signal.set_wakeup_fd(number)
    try:
        server.stop()
        server.serve_forever()
        assert signal.set_wakeup_fd(-1) == number
    finally:
        signal.set_wakeup_fd(-1)
        reader.close()
        writer.close()


def test_who_was_told_of_signals_and_is_gone_does_not_hinder_the_server(server: Server) -> None:
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    reader.close()
    writer.close()
    server.stop()
    server.serve_forever()
    assert signal.set_wakeup_fd(-1) == -1


def test_what_ends_a_server_in_another_thread_has_nothing_to_do_with_signals(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(server: Server) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(Server, "_accept_until_stopped", fail)
    causes: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda about: causes.append(about.exc_value.__context__))
    server.start().wait()
    assert causes == [None]


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
