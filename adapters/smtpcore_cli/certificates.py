"""What a certificate says, be it trusted or not; Python's ``ssl`` tells it of those alone that it has verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_address

from .der import GENERALIZED_TIME, OCTET_STRING, SEQUENCE, SET, UTC_TIME, Element, elements

_VERSION = 0xA0
_EXTENSIONS = 0xA3
_ALT_NAMES = "2.5.29.17"
_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
"""Short names of attributes (RFC 4514 3, and what is usual beside it)."""
_TEXT_NAMES = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
_ADDRESS_NAME = 0x87


@dataclass(frozen=True, slots=True)
class Certificate:
    """What people want to know of a certificate. All texts are whatever its issuer has written."""

    subject: str
    """As ``CN=mx.example.org, O=Example``; empty: nobody is named but in `names`."""
    names: Sequence[str]
    """The subject alternative names, as ``DNS:mx.example.org`` (RFC 5280 4.2.1.6)."""
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    """The SHA-256 of it all, in hexadecimal."""


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate in DER (RFC 5280 4.1).

    Raises:
        ValueError: It cannot be read.
    """
    try:
        [whole] = elements(der)
        body = whole.expect(SEQUENCE).children()[0].expect(SEQUENCE).children()
        if body[0].tag == _VERSION:
            del body[0]
        # serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, and what is optional.
        _, _, issuer, validity, subject, _, *optional = body
        not_before, not_after = validity.children()
        return Certificate(
            subject=_name(subject),
            names=[name for part in optional if part.tag == _EXTENSIONS for name in _alt_names(part)],
            issuer=_name(issuer),
            not_before=_time(not_before),
            not_after=_time(not_after),
            fingerprint=sha256(der).hexdigest(),
        )
    except (ValueError, IndexError) as error:
        raise ValueError("a certificate that cannot be read") from error


def _name(name: Element) -> str:
    """A distinguished name (RFC 5280 4.1.2.4), in the order of the certificate."""
    parts = []
    for relative in name.children():
        for pair in relative.expect(SET).children():
            kind, value = pair.children()
            oid = kind.oid()
            parts.append(f"{_ATTRIBUTES.get(oid, oid)}={value.text()}")
    return ", ".join(parts)


def _time(time: Element) -> datetime:
    """UTCTime or GeneralizedTime (RFC 5280 4.1.2.5), both with seconds and Z."""
    text = time.content.decode("ascii")
    if time.tag == UTC_TIME:
        # RFC 5280 4.1.2.5.1: years from 50 on are of the last century.
        text = ("19" if text[:2] >= "50" else "20") + text
    else:
        time.expect(GENERALIZED_TIME)
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _alt_names(extensions: Element) -> Iterator[str]:
    [listed] = extensions.children()
    for extension in listed.children():
        # extnID, critical if it is true, extnValue.
        oid, *_, value = extension.children()
        if oid.oid() != _ALT_NAMES:
            continue
        [names] = elements(value.expect(OCTET_STRING).content)
        for name in names.children():
            if name.tag in _TEXT_NAMES:
                yield f"{_TEXT_NAMES[name.tag]}:{name.content.decode('ascii', 'backslashreplace')}"
            elif name.tag == _ADDRESS_NAME:
                yield f"IP:{ip_address(name.content)}"
