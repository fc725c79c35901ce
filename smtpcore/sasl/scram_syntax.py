"""What the messages of both sides of SCRAM are made of, to be matched against valid UTF-8 (RFC 5802 7)."""

from __future__ import annotations

from typing import Final

NONCE: Final = rb"[!-+\--~]+"
"""Printable ASCII without a comma."""
NONCE_OCTETS: Final = 18
"""Random octets in each side's part of the nonce."""
BASE64: Final = rb"[A-Za-z0-9+/=]+"
EXTENSIONS: Final = rb"((?:,[A-Za-z]=[^\0,]+)*)"
"""A group: optional extensions at the end of a message."""
MANDATORY: Final = rb"(m=[^\0,]+,)?"
"""A group: an extension in front of a message, which whoever does not know it has to refuse (RFC 5802 5.1)."""
DEFINED: Final = frozenset(b"anmrcsipve")
"""The attributes that RFC 5802 5.1 defines, which have their places and are no optional extensions."""


def extension_names(extensions: bytes) -> frozenset[int]:
    """The letters of the attributes in what EXTENSIONS matched."""
    return frozenset(extension[0] for extension in extensions.split(b",")[1:])
