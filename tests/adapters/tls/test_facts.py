"""What is known of a connection when its handshake is done."""

from __future__ import annotations

import ssl

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from smtpcore_tls import TlsEngine, TlsError, client_context, server_context

from smtpcore.tls import TlsInfo
from tests.adapters.tls.engines import HOST, VERSIONS, Files, Pair, first_certificate, new_pair


class TestInfo:
    def test_names_version_cipher_and_server_name(self, pair: Pair) -> None:
        server, client = pair.server.info(), pair.client.info()
        assert server.version in VERSIONS
        assert (server.version, server.cipher, server.bits) == (client.version, client.cipher, client.bits)
        assert server.bits >= 128
        assert server.server_name == client.server_name == HOST

    @pytest.mark.parametrize("required", [False, True])
    def test_a_client_certificate_is_seen(self, files: Files, required: bool) -> None:
        pair = new_pair(
            (
                server_context(files.server, client_ca=files.ca, require_client_certificate=required),
                client_context(files.ca, certfile=files.client),
            )
        )
        pair.exchange()
        info = pair.server.info()
        assert info.peer_certificate == first_certificate(files.client).public_bytes(Encoding.DER)
        assert info.peer_verified
        assert ("commonName", "relay") in info.peer_subject
        assert info.peer_alt_names == (("email", "relay@client.example"),)

    def test_a_certificate_may_be_optional_or_required(self, files: Files) -> None:
        optional = new_pair((server_context(files.server, client_ca=files.ca), client_context(files.ca)))
        optional.exchange()
        assert optional.server.info().peer_certificate is None
        context = server_context(files.server, client_ca=files.ca, require_client_certificate=True)
        with pytest.raises(TlsError):
            new_pair((context, client_context(files.ca))).exchange()

    def test_an_unverified_certificate_is_shown_as_such(self, files: Files) -> None:
        pair = new_pair((server_context(files.server), client_context(verify=False)))
        pair.exchange()
        info = pair.client.info()
        assert info.peer_certificate is not None
        assert not info.peer_verified
        assert info.peer_subject == info.peer_alt_names == ()

    def test_names_that_ssl_cannot_decode_are_no_names(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        def undecodable(self: ssl.SSLObject, binary_form: bool = False) -> bytes:
            return b"DER" if binary_form else bytes.fromhex("ff").decode().encode()

        monkeypatch.setattr(ssl.SSLObject, "getpeercert", undecodable)
        info = pair.client.info()
        assert info.peer_certificate == b"DER"
        assert info.peer_subject == info.peer_alt_names == ()

    def test_an_address_is_no_server_name(self, files: Files) -> None:
        server = TlsEngine(server_context(files.server), server_side=True)
        client = TlsEngine(client_context(verify=False), server_side=False, server_hostname="192.0.2.1")
        Pair(server, client).exchange()
        assert server.info().server_name is client.info().server_name is None

    def test_alpn_is_told(self, files: Files) -> None:
        pair = new_pair((server_context(files.server, alpn=["smtp"]), client_context(files.ca, alpn=["x", "smtp"])))
        pair.exchange()
        assert pair.server.info().alpn == pair.client.info().alpn == "smtp"

    def test_channel_bindings_are_those_defined_for_the_version(self, pair: Pair) -> None:
        server, client = pair.server.info(), pair.client.info()
        types = {"tls-server-end-point"} | ({"tls-unique"} if server.version == "TLSv1.2" else set())
        assert set(server.channel_bindings) == types
        assert server.channel_bindings == client.channel_bindings

    def test_a_repr_shows_no_channel_binding(self) -> None:
        info = TlsInfo("TLSv1.2", "X", 128, channel_bindings={"tls-unique": b"secret"}, peer_certificate=b"secret")
        assert "secret" not in repr(info)
        assert hash(info) == hash(info)
