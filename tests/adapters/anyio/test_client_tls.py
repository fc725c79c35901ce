"""The client under TLS, and how it authenticates."""

from __future__ import annotations

import ssl

import anyio
import pytest
from smtpcore_anyio import connect, listen_tcp

from smtpcore import Credentials, Identity, ServerConfig
from smtpcore.handler import CredentialStore
from smtpcore.sasl import ScramKeys
from smtpcore.session.client import SessionError, Status, TlsMode
from tests.adapters.anyio.dialogue import LOOPBACK, serving
from tests.adapters.anyio.sending import Inbox, Peer, config, connected, connected_to, message, scripted, statuses

pytestmark = pytest.mark.anyio

STARTTLS = ServerConfig(starttls=True)


@pytest.mark.parametrize("mode", [TlsMode.STARTTLS, TlsMode.IMPLICIT])
async def test_mail_goes_through_tls(
    mode: TlsMode, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    listener = await listen_tcp(LOOPBACK, 0, implicit_tls=mode is TlsMode.IMPLICIT)
    async with (
        serving(inbox := Inbox(), listener, config=STARTTLS, tls_context=server_ssl_context) as server,
        connected(server, tls=mode, tls_context=client_ssl_context) as client,
    ):
        assert client.tls is not None
        assert client.tls.peer_verified
        assert statuses(await client.send(message())) == [Status.ACCEPTED]
        assert inbox.sessions[0].tls is not None
    assert inbox.causes == [None]


async def test_opportunistic_tls_takes_any_certificate(server_ssl_context: ssl.SSLContext) -> None:
    async with (
        serving(config=STARTTLS, tls_context=server_ssl_context) as server,
        connected(server, tls=TlsMode.OPPORTUNISTIC) as client,
    ):
        assert client.tls is not None
        assert not client.tls.peer_verified


async def test_a_certificate_of_an_unknown_authority_is_refused(server_ssl_context: ssl.SSLContext) -> None:
    async with serving(inbox := Inbox(), config=STARTTLS, tls_context=server_ssl_context) as server:
        with pytest.raises(SessionError, match="certificate verify failed") as raised:
            async with connected(server, tls=TlsMode.STARTTLS):
                pass
        assert raised.value.stage == "tls"
    assert len(inbox.causes) == 1


async def test_a_certificate_for_another_name_is_refused(
    server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    async with serving(config=STARTTLS, tls_context=server_ssl_context) as server:
        with pytest.raises(SessionError, match="other"):
            async with connected(
                server, tls=TlsMode.STARTTLS, tls_context=client_ssl_context, server_name="other.example"
            ):
                pass
        async with connected(server, tls=TlsMode.STARTTLS, tls_context=client_ssl_context, server_name="mx.test"):
            pass


async def test_a_server_without_tls_gets_nothing_where_tls_is_required() -> None:
    async with serving(inbox := Inbox()) as server:
        with pytest.raises(SessionError, match="the server does not offer it") as raised:
            async with connected(server, tls=TlsMode.STARTTLS):
                pass
        assert not raised.value.temporary
    assert inbox.causes == [None]


async def test_clear_text_behind_the_go_ahead_for_tls_is_no_tls(client_ssl_context: ssl.SSLContext) -> None:
    async def injected(peer: Peer) -> None:
        await peer.greets(b"STARTTLS")
        await peer.hears(b"STARTTLS")
        await peer.says(b"220 go\r\n250 an answer that nobody has protected\r\n")
        await peer.rest()

    async with scripted(injected) as server:
        with pytest.raises(SessionError):
            async with connected_to(server, tls=TlsMode.STARTTLS, tls_context=client_ssl_context):
                pass


class Store(CredentialStore):
    def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
        return ScramKeys.derive("secret", salt=b"sixteen octets: ", hash_name=hash_name)


class Members(Inbox):
    credentials = Store()


@pytest.mark.parametrize("password", ["secret", "wrong"])
async def test_a_client_authenticates(
    password: str, server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    settings = ServerConfig(starttls=True, mechanisms=("SCRAM-SHA-256", "PLAIN"), sasl_secret=bytes(16))

    async def credentials() -> Credentials:
        return Credentials(username="ann", password=password)

    async with serving(members := Members(), config=settings, tls_context=server_ssl_context) as server:
        connecting = connected(server, tls=TlsMode.STARTTLS, tls_context=client_ssl_context, credentials=credentials)
        if password == "wrong":
            with pytest.raises(SessionError, match="535"):
                await connecting.__aenter__()
            return
        async with connecting as client:
            assert client.session.mechanism == "SCRAM-SHA-256"
            assert members.sessions[0].identity == Identity("ann", mechanism="SCRAM-SHA-256")


async def test_what_cannot_work_is_refused_before_connecting(
    server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    with pytest.raises(ValueError, match="none for clients"):
        async with connect("mx.example", 25, config(tls=TlsMode.STARTTLS), tls_context=server_ssl_context):
            pass
    async with scripted(Peer.rest) as server:
        # There is no name that a certificate could be for. The stream that was given is closed all the same.
        with pytest.raises(ValueError, match="the name to check the certificate against"):
            async with connected_to(server, name=None, tls=TlsMode.STARTTLS, tls_context=client_ssl_context):
                pass
        await server.closed[0].wait()


async def test_a_name_may_end_in_a_dot_which_is_not_in_the_certificate(
    server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(config=STARTTLS, tls_context=server_ssl_context) as server:
        port = int(server.addresses[0][1])
        dial = anyio.connect_tcp
        monkeypatch.setattr(anyio, "connect_tcp", lambda host, port, local_host: dial(LOOPBACK, port))
        async with connect("mx.test.", port, config(tls=TlsMode.STARTTLS), tls_context=client_ssl_context) as client:
            assert client.tls is not None
            assert client.tls.peer_verified
