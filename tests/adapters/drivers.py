"""Each adapter as the kit wants it: a function that runs a server while its context is open.

Reading waits as long as it takes: over sockets for `PATIENCE` seconds, in memory by moving the clock to the session's
next deadline.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.from_thread
import smtpcore_anyio
import smtpcore_blocking
from anyio.abc import TaskStatus
from smtpcore_memory import Pipe
from smtpcore_testing.adapter_kit import Client, Listening
from smtpcore_testing.adapter_kit.clients import HOSTNAME, PATIENCE, STALL
from smtpcore_testing.adapter_kit.servers import Serve

from docs.examples.asyncio_adapter import AsyncioServer
from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, ServerConfig


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
        for start in range(0, len(data), 65536):
            self.pipe.write(data[start : start + 65536])
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
        self.pipe.start_tls(context, HOSTNAME)


class MemoryServer:
    """As many pipes as clients ask for."""

    def __init__(self, observer: Callable[[], Observer] | None, **settings: Any) -> None:
        self._new = functools.partial(Pipe, window=256 * 1024, **settings)
        self._observer = observer
        self._pipes: list[Pipe] = []
        self._stopped = False

    def connect(self, receive_buffer: int | None = None) -> Client:
        if self._stopped:
            raise ConnectionRefusedError
        self._pipes.append(self._new(observer=None if self._observer is None else self._observer()))
        return MemoryClient(self._pipes[-1])

    def stop(self, grace: float) -> None:
        self._stopped = True
        for pipe in self._pipes:
            pipe.driver.shutdown(grace)

    def ended(self) -> bool:
        return all(pipe.closed for pipe in self._pipes)


def tcp(address: object) -> tuple[str, int]:
    """The address of a server on TCP."""
    assert isinstance(address, tuple)
    host, port = address
    return host, port


@contextmanager
def memory(
    config: ServerConfig,
    handler: Handler,
    *,
    tls_context: ssl.SSLContext,
    gate: Gate | None,
    observer: Callable[[], Observer] | None,
) -> Iterator[MemoryServer]:
    yield MemoryServer(observer, config=config, handler=handler, tls_context=tls_context, gate=gate)


@contextmanager
def blocking(
    config: ServerConfig,
    handler: Handler,
    *,
    tls_context: ssl.SSLContext,
    gate: Gate | None,
    observer: Callable[[], Observer] | None,
) -> Iterator[Listening]:
    server = smtpcore_blocking.Server(config, handler, tls_context=tls_context, gate=gate, observer=observer)
    with server.bind("127.0.0.1", 0):
        try:
            yield Listening(tcp(server.addresses[0]), server.stop, lambda: server.wait(0))
        finally:
            server.stop(0)
            assert server.wait(PATIENCE)


@contextmanager
def over_anyio(
    backend: str,
    config: ServerConfig,
    handler: Handler,
    *,
    tls_context: ssl.SSLContext,
    gate: Gate | None,
    observer: Callable[[], Observer] | None,
) -> Iterator[Listening]:
    with anyio.from_thread.start_blocking_portal(backend) as portal:
        server = smtpcore_anyio.Server(config, handler, tls_context=tls_context, gate=gate, observer=observer)
        listener = portal.call(
            functools.partial(smtpcore_anyio.listen_tcp, "127.0.0.1", 0, implicit_tls=config.implicit_tls)
        )
        serving, _ = portal.start_task(server.serve, listener)

        def stop(grace: float) -> None:
            portal.call(server.stop, grace)

        try:
            yield Listening(tcp(server.addresses[0]), stop, serving.done)
        finally:
            stop(0)
            serving.result(PATIENCE)


@contextmanager
def over_a_protocol(
    config: ServerConfig,
    handler: Handler,
    *,
    tls_context: ssl.SSLContext,
    gate: Gate | None,
    observer: Callable[[], Observer] | None,
) -> Iterator[Listening]:
    with anyio.from_thread.start_blocking_portal() as portal:

        async def serve(*, task_status: TaskStatus[tuple[str, int]]) -> None:
            task_status.started(await server.listen("127.0.0.1", 0))
            await server.serve()

        server = AsyncioServer(config, handler, tls_context=tls_context, gate=gate, observer=observer)
        serving, address = portal.start_task(serve)

        def stop(grace: float) -> None:
            portal.call(server.stop, grace)

        try:
            yield Listening(address, stop, serving.done)
        finally:
            stop(0)
            serving.result(PATIENCE)


ADAPTERS: dict[str, Serve] = {
    "memory": memory,
    "blocking": blocking,
    "asyncio": functools.partial(over_anyio, "asyncio"),
    "trio": functools.partial(over_anyio, "trio"),
    "example": over_a_protocol,
}


class _Suspended:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def suspended() -> None:
    """What is never done where there is no event loop."""
    await _Suspended()
