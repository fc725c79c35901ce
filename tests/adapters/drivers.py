"""Each adapter behind one small interface, so that one test runs over all of them.

An adapter is a function that runs a server while its context is open; what it gives makes clients. Reading waits as
long as it takes: over sockets for `PATIENCE` seconds, in memory by moving the clock to the session's next deadline.
"""

from __future__ import annotations

import functools
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import anyio
import anyio.from_thread
import smtpcore_anyio
import smtpcore_blocking
from smtpcore_memory import Pipe
from smtpcore_tls import TlsEngine

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, ServerConfig

PATIENCE = 20.0
"""Seconds until a test gives up waiting."""
STALL = 0.3
"""Seconds without room for an octet after which a transport counts as full."""


def until(condition: Callable[[], object]) -> None:
    """Wait for something another thread does."""
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        pause.wait(0.005)


class Client:
    """A raw client: octets out and in, and no idea of SMTP but where a reply ends."""

    def __init__(self) -> None:
        self._received = b""

    def send(self, data: bytes) -> None:
        """Write all of it."""
        raise NotImplementedError

    def offer(self, data: bytes, stall: float = STALL) -> int:
        """Write, without reading, until the transport takes no more; how much it took."""
        raise NotImplementedError

    def pass_time(self, seconds: float) -> None:
        """Let time pass where it does not by itself, without reading."""

    def read(self) -> bytes:
        """Wait for some octets; ``b""`` at the end."""
        raise NotImplementedError

    def heard(self, patience: float = 0.0) -> bool:
        """Whether octets, or the end, are there already or within so many seconds."""
        raise NotImplementedError

    def end(self) -> None:
        """End the output and go on reading."""
        raise NotImplementedError

    def reset(self) -> None:
        """Break the connection."""
        raise NotImplementedError

    def close(self) -> None:
        """Hang up."""
        raise NotImplementedError

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the client's handshake."""
        raise NotImplementedError

    def reply(self) -> bytes:
        """The next reply, all its lines."""
        end = 0
        while True:
            cut = self._received.find(b"\r\n", end)
            if cut < 0:
                more = self.read()
                assert more, f"the connection ended after {self._received!r}"
                self._received += more
                continue
            last = self._received[end + 3 : end + 4] != b"-"
            end = cut + 2
            if last:
                break
        reply, self._received = self._received[:end], self._received[end:]
        return reply

    def code(self) -> int:
        """The code of the next reply."""
        return int(self.reply()[:3])

    def codes(self, count: int) -> list[int]:
        """The codes of the next replies."""
        return [self.code() for _ in range(count)]

    def ask(self, data: bytes) -> int:
        """Send and wait for one reply."""
        self.send(data)
        return self.code()

    def rest(self) -> bytes:
        """All that still comes, to the end of the connection."""
        parts = [self._received]
        self._received = b""
        while more := self.read():
            parts.append(more)
        return b"".join(parts)

    def greeted(self) -> Client:
        """The same client, behind the greeting."""
        assert self.code() == 220
        return self


class SocketClient(Client):
    """Over TCP."""

    def __init__(self, address: tuple[str, int], receive_buffer: int | None = None) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_INET)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def offer(self, data: bytes, stall: float = STALL) -> int:
        done = 0
        while done < len(data) and select.select([], [self._socket], [], stall)[1]:
            done += self._socket.send(data[done : done + 65536], socket.MSG_DONTWAIT)
        return done

    def read(self) -> bytes:
        return self._socket.recv(65536)

    def heard(self, patience: float = 0.0) -> bool:
        return bool(select.select([self._socket], [], [], patience)[0])

    def end(self) -> None:
        # Of a TLS socket too it is the transport that ends: OpenSSL reads nothing behind its own close_notify.
        socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._socket = context.wrap_socket(self._socket, server_hostname="mx.test")


class MemoryClient(Client):
    """Over a pipe in memory."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self.pipe = pipe

    def send(self, data: bytes) -> None:
        if data:  # to a socket it is nothing, to a pipe the end
            self.pipe.write(data)

    def offer(self, data: bytes, stall: float = STALL) -> int:
        # What the session does not take is on its way, and that way is as long as need be.
        self.pipe.write(data)
        return len(data)

    def read(self) -> bytes:
        while not (octets := self.pipe.receive()) and not self.pipe.closed:
            deadline = self.pipe.session.deadline
            assert deadline is not None, "the session waits for nothing"
            self.pipe.driver.advance(max(deadline - self.pipe.clock.now, 0.0))
        return octets

    def pass_time(self, seconds: float) -> None:
        self.pipe.driver.advance(seconds)

    def heard(self, patience: float = 0.0) -> bool:
        self._received += self.pipe.receive()
        return bool(self._received) or self.pipe.closed

    def end(self) -> None:
        self.pipe.write(b"")

    def reset(self) -> None:
        self.pipe.reset()

    def close(self) -> None:
        self.pipe.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        self.pipe.start_tls(context, "mx.test")


class Engine(Client):
    """TLS on top of another client by an engine of our own, to say when each record is sent."""

    def __init__(self, below: Client, context: ssl.SSLContext) -> None:
        super().__init__()
        self.below = below
        self.engine = TlsEngine(context, server_side=False, server_hostname="mx.test")

    def handshake(self, and_then: bytes) -> None:
        """Do the handshake, and send this plaintext in one piece with the last flight of it."""
        while not self.engine.handshaken:
            if octets := self.engine.outgoing():
                self.below.send(octets)
            octets = self.below.read()
            assert octets, "the connection ended during the handshake"
            self._received += self.engine.receive(octets)
        self.engine.send(and_then)
        self.below.send(self.engine.outgoing())

    def read(self) -> bytes:
        while octets := self.below.read():
            if plaintext := self.engine.receive(octets):
                return plaintext
        return b""


class Running(Protocol):
    """A server that serves."""

    def connect(self, receive_buffer: int | None = None) -> Client:
        """A new client. The buffer, in octets, is that of its transport; small, it is soon full."""

    def stop(self, grace: float) -> None:
        """Begin to stop."""

    def ended(self) -> bool:
        """Whether the server has ended, all its connections too."""


Adapter = Callable[..., AbstractContextManager[Running]]


class MemoryServer:
    """As many pipes as clients ask for."""

    def __init__(self, observer: Callable[[], Observer] | None, **settings: Any) -> None:
        self._new = functools.partial(Pipe, window=256 * 1024, **settings)
        self._observer = observer
        self._pipes: list[Pipe] = []

    def connect(self, receive_buffer: int | None = None) -> Client:
        self._pipes.append(self._new(observer=None if self._observer is None else self._observer()))
        return MemoryClient(self._pipes[-1])

    def stop(self, grace: float) -> None:
        for pipe in self._pipes:
            pipe.driver.shutdown(grace)

    def ended(self) -> bool:
        return all(pipe.closed for pipe in self._pipes)


@contextmanager
def memory(
    config: ServerConfig,
    handler: Handler,
    *,
    tls_context: ssl.SSLContext | None = None,
    gate: Gate | None = None,
    observer: Callable[[], Observer] | None = None,
) -> Iterator[MemoryServer]:
    yield MemoryServer(observer, config=config, handler=handler, tls_context=tls_context, gate=gate)


class SocketServer:
    """A server on a TCP port, whatever runs it."""

    def __init__(self, address: object, stop: Callable[[float], None], ended: Callable[[], bool]) -> None:
        assert isinstance(address, tuple)
        self.address = address
        self.stop = stop
        self.ended = ended

    def connect(self, receive_buffer: int | None = None) -> Client:
        return SocketClient(self.address, receive_buffer)


@contextmanager
def blocking(
    config: ServerConfig,
    handler: Handler,
    *,
    tls_context: ssl.SSLContext | None = None,
    gate: Gate | None = None,
    observer: Callable[[], Observer] | None = None,
) -> Iterator[SocketServer]:
    server = smtpcore_blocking.Server(config, handler, tls_context=tls_context, gate=gate, observer=observer)
    with server.bind("127.0.0.1", 0):
        try:
            yield SocketServer(server.addresses[0], server.stop, lambda: server.wait(0))
        finally:
            server.stop(0)
            assert server.wait(PATIENCE)


@contextmanager
def over_anyio(
    backend: str,
    config: ServerConfig,
    handler: Handler,
    *,
    tls_context: ssl.SSLContext | None = None,
    gate: Gate | None = None,
    observer: Callable[[], Observer] | None = None,
) -> Iterator[SocketServer]:
    with anyio.from_thread.start_blocking_portal(backend) as portal:
        server = smtpcore_anyio.Server(config, handler, tls_context=tls_context, gate=gate, observer=observer)
        listener = portal.call(
            functools.partial(smtpcore_anyio.listen_tcp, "127.0.0.1", 0, implicit_tls=config.implicit_tls)
        )
        serving, _ = portal.start_task(server.serve, listener)

        def stop(grace: float) -> None:
            portal.call(server.stop, grace)

        try:
            yield SocketServer(server.addresses[0], stop, serving.done)
        finally:
            stop(0)
            serving.result(PATIENCE)


ADAPTERS: dict[str, Adapter] = {
    "memory": memory,
    "blocking": blocking,
    "asyncio": functools.partial(over_anyio, "asyncio"),
    "trio": functools.partial(over_anyio, "trio"),
}
AWAITS = frozenset({"memory", "asyncio", "trio"})
"""The adapters that wait for async hooks."""


class _Suspended:
    def __await__(self) -> Generator[None, None, None]:
        yield


def forever(adapter: str) -> Awaitable[object]:
    """What is never done, in the way of the adapter's event loop."""
    return _suspend() if adapter == "memory" else anyio.sleep_forever()


async def _suspend() -> None:
    await _Suspended()
