"""CRC-32C (Castagnoli): the checksum of iSCSI, and of the PROXY protocol (RFC 3720 B.4)."""

from __future__ import annotations

from typing import Final

_POLYNOMIAL: Final = 0x82F63B78
"""The polynomial 0x1EDC6F41 with its bits in reverse: octets go in lowest bit first."""


def _shifted(octet: int) -> int:
    for _ in range(8):
        octet = (octet >> 1) ^ (_POLYNOMIAL if octet & 1 else 0)
    return octet


_TABLE: Final = tuple(_shifted(octet) for octet in range(256))


def crc32c(data: bytes) -> int:
    """The checksum of the octets, an unsigned number of 32 bits."""
    table = _TABLE
    crc = 0xFFFFFFFF
    for octet in data:
        crc = (crc >> 8) ^ table[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF
