"""TLS from engine to engine, in memory, with real certificates."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import gc
import random
import ssl
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from smtpcore_tls import MissingDependency, TlsEngine, TlsError, client_context, self_signed, server_context
from smtpcore_tls.clienthello import requested_name
from smtpcore_tls.endpoint import server_end_point

from smtpcore.errors import LocalProtocolError
from smtpcore.tls import TlsInfo

HOST = "mx.example.org"
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@dataclass
class Files:
    """PEM files of one authority."""

    ca: Path
    other_ca: Path
    server: Path
    client: Path


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


def first_certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(file.read_bytes())[0]


@dataclass
class Pair:
    """Two engines and the plaintext each has given."""

    server: TlsEngine
    client: TlsEngine
    at_server: bytes = b""
    at_client: bytes = b""

    def exchange(self, cut: Callable[[bytes], Sequence[bytes]] = lambda data: [data]) -> None:
        """Carry octets both ways until there are none."""
        while True:
            to_server, to_client = self.client.outgoing(), self.server.outgoing()
            if not to_server and not to_client:
                return
            for piece in cut(to_server):
                self.at_server += self.server.receive(piece)
            for piece in cut(to_client):
                self.at_client += self.client.receive(piece)


def octets(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def new_pair(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Pair:
    return Pair(
        TlsEngine(contexts[0], server_side=True), TlsEngine(contexts[1], server_side=False, server_hostname=HOST)
    )


@pytest.fixture
def pair(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Pair:
    """A pair behind its handshake."""
    pair = new_pair(contexts)
    pair.exchange()
    return pair


class TestHandshake:
    @pytest.mark.parametrize("cut", [lambda data: [data], octets], ids=["whole", "octet by octet"])
    def test_completes_on_both_sides_and_carries_data_both_ways(self, contexts: Any, cut: Any) -> None:
        pair = new_pair(contexts)
        pair.exchange(cut)
        assert pair.server.handshaken
        assert pair.client.handshaken
        pair.client.send(b"EHLO client.example\r\n")
        pair.server.send(bytearray(b"250 mx.example.org\r\n"))
        pair.exchange(cut)
        assert (pair.at_server, pair.at_client) == (b"EHLO client.example\r\n", b"250 mx.example.org\r\n")

    def test_a_client_hello_that_was_read_with_a_proxy_header_may_be_cut_anywhere(self, contexts: Any) -> None:
        hello = TlsEngine(contexts[1], server_side=False, server_hostname=HOST).outgoing()
        for at in range(len(hello) + 1):
            server = TlsEngine(contexts[0], server_side=True)
            assert server.receive(hello[:at]) == b""
            assert at == len(hello) or server.outgoing() == b""
            assert server.receive(hello[at:]) == b""
            assert server.outgoing().startswith(b"\x16\x03")

    def test_data_in_the_flight_that_ends_the_handshake_is_returned(self, contexts: Any) -> None:
        pair = new_pair(contexts)
        while not pair.client.handshaken:
            pair.server.receive(pair.client.outgoing())
            pair.client.receive(pair.server.outgoing())
        pair.client.send(b"EHLO x\r\n")
        if pair.client.info().version == "TLSv1.3":
            assert not pair.server.handshaken
        assert pair.server.receive(pair.client.outgoing()) == b"EHLO x\r\n"

    @pytest.mark.parametrize("first", [b"EHLO client.example\r\n", b"QUIT\r\n", b"\x00" * 11])
    def test_anything_but_a_client_hello_fails_at_once(self, contexts: Any, first: bytes) -> None:
        server = TlsEngine(contexts[0], server_side=True)
        with pytest.raises(TlsError) as caught:
            server.receive(first)
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        assert str(caught.value) == server.failure
        assert server.ended
        with pytest.raises(TlsError):
            server.receive(b"EHLO client.example\r\n")
        with pytest.raises(TlsError):
            server.eof()

    def test_a_clear_text_reply_fails_the_client(self, contexts: Any) -> None:
        client = TlsEngine(contexts[1], server_side=False, server_hostname=HOST)
        with pytest.raises(TlsError):
            client.receive(b"250-mx.example.org\r\n250 AUTH PLAIN\r\n")

    @pytest.mark.parametrize("wrong", ["authority", "host name"])
    def test_a_client_that_cannot_verify_the_server_sends_an_alert(self, files: Files, wrong: str) -> None:
        context = client_context(files.other_ca if wrong == "authority" else files.ca)
        name = HOST if wrong == "authority" else "other.example.org"
        pair = Pair(
            TlsEngine(server_context(files.server), server_side=True),
            TlsEngine(context, server_side=False, server_hostname=name),
        )
        pair.server.receive(pair.client.outgoing())
        with pytest.raises(TlsError, match="certificate verify failed"):
            pair.client.receive(pair.server.outgoing())
        alert = pair.client.outgoing()
        assert alert
        with pytest.raises(TlsError, match="alert"):
            pair.server.receive(alert)

    def test_the_peer_leaving_in_the_middle_is_a_failure(self, contexts: Any) -> None:
        pair = new_pair(contexts)
        pair.server.receive(pair.client.outgoing()[:20])
        with pytest.raises(TlsError, match="during the handshake"):
            pair.server.eof()
        assert not pair.server.truncated

    def test_a_context_without_any_version_fails_at_the_client_at_once(self, files: Files) -> None:
        context = client_context(files.ca)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
        with pytest.raises(TlsError):
            TlsEngine(context, server_side=False, server_hostname=HOST)


def speak_tls_1_1(context: ssl.SSLContext) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.fixture
def old_client(files: Files) -> TlsEngine:
    try:
        context = speak_tls_1_1(client_context(files.ca, minimum_version=ssl.TLSVersion.TLSv1_1))
        return TlsEngine(context, server_side=False, server_hostname=HOST)
    except (ValueError, TlsError):
        pytest.skip("this OpenSSL cannot speak TLS 1.1")


class TestVersions:
    @pytest.mark.conformance("C226")
    def test_tls_1_1_is_refused_by_default(self, files: Files, old_client: TlsEngine) -> None:
        server = TlsEngine(server_context(files.server), server_side=True)
        with pytest.raises(TlsError, match="unsupported protocol"):
            server.receive(old_client.outgoing())
        with pytest.raises(TlsError):
            old_client.receive(server.outgoing())

    def test_tls_1_1_works_where_it_was_asked_for(self, files: Files, old_client: TlsEngine) -> None:
        server = TlsEngine(server_context(files.server, minimum_version=ssl.TLSVersion.TLSv1_1), server_side=True)
        pair = Pair(server, old_client)
        pair.exchange()
        assert server.info().version == "TLSv1.1"

    def test_the_best_common_version_is_taken(self, files: Files) -> None:
        pair = new_pair((server_context(files.server), client_context(files.ca)))
        pair.exchange()
        assert pair.server.info().version == pair.client.info().version == "TLSv1.3"


class TestData:
    @pytest.mark.parametrize("size", [1, 4093, 16406, 100_003, 1 << 23])
    def test_five_mebibytes_arrive_whole_in_odd_pieces(self, pair: Pair, size: int) -> None:
        content = random.Random(0).randbytes((5 << 20 if size > 1 else 1 << 16) + 7)
        pair.client.send(memoryview(content))
        records = memoryview(pair.client.outgoing())
        received = []
        for at in range(0, len(records), size):
            piece = records[at : at + size]
            received.append(pair.server.receive(piece))
            assert len(received[-1]) <= len(piece) + 16384
        assert b"".join(received) == content

    def test_sends_come_out_in_order_and_buffers_may_be_reused(self, pair: Pair) -> None:
        for line in (b"MAIL FROM:<>\r\n", b"", b"DATA\r\n"):
            buffer = bytearray(line)
            pair.client.send(buffer)
            buffer[:] = bytes(len(buffer))
        records = bytearray(pair.client.outgoing())
        received = pair.server.receive(records[:9])
        records[:9] = bytes(9)
        assert received + pair.server.receive(records[9:]) == b"MAIL FROM:<>\r\nDATA\r\n"

    def test_receiving_nothing_changes_nothing(self, pair: Pair) -> None:
        assert pair.server.receive(b"") == b""
        assert not pair.server.ended
        assert pair.server.outgoing() == b""

    def test_a_forged_record_fails_and_tells_the_peer(self, pair: Pair) -> None:
        pair.client.send(b"NOOP\r\n")
        records = bytearray(pair.client.outgoing())
        records[-1] ^= 1
        with pytest.raises(TlsError):
            pair.server.receive(records)
        assert pair.server.ended
        with pytest.raises(TlsError):
            pair.client.receive(pair.server.outgoing())
        with pytest.raises(TlsError):
            pair.server.send(b"250 OK\r\n")

    def test_clear_text_behind_the_handshake_is_never_read(self, pair: Pair) -> None:
        with pytest.raises(TlsError):
            pair.server.receive(b"MAIL FROM:<a@b>\r\n")

    @pytest.mark.parametrize("cut", [lambda data: [data], octets], ids=["whole", "octet by octet"])
    def test_what_stands_before_a_fault_is_read_however_it_is_cut(self, pair: Pair, cut: Any) -> None:
        pair.client.send(b"NOOP\r\n")
        received = b""
        for piece in cut(pair.client.outgoing() + b"QUIT\r\n"):
            if not pair.server.ended:
                with contextlib.suppress(TlsError):
                    received += pair.server.receive(piece)
        assert received == b"NOOP\r\n"
        assert pair.server.ended
        with pytest.raises(TlsError):
            pair.server.receive(b"")


class Moody(ssl.SSLObject):
    """Refuses to write as OpenSSL does in the middle of a renegotiation, or when something is broken."""

    mood: ssl.SSLError | None = None

    def write(self, data: Any) -> int:
        if self.mood is not None:
            raise self.mood
        return super().write(data)


class TestWritesThatCannotBe:
    @pytest.fixture
    def pair(self, contexts: Any) -> Pair:
        contexts[1].sslobject_class = Moody
        pair = new_pair(contexts)
        pair.exchange()
        return pair

    def test_they_wait_for_the_peer_and_keep_their_order(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Moody, "mood", ssl.SSLWantReadError())
        pair.client.send(b"MAIL FROM:<>\r\n")
        pair.client.send(b"DATA\r\n")
        pair.server.send(b"250 OK\r\n")
        assert pair.client.outgoing() == b""
        monkeypatch.undo()
        pair.exchange()
        assert (pair.at_server, pair.at_client) == (b"MAIL FROM:<>\r\nDATA\r\n", b"250 OK\r\n")

    def test_a_fault_is_a_failure(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Moody, "mood", ssl.SSLError(1, "broken"))
        with pytest.raises(TlsError):
            pair.client.send(b"NOOP\r\n")
        assert pair.client.ended


class TestEnds:
    def test_close_notify_is_a_clean_end(self, pair: Pair) -> None:
        pair.client.send(b"QUIT\r\n")
        pair.client.close()
        pair.exchange()
        assert pair.at_server == b"QUIT\r\n"
        assert pair.server.peer_closed
        assert pair.server.ended
        pair.server.eof()
        assert not pair.server.truncated

    def test_an_end_without_close_notify_is_truncation(self, pair: Pair) -> None:
        pair.client.send(b"QUIT\r\n")
        assert pair.server.receive(pair.client.outgoing()[:-1]) == b""
        assert not pair.server.ended
        pair.server.eof()
        assert pair.server.truncated
        assert pair.server.ended
        assert not pair.server.peer_closed

    @pytest.mark.parametrize("end", ["close_notify", "truncation"])
    def test_the_last_reply_can_still_be_sent(self, pair: Pair, end: str) -> None:
        if end == "close_notify":
            pair.client.close()
            pair.server.receive(pair.client.outgoing())
        pair.server.eof()
        pair.server.send(b"221 bye\r\n")
        pair.server.close()
        assert pair.server.outgoing()

    def test_nothing_is_read_behind_a_close_notify(self, pair: Pair) -> None:
        pair.client.close()
        alert = pair.client.outgoing()
        assert pair.server.receive(alert + b"MAIL FROM:<a@b>\r\n") == b""
        assert pair.server.receive(b"DATA\r\n") == b""
        assert pair.server.peer_closed

    def test_a_close_in_the_middle_of_the_peers_record_ends_reading_for_good(self, pair: Pair) -> None:
        pair.client.send(b"NOOP\r\n")
        records = pair.client.outgoing()
        pair.server.receive(records[:10])
        pair.server.close()
        pair.server.close()
        assert pair.server.receive(records[10:]) == b""
        pair.server.eof()
        assert not pair.server.truncated
        pair.client.receive(pair.server.outgoing())
        assert pair.client.peer_closed
        pair.client.close()
        assert pair.client.outgoing()

    def test_closing_before_the_handshake_sends_nothing(self, contexts: Any) -> None:
        server = TlsEngine(contexts[0], server_side=True)
        server.close()
        assert server.outgoing() == b""
        server.eof()


def test_misuse_is_told_what_to_do_instead(contexts: Any, pair: Pair) -> None:
    server = TlsEngine(contexts[0], server_side=True)
    with pytest.raises(LocalProtocolError, match="wait until handshaken is true, then send"):
        server.send(b"220 ready\r\n")
    with pytest.raises(LocalProtocolError, match="wait until handshaken is true, then ask"):
        server.info()
    pair.server.close()
    with pytest.raises(LocalProtocolError, match="send before close"):
        pair.server.send(b"250 OK\r\n")


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
        if server.version == "TLSv1.2":
            assert server.channel_bindings["tls-unique"] == client.channel_bindings["tls-unique"]
        else:
            assert server.channel_bindings == {}
            assert set(client.channel_bindings) == {"tls-server-end-point"}

    def test_a_repr_shows_no_channel_binding(self) -> None:
        info = TlsInfo("TLSv1.2", "X", 128, channel_bindings={"tls-unique": b"secret"}, peer_certificate=b"secret")
        assert "secret" not in repr(info)
        assert hash(info) == hash(info)

    def test_the_end_point_binding_is_the_certificates_own_hash(self, files: Files) -> None:
        certificate = first_certificate(files.server)
        algorithm = certificate.signature_hash_algorithm
        assert isinstance(algorithm, hashes.HashAlgorithm)
        assert server_end_point(certificate.public_bytes(Encoding.DER)) == certificate.fingerprint(algorithm)

    @pytest.mark.parametrize("junk", [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff\x30\x01", b"\x30\x80", bytes(64)])
    def test_the_end_point_binding_of_junk_is_nothing(self, junk: bytes) -> None:
        assert server_end_point(junk) is None


class TestServerName:
    @pytest.fixture
    def hello(self, files: Files) -> bytes:
        return TlsEngine(client_context(files.ca), server_side=False, server_hostname=HOST).outgoing()

    def test_it_is_read_from_a_hello_spread_over_records(self, hello: bytes) -> None:
        message = hello[5:]
        for size in (1, 7, 100):
            pieces = [message[at : at + size] for at in range(0, len(message), size)]
            assert requested_name(b"".join(b"\x16\x03\x01" + len(p).to_bytes(2, "big") + p for p in pieces)) == HOST

    def test_what_follows_the_hello_does_not_matter(self, hello: bytes) -> None:
        assert requested_name(bytearray(hello + b"\x14\x03\x03\x00\x01\x01")) == HOST

    def test_a_hello_cut_anywhere_has_none(self, hello: bytes) -> None:
        assert {requested_name(hello[:at]) for at in range(len(hello))} == {None}

    def test_one_that_is_no_host_name_is_none(self, hello: bytes) -> None:
        for evil in (b"mx.ex\r\nple.org", b"mx.ex\x00mple.org", b"mx.\xc3\xa4xmple.org", b"mx example.org"):
            assert len(evil) == len(HOST)
            assert requested_name(hello.replace(HOST.encode(), evil)) is None

    def test_octets_changed_at_random_do_no_harm(self, hello: bytes) -> None:
        chance = random.Random(1)
        for _ in range(3000):
            changed = bytearray(hello)
            for _ in range(chance.randint(1, 4)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            requested_name(changed)

    def test_a_name_that_is_not_ascii_raises_nothing_anywhere(self, files: Files, hello: bytes) -> None:
        server = TlsEngine(server_context(files.server), server_side=True)
        server.receive(hello.replace(b"mx.", b"\xff\xfe."))
        assert server.outgoing()


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


class MallInfo(ctypes.Structure):
    """``struct mallinfo2`` of the GNU C library."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


class TestMemory:
    @pytest.fixture
    def allocated(self) -> Callable[[], int]:
        """Octets that the C heap has handed out: exact, where resident memory is not."""
        try:
            mallinfo2 = ctypes.CDLL(None).mallinfo2
        except (AttributeError, OSError, TypeError):
            pytest.skip("the C library has no mallinfo2")
        mallinfo2.restype = MallInfo

        def octets_in_use() -> int:
            gc.collect()
            info = mallinfo2()
            return int(info.uordblks + info.hblkhd)

        return octets_in_use

    @pytest.mark.skipif(sys.implementation.name != "cpython", reason="knows how CPython allocates")
    @pytest.mark.parametrize(("traffic", "limit"), [(0, 30), (1 << 20, 64)], ids=["fresh", "after 1 MiB each way"])
    def test_an_idle_connection_keeps_little(
        self, contexts: Any, allocated: Callable[[], int], traffic: int, limit: int
    ) -> None:
        count = 50
        pairs = [new_pair(contexts) for _ in range(count)]
        for pair in pairs:
            pair.exchange()
            if traffic:
                pair.client.send(bytes(traffic))
                pair.server.receive(pair.client.outgoing())
                pair.server.send(bytes(traffic))
                pair.client.receive(pair.server.outgoing())
        clients = [pair.client for pair in pairs]
        before = allocated()
        # What dropping the servers gives back is what they kept.
        pairs.clear()
        del pair
        kept = (before - allocated()) / count
        assert len(clients) == count
        assert 0 < kept < limit * 1024
