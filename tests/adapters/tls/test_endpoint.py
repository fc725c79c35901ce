"""The channel binding that is a hash of the server's certificate (RFC 5929 4), as both sides know it."""

from __future__ import annotations

import base64
import datetime
import random
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from smtpcore_tls import client_context, self_signed, server_context
from smtpcore_tls.endpoint import first_certificate, key_algorithm, server_end_point

from tests.adapters.tls.engines import HOST, VERSIONS, Files, new_pair

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
HASHES = {"sha224": hashes.SHA224(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def sign(key: Key, algorithm: hashes.HashAlgorithm | None, pss: bool = False) -> x509.Certificate:
    """A certificate by its own key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
    )
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else None
    return builder.sign(key, algorithm, rsa_padding=scheme)  # type: ignore[arg-type]


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def write(path: Path, key: Key, certificate: x509.Certificate) -> Path:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


def bindings(server: ssl.SSLContext, ciphers: str | None = None) -> tuple[bytes | None, bytes | None]:
    """What server and client say, to whom any certificate is right."""
    client = client_context(verify=False)
    if ciphers is not None:
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        client.set_ciphers(ciphers)
    pair = new_pair((server, client))
    pair.exchange()
    ours, theirs = (end.info().channel_bindings.get("tls-server-end-point") for end in (pair.server, pair.client))
    return ours, theirs


def said_by_both(server: ssl.SSLContext) -> bytes:
    ours, theirs = bindings(server)
    assert ours is not None
    assert ours == theirs
    return ours


# What the hash is.


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY], ids=["RSA", "ECDSA"])
@pytest.mark.parametrize("name", HASHES)
def test_it_is_that_of_the_certificates_signature(key: Key, name: str) -> None:
    certificate = sign(key, HASHES[name])
    assert server_end_point(der(certificate)) == certificate.fingerprint(HASHES[name])


@pytest.mark.parametrize("old", ["04", "05"], ids=["MD5", "SHA-1"])
def test_it_is_sha_256_where_the_signature_uses_less(old: str) -> None:
    rsa_with = bytes.fromhex("2a864886f70d0101")
    changed = der(sign(RSA_KEY, hashes.SHA256())).replace(rsa_with + b"\x0b", rsa_with + bytes.fromhex(old))
    digest = hashes.Hash(hashes.SHA256())
    digest.update(changed)
    assert server_end_point(changed) == digest.finalize()


def test_there_is_none_where_the_rfc_defines_none() -> None:
    assert server_end_point(der(sign(ED_KEY, None))) is None
    assert server_end_point(der(sign(RSA_KEY, hashes.SHA256(), pss=True))) is None


@pytest.mark.parametrize("junk", [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff\x30\x01", b"\x30\x80", bytes(64)])
def test_that_of_junk_is_nothing(junk: bytes) -> None:
    assert server_end_point(junk) is None
    assert len(key_algorithm(junk)) <= len(junk)


def test_octets_changed_at_random_do_no_harm() -> None:
    chance, whole = random.Random(1), der(sign(EC_KEY, hashes.SHA256()))
    for _ in range(3000):
        changed = bytearray(whole[: chance.randint(0, len(whole))])
        for _ in range(min(len(changed), chance.randint(1, 4))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        server_end_point(bytes(changed))
        key_algorithm(bytes(changed))


# Which certificate it is of.


@pytest.mark.parametrize("kind", trustme.KeyType)
@pytest.mark.parametrize("version", VERSIONS)
def test_server_and_client_agree(kind: trustme.KeyType, version: str, tmp_path: Path) -> None:
    ca = trustme.CA(key_type=kind)
    leaf = ca.issue_cert(HOST, key_type=kind)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client = client_context(tmp_path / "ca.pem")
    client.maximum_version = VERSIONS[version]
    pair = new_pair((server_context(tmp_path / "server.pem"), client))
    pair.exchange()
    expected = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).fingerprint(hashes.SHA256())
    for info in (pair.server.info(), pair.client.info()):
        assert info.version == version
        assert info.channel_bindings["tls-server-end-point"] == expected


def test_a_certificate_made_on_the_spot_has_one() -> None:
    assert said_by_both(self_signed(HOST).context)


def test_a_context_of_the_applications_own_has_none(files: Files) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server)
    ours, theirs = bindings(context)
    assert ours is None
    assert theirs is not None


def test_one_whose_signature_has_no_hash_of_its_own_has_none(tmp_path: Path) -> None:
    pss = write(tmp_path / "pss.pem", RSA_KEY, sign(RSA_KEY, hashes.SHA256(), pss=True))
    assert bindings(server_context(pss)) == (None, None)


def test_a_renewed_certificate_takes_the_place_of_the_old(tmp_path: Path) -> None:
    first, second = sign(EC_KEY, hashes.SHA256()), sign(EC_KEY, hashes.SHA384())
    context = server_context(write(tmp_path / "server.pem", EC_KEY, first))
    assert said_by_both(context) == first.fingerprint(hashes.SHA256())
    context.load_cert_chain(write(tmp_path / "server.pem", EC_KEY, second))
    assert said_by_both(context) == second.fingerprint(hashes.SHA384())


def test_a_server_with_keys_of_two_kinds_does_not_guess(tmp_path: Path) -> None:
    context = server_context(write(tmp_path / "ec.pem", EC_KEY, sign(EC_KEY, hashes.SHA256())))
    context.load_cert_chain(write(tmp_path / "rsa.pem", RSA_KEY, sign(RSA_KEY, hashes.SHA256())))
    (ours, by_ec), (also_ours, by_rsa) = bindings(context, "ECDHE+ECDSA"), bindings(context, "ECDHE+aRSA")
    assert ours is also_ours is None
    assert by_ec != by_rsa


def test_it_is_of_the_context_that_a_callback_has_chosen(files: Files, tmp_path: Path) -> None:
    certificate = sign(EC_KEY, hashes.SHA256())
    chosen = server_context(write(tmp_path / "chosen.pem", EC_KEY, certificate))

    def choose(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = chosen

    context = server_context(files.server)
    context.sni_callback = choose
    assert said_by_both(context) == certificate.fingerprint(hashes.SHA256())


# Where it stands in the file.


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("label", ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"])
def test_the_first_certificate_of_the_file_is_the_servers(label: str, newline: str, tmp_path: Path) -> None:
    ours, issuers = sign(EC_KEY, hashes.SHA256()), sign(RSA_KEY, hashes.SHA256())
    trust = bytes.fromhex("3003040141") if label.startswith("TRUSTED") else b""
    text = "\n".join(
        (
            "Not -----BEGIN CERTIFICATE-----",
            EC_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            f"-----BEGIN {label}-----",
            base64.encodebytes(der(ours) + trust).decode() + f"-----END {label}-----",
            issuers.public_bytes(Encoding.PEM).decode(),
        )
    )
    path = tmp_path / "server.pem"
    path.write_text(text, newline=newline)
    assert first_certificate(path.read_bytes()) == der(ours)
    assert said_by_both(server_context(path)) == ours.fingerprint(hashes.SHA256())


@pytest.mark.parametrize(
    "pem", [b"", b"-----BEGIN CERTIFICATE-----\nMII", b"-----BEGIN CERTIFICATE-----\nA\n-----END "]
)
def test_a_file_without_one_has_none(pem: bytes) -> None:
    assert first_certificate(pem) == b""
