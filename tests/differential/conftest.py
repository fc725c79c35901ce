"""The servers that the dialogues are played to."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.adapters.drivers import ADAPTERS
from tests.conftest import TlsFiles
from tests.differential import servers
from tests.differential.servers import Servers
from tests.interop.node_server import starting


@pytest.fixture(scope="module", params=["blocking", "asyncio", "trio"])
def ours(
    request: pytest.FixtureRequest, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> Iterator[Servers]:
    """Our server in each setup, over each adapter."""
    with servers.ours(ADAPTERS[request.param], server_ssl_context, client_ssl_context) as running:
        yield running


@pytest.fixture(scope="module")
def aiosmtpd(server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext) -> Iterator[Servers]:
    """aiosmtpd in each setup."""
    with servers.aiosmtpd(server_ssl_context, client_ssl_context) as running:
        yield running


@pytest.fixture(scope="module")
def smtp_server(
    tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles, client_ssl_context: ssl.SSLContext
) -> Iterator[Servers]:
    """nodemailer's smtp-server in each setup."""
    folder = tmp_path_factory.mktemp("smtp-server")
    with starting(folder, tls_files) as start, servers.smtp_server(start, client_ssl_context) as running:
        yield running
