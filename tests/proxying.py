"""PROXY headers as a load balancer writes them, put together by hand and not by anything of smtpcore."""

from __future__ import annotations

import struct
from ipaddress import ip_address

SIGNATURE = bytes((0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A))


def line(source: str, destination: str, source_port: int, destination_port: int) -> bytes:
    """A header of version 1."""
    family = 6 if ":" in source else 4
    return f"PROXY TCP{family} {source} {destination} {source_port} {destination_port}\r\n".encode("ascii")


def inet(source: str, destination: str, source_port: int, destination_port: int) -> bytes:
    """The addresses of TCP in version 2, of either family."""
    ports = struct.pack("!HH", source_port, destination_port)
    return ip_address(source).packed + ip_address(destination).packed + ports


def unix(source: bytes, destination: bytes) -> bytes:
    """The addresses of a unix socket in version 2."""
    return source.ljust(108, b"\0") + destination.ljust(108, b"\0")


def tlv(kind: int, value: bytes) -> bytes:
    """An additional field of version 2."""
    return struct.pack("!BH", kind, len(value)) + value


def ssl(flags: int, verify: int, *fields: bytes) -> bytes:
    """The field that tells of TLS at the proxy."""
    return tlv(0x20, struct.pack("!BI", flags, verify) + b"".join(fields))


def binary(family: int, block: bytes, *, command: int = 0x21, length: int | None = None) -> bytes:
    """A header of version 2; the length may be a lie."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(block) if length is None else length) + block


TCP4 = inet("203.0.113.9", "192.0.2.25", 51000, 25)
TCP6 = inet("2001:db8::9", "2001:db8::25", 51000, 25)
LINE = line("203.0.113.9", "192.0.2.25", 51000, 25)
BINARY = binary(0x11, TCP4)


def crc32c(data: bytes) -> int:
    """The checksum bit by bit, as its definition has it: a register that is divided by the polynomial."""
    register = 0xFFFFFFFF
    for octet in data:
        for bit in range(8):
            feedback = (register & 1) ^ (octet >> bit & 1)
            register = (register >> 1) ^ (0x82F63B78 * feedback)
    return register ^ 0xFFFFFFFF


def summed(family: int, addresses: bytes, *fields: bytes) -> bytes:
    """A header of version 2 with its checksum among the fields."""
    behind = b"".join(fields)
    empty = binary(family, addresses + tlv(0x03, bytes(4)) + behind)
    return binary(family, addresses + tlv(0x03, crc32c(empty).to_bytes(4, "big")) + behind)
