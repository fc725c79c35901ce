"""Fixtures of the tests that run over every adapter, beside those that are the duties of any."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
from smtpcore_testing.adapter_kit.servers import Connect, Start, connecting, starting

from tests.adapters.drivers import ADAPTERS


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> str:
    """The name of an adapter."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def serve(adapter: str, server_ssl_context: ssl.SSLContext) -> Iterator[Start]:
    """Start a server over the adapter; it stops when the test is over."""
    with starting(ADAPTERS[adapter], server_ssl_context) as start:
        yield start


@pytest.fixture
def connect(serve: Start) -> Iterator[Connect]:
    """Connect to a server; all clients hang up before the servers stop."""
    with connecting() as connect:
        yield connect
