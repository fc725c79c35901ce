"""Ready configurations, and certificates made on the spot."""

from __future__ import annotations

import builtins
import ssl
from pathlib import Path
from typing import Any

import pytest
from smtpcore_tls import MissingDependency, TlsEngine, TlsError, client_context, self_signed, server_context

from tests.adapters.tls.engines import HOST, Files, Pair, new_pair


class TestContexts:
    def test_a_missing_file_is_named(self, files: Files, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"none\.pem"):
            server_context(tmp_path / "none.pem")
        with pytest.raises(FileNotFoundError, match=r"none\.pem"):
            server_context(files.server, tmp_path / "none.pem")
        with pytest.raises(FileNotFoundError, match=r"none\.pem"):
            client_context(tmp_path / "none.pem")

    def test_an_unusable_file_is_named(self, files: Files, tmp_path: Path) -> None:
        junk = tmp_path / "junk.pem"
        junk.write_text("junk")
        for make in (server_context, client_context):
            with pytest.raises(ValueError, match=r"junk\.pem: no usable"):
                make(junk)
        with pytest.raises(ValueError, match=r"no usable certificate and key"):
            server_context(files.server, files.client)

    def test_requiring_certificates_needs_an_authority(self, files: Files) -> None:
        with pytest.raises(ValueError, match="needs client_ca"):
            server_context(files.server, require_client_certificate=True)

    def test_a_context_of_the_applications_own_is_left_as_it_was(self, files: Files) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.server)
        before = (context.options, context.sni_callback, context.sslobject_class, context.minimum_version)
        pair = new_pair((context, client_context(files.ca)))
        pair.exchange()
        assert pair.server.info().server_name == HOST
        assert (context.options, context.sni_callback, context.sslobject_class, context.minimum_version) == before


class TestSelfSigned:
    @pytest.mark.parametrize("name", [HOST, "localhost", "127.0.0.1", "::1"])
    def test_a_client_that_is_given_the_certificate_trusts_it(self, tmp_path: Path, name: str) -> None:
        made = self_signed(HOST)
        (tmp_path / "ca.pem").write_bytes(made.certificate)
        client = TlsEngine(client_context(tmp_path / "ca.pem"), server_side=False, server_hostname=name)
        pair = Pair(TlsEngine(made.context, server_side=True), client)
        pair.exchange()
        assert client.info().peer_verified
        assert b"PRIVATE" not in made.certificate

    def test_any_other_client_does_not(self, files: Files) -> None:
        with pytest.raises(TlsError, match="certificate verify failed"):
            new_pair((self_signed(HOST).context, client_context(files.ca))).exchange()

    def test_without_cryptography_one_line_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def without(name: str, *args: Any, **kwargs: Any) -> Any:
            if name.partition(".")[0] == "cryptography":
                raise ModuleNotFoundError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(MissingDependency, match=r"smtpcore\[selfsigned\]") as caught:
            self_signed(HOST)
        assert "\n" not in str(caught.value)
