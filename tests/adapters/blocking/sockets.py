"""What the tests of servers of threads have in common."""

from __future__ import annotations

import socket

from smtpcore_blocking import Server
from smtpcore_testing.adapter_kit.application import DELIVERED, DELIVERY, EHLO, Recorder
from smtpcore_testing.adapter_kit.clients import PATIENCE, Client, SocketClient

from smtpcore.session import Peer, ServerConfig, ServerSession, Timeouts

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
