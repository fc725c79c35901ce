"""Accepting connections, serving one socket, and closing."""

from __future__ import annotations

import errno
import os
import socket
import threading

import pytest
from smtpcore_blocking import Server, serve_socket
from smtpcore_testing.adapter_kit.application import CONTENT, DELIVERED, DELIVERY, EHLO, Recorder
from smtpcore_testing.adapter_kit.clients import PATIENCE, until
from smtpcore_tls import LINGER_OCTETS

from smtpcore.handler import Handler
from smtpcore.session import Peer, ServerConfig, Timeouts
from tests.adapters.blocking.sockets import CONFIG, Connected, Peers, delivers, tcp


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
