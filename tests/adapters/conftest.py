"""Fixtures of the tests that run over every adapter."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from smtpcore.handler import Handler
from smtpcore.session import Gate, Observer, ServerConfig
from tests.adapters.drivers import ADAPTERS, Client, Running
from tests.adapters.mail import Connect, Serve


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> str:
    """The name of an adapter."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def serve(adapter: str, server_ssl_context: ssl.SSLContext) -> Iterator[Serve]:
    """Start a server over the adapter; it stops when the test is over."""
    with ExitStack() as stack:

        def start(
            handler: Handler,
            *,
            gate: Gate | None = None,
            observer: Callable[[], Observer] | None = None,
            **settings: object,
        ) -> Running:
            config = ServerConfig(hostname="mx.test", **settings)  # type: ignore[arg-type]
            adapt = ADAPTERS[adapter]
            return stack.enter_context(
                adapt(config, handler, tls_context=server_ssl_context, gate=gate, observer=observer)
            )

        yield start


@pytest.fixture
def connect(serve: Serve) -> Iterator[Connect]:
    """Connect to a server; all clients hang up before the servers stop."""
    clients: list[Client] = []

    def new(server: Running, receive_buffer: int | None = None) -> Client:
        clients.append(server.connect(receive_buffer))
        return clients[-1]

    yield new
    for client in clients:
        client.close()
