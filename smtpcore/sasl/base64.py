"""Base64 as SASL in SMTP wants it: canonical or not at all (RFC 4648 3, RFC 4954 4)."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def decode(text: bytes) -> bytes | None:
    """The octets, or None for what is not canonical base64: foreign characters, bad padding, stray pad bits."""
    # The library would skip foreign characters; and it takes pad bits that are not zero, which would let
    # one secret have several spellings.
    if len(text) % 4 or text.translate(None, _ALPHABET):
        return None
    try:
        data = a2b_base64(text, strict_mode=True)
    except Error:
        return None
    return data if encode(data) == text else None


def encode(data: bytes) -> bytes:
    """Base64 without line ends; nothing for nothing."""
    return b2a_base64(data, newline=False)
