"""DER read element by element, and certificates made of it."""

from __future__ import annotations

import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from smtpcore_cli.certificates import Certificate, read_certificate
from smtpcore_cli.der import OID, SEQUENCE, Element, elements

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    names: list[x509.GeneralName] | None = None,
    *,
    subject: str = "CN=mx.test",
    since: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    until: datetime = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
) -> bytes:
    """A certificate in DER."""
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name.from_rfc4514_string("CN=An authority,O=Jäger\\, Söhne,C=AT"),
        subject_name=x509.Name.from_rfc4514_string(subject),
        public_key=KEY.public_key(),
        serial_number=1,
        not_valid_before=since,
        not_valid_after=until,
    ).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.DER)


def encoded(element: Element) -> bytes:
    """An element as octets, its length in two of them."""
    return bytes([element.tag, 0x82]) + len(element.content).to_bytes(2, "big") + element.content


def test_a_certificate_says_whose_it_is_and_how_long() -> None:
    der = certificate(
        [
            x509.DNSName("mx.test"),
            x509.IPAddress(IPv6Address("2001:db8::1")),
            x509.RFC822Name("ann@mx.test"),
            x509.UniformResourceIdentifier("smtp://mx.test"),
            x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        ]
    )
    assert read_certificate(der) == Certificate(
        subject="CN=mx.test",
        names=["DNS:mx.test", "IP:2001:db8::1", "email:ann@mx.test", "URI:smtp://mx.test"],
        issuer="C=AT, O=Jäger, Söhne, CN=An authority",
        not_before=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        not_after=datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        fingerprint=sha256(der).hexdigest(),
    )


def test_a_certificate_may_have_no_names_and_times_far_off() -> None:
    since, until = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    found = read_certificate(certificate(subject="", since=since, until=until))
    assert (found.subject, found.names) == ("", [])
    assert (found.not_before, found.not_after) == (since, until)


def test_a_certificate_of_the_first_version_has_neither_version_nor_extensions() -> None:
    [whole] = elements(certificate())
    body, algorithm, signature = whole.children()
    _version, *parts, _extensions = body.children()
    first = encoded(Element(SEQUENCE, b"".join(map(encoded, parts))))
    found = read_certificate(encoded(Element(SEQUENCE, first + encoded(algorithm) + encoded(signature))))
    assert (found.subject, found.names) == ("CN=mx.test", [])


def test_an_attribute_without_a_short_name_is_told_by_its_number() -> None:
    assert read_certificate(certificate(subject="2.5.4.42=Ann")).subject == "2.5.4.42=Ann"


def test_what_python_says_of_a_certificate_is_said_too(tls_certificate: trustme.LeafCert) -> None:
    der = ssl.PEM_cert_to_DER_cert(tls_certificate.cert_chain_pems[0].bytes().decode())
    found = read_certificate(der)
    assert "DNS:mx.test" in found.names
    assert "IP:::1" in found.names
    assert found.not_after - found.not_before > timedelta(days=1)


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 40, 200])
def test_a_certificate_that_is_cut_short_is_none(cut: int) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_certificate(certificate()[:cut])


@given(st.integers(0, 500), st.binary(min_size=1, max_size=3))
def test_whatever_is_in_a_certificate_it_is_read_or_it_cannot_be(at: int, octets: bytes) -> None:
    der = certificate([x509.DNSName("mx.test")])
    at %= len(der)
    with contextlib.suppress(ValueError):
        read_certificate(der[:at] + octets + der[at + len(octets) :])


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("550403", "2.5.4.3"),
        ("2a864886f70d010901", "1.2.840.113549.1.9.1"),
        ("883703", "2.999.3"),
        ("00", "0.0"),
    ],
)
def test_an_object_identifier_is_numbers_and_dots(octets: str, text: str) -> None:
    assert Element(OID, bytes.fromhex(octets)).oid() == text


@pytest.mark.parametrize("octets", ["", "5504 83"])
def test_an_object_identifier_that_is_cut_short_is_none(octets: str) -> None:
    with pytest.raises(ValueError, match="no object identifier"):
        Element(OID, bytes.fromhex(octets)).oid()


def test_text_is_shown_by_its_type_and_a_wrong_octet_as_an_escape() -> None:
    assert Element(0x1E, "Jäger".encode("utf-16-be")).text() == "Jäger"
    assert Element(0x14, b"J\xe4ger").text() == "Jäger"
    assert Element(0x13, b"J\xe4ger").text() == "J\\xe4ger"
    with pytest.raises(ValueError, match="no string"):
        Element(0x02, b"1").text()


@pytest.mark.parametrize("octets", ["30", "1f01 00", "3080", "3085 0000000001 00", "3082 01", "3002 00"])
def test_an_element_that_is_none_is_refused(octets: str) -> None:
    with pytest.raises(ValueError, match=r"no element|no length|cut short"):
        list(elements(bytes.fromhex(octets)))


def test_elements_follow_each_other() -> None:
    assert list(elements(bytes.fromhex("0500 040161 048101 62"))) == [
        Element(5, b""),
        Element(4, b"a"),
        Element(4, b"b"),
    ]
