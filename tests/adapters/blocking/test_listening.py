"""Where a server of threads listens."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from smtpcore_blocking import Server
from smtpcore_testing.adapter_kit.application import Recorder

from smtpcore.handler import Handler
from smtpcore.session import Peer, ServerConfig
from tests.adapters.blocking.sockets import CONFIG, Connected, Peers, delivers, tcp


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
