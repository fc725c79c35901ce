"""The GS2 header in front of a client's first message (RFC 5801 4), as SCRAM and OAUTHBEARER have it."""

from __future__ import annotations

import re
from dataclasses import dataclass

SASLNAME = rb"(?:[^\0=,]|=2C|=3D)+"
"""A name in which ``,`` and ``=`` are escaped (RFC 5802 7), to be matched against valid UTF-8."""

# gs2-cbind-flag "," [ "a=" saslname ] ",". The flag F, for mechanisms that are not standard, has no place here.
_HEADER = re.compile(rb"(?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=(" + SASLNAME + rb"))?,")


@dataclass(frozen=True, slots=True)
class Gs2Header:
    """What the client says of channel binding, and whom it wants to act for."""

    raw: bytes
    """The header as it came, with its last comma: the client repeats it under protection (RFC 5802 5.1)."""
    flag: str
    """``n``: the client knows no channel binding; ``y``: it does, and thinks the server does not; ``p``: used."""
    binding: str
    """The channel binding type; empty unless the flag is ``p``."""
    authzid: str
    """The authorization identity as it came, no longer escaped; empty: none."""


def read_header(message: bytes) -> Gs2Header | None:
    """The header at the start of a message in valid UTF-8; None where there is none."""
    match = _HEADER.match(message)
    if match is None:
        return None
    flag, binding, authzid = match.groups(b"")
    return Gs2Header(match[0], (flag or b"p").decode("ascii"), binding.decode("ascii"), unescape(authzid))


def unescape(name: bytes) -> str:
    """The text of a SASLNAME."""
    return name.replace(b"=2C", b",").replace(b"=3D", b"=").decode("utf-8")


def escape(text: str) -> bytes:
    """The SASLNAME of a text."""
    return text.replace("=", "=3D").replace(",", "=2C").encode()


def write_header(flag: str, authzid: str) -> bytes:
    """The header of a client's first message.

    Args:
        flag: ``n``, ``y``, or ``p=`` and a channel binding type.
        authzid: Whom to act for; empty: nobody else.
    """
    return b"%b,%b," % (flag.encode("ascii"), b"a=" + escape(authzid) if authzid else b"")
