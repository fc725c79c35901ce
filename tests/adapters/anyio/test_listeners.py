"""Listeners: where connections arrive."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from smtpcore_anyio import Server, listen_socket, listen_tcp, listen_unix

from smtpcore.handler import Handler
from smtpcore.session import Peer, ServerConfig
from tests.adapters.anyio.dialogue import (
    LOOPBACK,
    Client,
    Recorder,
    connect,
    greeted,
    serving,
)

pytestmark = pytest.mark.anyio


class TestListeners:
    async def test_one_server_has_listeners_of_every_kind(self, tmp_path: Path) -> None:
        ready = socket.create_server((LOOPBACK, 0))
        listeners = [await listen_tcp(LOOPBACK, 0), listen_socket(ready), await listen_unix(tmp_path / "socket")]
        async with serving(handler := Recorder(), *listeners) as server:
            assert server.addresses == [*listeners[0].addresses, ready.getsockname(), str(tmp_path / "socket")]
            for address in server.addresses:
                async with greeted(address) as client:
                    assert (await client.say(b"QUIT")).startswith(b"221")
                    ours = client.sock.getsockname()
                peer = handler.sessions[-1].peer
                if isinstance(address, str):
                    assert peer == Peer()
                else:
                    assert peer == Peer(ours[0], ours[1], address[0], address[1])
        with pytest.raises(ConnectionRefusedError):
            async with connect(server):
                pass
        assert not (tmp_path / "socket").exists()

    async def test_a_name_is_bound_on_all_its_addresses_with_one_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def getaddrinfo(*args: object, **options: object) -> list[tuple[Any, ...]]:
            return [(socket.AF_INET, 0, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(anyio, "getaddrinfo", getaddrinfo)
        async with serving(None, await listen_tcp("two.example", 0)) as server:
            assert [address[0] for address in server.addresses] == ["127.0.0.1", "127.0.0.2"]
            assert len({address[1] for address in server.addresses}) == 1
            for address in server.addresses:
                async with greeted(address):
                    pass

    @pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
    async def test_ipv6_is_served_and_a_mapped_address_is_shown_as_ipv4(self) -> None:
        both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        async with serving(handler := Recorder(), await listen_tcp("::1", 0), listen_socket(both)) as server:
            async with greeted(server):
                assert handler.sessions[-1].peer.host == "::1"
            async with greeted((LOOPBACK, both.getsockname()[1])):
                assert (handler.sessions[-1].peer.host, handler.sessions[-1].peer.local_host) == (LOOPBACK, LOOPBACK)

    async def test_a_port_that_is_free_on_one_address_only_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def getaddrinfo(*args: object, **options: object) -> list[tuple[Any, ...]]:
            return [(socket.AF_INET, 0, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2")]

        ports: list[int] = []
        listen = socket.socket.listen

        def counted(self: socket.socket, backlog: int) -> None:
            ports.append(self.getsockname()[1])
            if len(ports) == 2:
                raise OSError(errno.EADDRINUSE, "in use")
            listen(self, backlog)

        monkeypatch.setattr(anyio, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(socket.socket, "listen", counted)
        listener = await listen_tcp("two.example", 0)
        listener.close()
        assert ports[0] == ports[1]
        assert ports[2] == ports[3]

    async def test_a_port_in_use_is_an_error_that_names_it(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f"cannot listen on {LOOPBACK} port {port}: Address already in use"):
                await listen_tcp(LOOPBACK, port)

    @pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="not to be had here")
    async def test_processes_may_share_a_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = await listen_tcp(LOOPBACK, 0, reuse_port=True)
        second = await listen_tcp(LOOPBACK, int(first.addresses[0][1]), reuse_port=True)
        first.close()
        second.close()
        monkeypatch.delattr(socket, "SO_REUSEPORT")
        with pytest.raises(ValueError, match="not to be had"):
            await listen_tcp(LOOPBACK, 0, reuse_port=True)

    async def test_the_file_of_a_dead_server_is_replaced_and_that_of_a_live_one_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        live = await listen_unix(path)
        with pytest.raises(OSError, match=r"cannot listen on .*socket: Address already in use"):
            await listen_unix(path)
        # What has taken the place of our file is not ours to remove.
        path.rename(tmp_path / "elsewhere")
        path.write_text("not a socket")
        live.close()
        assert path.exists()
        with pytest.raises(OSError, match="Address already in use"):
            await listen_unix(path)

    async def test_a_socket_that_does_not_listen_is_refused(self) -> None:
        with socket.socket() as sock, pytest.raises(ValueError, match=r"call bind\(\) and listen\(\)"):
            listen_socket(sock)

    async def test_what_contradicts_itself_is_refused(self, client_ssl_context: ssl.SSLContext) -> None:
        with pytest.raises(ValueError, match="none for servers"):
            Server(ServerConfig(), Handler(), tls_context=client_ssl_context)
        with pytest.raises(ValueError, match="starttls needs a tls_context"):
            Server(ServerConfig(starttls=True), Handler())
        with pytest.raises(ValueError, match="max_connections"):
            Server(ServerConfig(), Handler(), max_connections=0)
        server = Server(ServerConfig(), Handler())
        with pytest.raises(ValueError, match="implicit TLS needs a tls_context"):
            await server.serve(await listen_tcp(LOOPBACK, 0, implicit_tls=True))
        with pytest.raises(ValueError, match="at least one listener"):
            await server.serve()
        async with serving() as server:
            with pytest.raises(RuntimeError, match="serves once"):
                await server.serve(await listen_tcp(LOOPBACK, 0))

    async def test_no_delay_is_set_on_connections_of_ready_sockets_too(self) -> None:
        # Made without a protocol number, where asyncio would not set it.
        ready = socket.create_server((LOOPBACK, 0))
        async with serving(None, listen_socket(ready)) as server, greeted(server) as client:
            assert [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in peers_of(client)] == [1]


def peers_of(client: Client) -> Iterator[socket.socket]:
    """The server's end of a connection: it is in this process, under a number that is looked for."""
    for number in range(3, 512):
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
        except OSError:
            continue
        with socket.socket(fileno=os.dup(number)) as sock:
            try:
                if sock.getpeername() == client.sock.getsockname():
                    yield sock
            except OSError:
                pass
