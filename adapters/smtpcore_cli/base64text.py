"""Base64 as password hashes have it: without padding."""

from __future__ import annotations

import binascii


def encode(data: bytes) -> str:
    """The text, without padding."""
    return binascii.b2a_base64(data, newline=False).decode("ascii").rstrip("=")


def decode(text: str) -> bytes:
    """The octets, of text with padding or without.

    Raises:
        ValueError: It is no base64; the message does not repeat the text.
    """
    # The PHC format leaves the padding out; passlib writes a dot for the plus sign.
    bare = text.replace(".", "+").rstrip("=")
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        raise ValueError("salts, hashes and keys are base64") from None
