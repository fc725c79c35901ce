"""Mechanisms that rest on the TLS layer, end to end: a client certificate, and the binding to a channel."""

from __future__ import annotations

import ssl
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
import scramp  # type: ignore[import-untyped]
import trustme
from smtpcore_anyio import listen_tcp
from smtpcore_tls import client_context, server_context

from smtpcore import Identity, ServerConfig, TlsInfo
from smtpcore.handler import CredentialStore
from smtpcore.sasl import ScramKeys
from tests.adapters.anyio.dialogue import LOOPBACK, Client, Recorder, connect, serving
from tests.conftest import TlsFiles

pytestmark = pytest.mark.anyio

MECHANISMS = ("SCRAM-SHA-256-PLUS", "EXTERNAL")
SUCCESS = b"235 2.7.0 Authentication succeeded\r\n"


class Store(CredentialStore):
    """One user, by password or by the address in a certificate."""

    def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
        return ScramKeys.derive("secret", salt=b"sixteen octets: ", hash_name=hash_name) if username == "ann" else None

    def certificate_user(self, tls: TlsInfo, authzid: str) -> str | None:
        return "relay" if ("email", "relay@client.example") in tls.peer_alt_names else None


class Members(Recorder):
    credentials = Store()


@pytest.fixture
def relay_files(tls_authority: trustme.CA, tmp_path: Path) -> Path:
    """A client's certificate with its key."""
    made = tls_authority.issue_cert("relay@client.example").private_key_and_cert_chain_pem
    made.write_to_path(str(tmp_path / "relay.pem"))
    return tmp_path / "relay.pem"


async def secured(client: Client, context: ssl.SSLContext) -> list[bytes]:
    """Start TLS, and what may be used in it to authenticate."""
    await client.reply()
    assert b" AUTH" not in (await client.say(b"EHLO client.example"))
    assert (await client.say(b"STARTTLS")).startswith(b"220")
    await client.start_tls(context)
    ehlo = await client.say(b"EHLO client.example")
    return [word for line in ehlo.split(b"\r\n") if line[4:].startswith(b"AUTH ") for word in line[9:].split(b" ")]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLSv1.2", "TLSv1.3"])
async def test_a_client_certificate_is_as_good_as_a_password(
    version: ssl.TLSVersion, tls_files: TlsFiles, relay_files: Path
) -> None:
    config = ServerConfig(starttls=True, mechanisms=MECHANISMS, sasl_secret=bytes(16))
    context = server_context(tls_files.cert, tls_files.key, client_ca=tls_files.ca)
    handler = Members()
    async with serving(handler, await listen_tcp(LOOPBACK, 0), config=config, tls_context=context) as server:
        async with connect(server) as client:
            shown = client_context(tls_files.ca, certfile=relay_files)
            shown.minimum_version = shown.maximum_version = version
            assert b"EXTERNAL" in await secured(client, shown)
            assert await client.say(b"AUTH EXTERNAL =") == SUCCESS
            assert handler.sessions[-1].identity == Identity("relay", mechanism="EXTERNAL")
        # Who shows none is served all the same, and cannot use what it has not shown.
        async with connect(server) as client:
            assert b"EXTERNAL" not in await secured(client, client_context(tls_files.ca))
            assert (await client.say(b"AUTH EXTERNAL =")).startswith(b"504")
            assert (await client.say(b"MAIL FROM:<a@client.example>")).startswith(b"250")


@pytest.mark.parametrize("honest", [True, False])
async def test_a_password_is_bound_to_the_certificate_under_tls_1_3(honest: bool, tls_files: TlsFiles) -> None:
    config = ServerConfig(starttls=True, mechanisms=MECHANISMS, sasl_secret=bytes(16))
    context = server_context(tls_files.cert, tls_files.key)
    handler = Members()
    async with (
        serving(handler, await listen_tcp(LOOPBACK, 0), config=config, tls_context=context) as server,
        connect(server) as client,
    ):
        assert await secured(client, client_context(tls_files.ca)) == [b"SCRAM-SHA-256-PLUS"]
        assert client.tls is not None
        info = client.tls.info()
        assert info.version == "TLSv1.3"
        binding = info.channel_bindings["tls-server-end-point"] if honest else b"of another server's certificate!"
        scram = scramp.ScramClient(
            ["SCRAM-SHA-256-PLUS"], "ann", "secret", channel_binding=("tls-server-end-point", binding)
        )
        first = await client.say(b"AUTH SCRAM-SHA-256-PLUS " + b64encode(scram.get_client_first().encode()))
        scram.set_server_first(b64decode(first[4:]).decode())
        final = await client.say(b64encode(scram.get_client_final().encode()))
        if not honest:
            assert final.startswith(b"535")
            assert handler.sessions[-1].identity is None
            return
        scram.set_server_final(b64decode(final[4:]).decode())
        assert await client.say(b"") == SUCCESS
        assert handler.sessions[-1].identity == Identity("ann", mechanism="SCRAM-SHA-256-PLUS")
