"""No adapter serves LMTP on port 25 (RFC 2033 5), unless it is told to."""

from __future__ import annotations

import socket
from collections.abc import Callable

import anyio
import anyio.streams.stapled
import pytest
import smtpcore_anyio
import smtpcore_blocking
import smtpcore_memory
from smtpcore_blocking import connection

from smtpcore import Handler, Peer, ServerConfig
from smtpcore.spec import Dialect

LMTP = ServerConfig(dialect=Dialect.LMTP)
AT_25 = Peer("192.0.2.7", 4711, "192.0.2.1", 25)


class Listening(socket.socket):
    """A socket that says it listens on port 25, which only root may have."""

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", 25


def bind_blocking() -> None:
    smtpcore_blocking.Server(LMTP, Handler()).bind("127.0.0.1", 25)


def take_blocking() -> None:
    with Listening() as sock:
        smtpcore_blocking.Server(LMTP, Handler()).listen_socket(sock)


def serve_anyio() -> None:
    async def serve() -> None:
        with Listening() as sock:
            await smtpcore_anyio.Server(LMTP, Handler()).serve(smtpcore_anyio.Listener((sock,)))

    anyio.run(serve)


def serve_a_stream() -> None:
    async def serve() -> None:
        send, receive = anyio.create_memory_object_stream[bytes](1)
        async with send, receive:
            stream = anyio.streams.stapled.StapledObjectStream(send, receive)
            await smtpcore_anyio.serve_stream(stream, LMTP, Handler(), peer=AT_25)  # type: ignore[arg-type]

    anyio.run(serve)


def serve_in_memory() -> None:
    smtpcore_memory.Pipe(LMTP, Handler(), peer=AT_25)


@pytest.mark.conformance("C060")
@pytest.mark.parametrize("serve", [bind_blocking, take_blocking, serve_anyio, serve_a_stream, serve_in_memory])
def test_lmtp_is_not_served_on_port_25(serve: Callable[[], None]) -> None:
    with pytest.raises(ValueError, match="RFC 2033 5"):
        serve()


@pytest.mark.conformance("C060")
def test_a_connection_to_port_25_is_not_served_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "peer_of", lambda _: AT_25)
    mine, theirs = socket.socketpair()
    with mine, theirs, pytest.raises(ValueError, match="RFC 2033 5"):
        smtpcore_blocking.serve_socket(mine, LMTP, Handler())


def test_it_is_served_there_when_told_to_and_elsewhere_anyway() -> None:
    forced = ServerConfig(dialect=Dialect.LMTP, lmtp_on_port_25=True)
    assert smtpcore_memory.Pipe(forced, Handler(), peer=AT_25).receive() == b"220 localhost LMTP\r\n"
    with smtpcore_blocking.Server(LMTP, Handler()).bind("127.0.0.1", 0) as server:
        server.stop(0)
