"""Fixtures of the tests of TLS."""

from __future__ import annotations

import ssl

import pytest
import trustme
from smtpcore_tls import client_context, server_context

from tests.adapters.tls.engines import HOST, VERSIONS, Files, Pair, new_pair


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    made = Files(*(folder / f"{name}.pem" for name in ("ca", "other_ca", "server", "client")))
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(made.ca))
    trustme.CA().cert_pem.write_to_path(str(made.other_ca))
    ca.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(made.server))
    client = ca.issue_cert("relay@client.example", common_name="relay")
    client.private_key_and_cert_chain_pem.write_to_path(str(made.client))
    return made


@pytest.fixture(params=VERSIONS)
def contexts(files: Files, request: pytest.FixtureRequest) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Server and client, both for exactly one version of the protocol."""
    server, client = server_context(files.server), client_context(files.ca)
    client.minimum_version = client.maximum_version = VERSIONS[request.param]
    return server, client


@pytest.fixture
def pair(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Pair:
    """A pair behind its handshake."""
    pair = new_pair(contexts)
    pair.exchange()
    return pair
