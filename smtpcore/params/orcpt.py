"""``ORCPT=``: the recipient as the sender knew it (RFC 3461 4.2, RFC 6533 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from smtpcore.errors import ParseError
from smtpcore.params import xtext
from smtpcore.params.dsn import printable
from smtpcore.utf8 import UNSAFE, decode, encode

_LONGEST = 500
# An atom of RFC 822 3.3, but for the "=" that no value of a parameter may have (RFC 5321 4.1.2).
_ATOM = re.compile(rb"[!#-'*+/-9?A-Z^-~-]+")
# RFC 6533 3: utf-8-addr-xtext, and utf-8-addr-unitext, which has UTF-8 as well; `utf8` is the index.
_UNITEXT = (
    re.compile(rb"(?:[!-*,-<>-\[\]-~]|\\x\{[0-9A-Fa-f]{2,6}\})+"),
    re.compile(rb"(?:[!-*,-<>-\[\]-~\x80-\xff]|\\x\{[0-9A-Fa-f]{2,6}\})+"),
)
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]+)\}")
# The ASCII that stands for itself; the rest is embedded when this side writes.
_EMBED = re.compile(r"[^!-*,-<>-\[\]-~]")
_EMBEDDABLE = " \\+="


@dataclass(frozen=True, slots=True)
class Orcpt:
    """An original recipient: a type of addresses, and an address of that type.

    The address need not fit the syntax of its type (RFC 3461 4.2).
    """

    addr_type: str
    """``rfc822``, ``utf-8`` or another registered type; case kept."""
    address: str
    """Decoded, case kept. ASCII without controls, or Unicode without them when the type is ``utf-8``."""
    raw: bytes = field(default=b"", compare=False)
    """As it stood on the wire, which is how it is relayed (RFC 3461 5.2.1 (d)); empty if built here."""

    def to_wire(self, *, utf8: bool = False) -> bytes:
        r"""The value as a client sends it: `raw` where there is one and the server can take it.

        Args:
            utf8: Whether the transaction has asked for SMTPUTF8. Without it other characters than ASCII are
                sent as ``\x{E9}`` (RFC 6533 3).

        Raises:
            ParseError: It would not be read back as this value.
        """
        wire = self.raw
        if not wire or not (utf8 or wire.isascii()):
            if _is_utf8(self.addr_type):
                address = _EMBED.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", self.address).encode("ascii")
            else:
                address = xtext.encode(encode(self.address))
            wire = b"%b;%b" % (encode(self.addr_type), address)
        if parse(wire, utf8=utf8) != self:
            raise ParseError("not an original recipient that can be sent")
        return wire


def parse(value: bytes, *, utf8: bool = False) -> Orcpt:
    """``type;address``, at most 500 octets (RFC 3461 4.2).

    Args:
        value: The value of the parameter.
        utf8: Whether MAIL has asked for SMTPUTF8, so that the ``utf-8`` type may have raw UTF-8 in it.

    Raises:
        ParseError: Another form, a bad encoding, or a character in the address that a notification could not
            show.
    """
    if len(value) > _LONGEST:
        raise ParseError("over 500 characters")
    kind, separator, rest = value.partition(b";")
    if not separator or not _ATOM.fullmatch(kind):
        raise ParseError("no address type before a semicolon")
    addr_type = kind.decode("ascii")
    if _is_utf8(addr_type) and (_UNITEXT[utf8].fullmatch(rest) or b"\\" in rest):
        return Orcpt(addr_type, _unitext(rest, utf8), value)
    # Text of this type that is no unitext but xtext is kept as it is: RFC 6533 3 foresees it.
    return Orcpt(addr_type, printable(xtext.decode(rest)), value)


def _is_utf8(addr_type: str) -> bool:
    return addr_type.upper() == "UTF-8"


def _unitext(text: bytes, utf8: bool) -> str:
    # A backslash that begins nothing is refused, so that no later reader finds another character in it.
    if not _UNITEXT[utf8].fullmatch(text):
        raise ParseError("not unitext")
    return _EMBEDDED.sub(lambda match: _character(match[1]), decode(text))


def _character(digits: str) -> str:
    """HEXPOINT of RFC 6533 3, without its control characters."""
    point = int(digits, 16)
    if point > 0x10FFFF or UNSAFE.search(chr(point)) or (len(digits) > 2 and digits[0] == "0"):
        raise ParseError("not a character that is embedded")
    if point < 0x80 and chr(point) not in _EMBEDDABLE:
        raise ParseError("a character that stands for itself")
    return chr(point)
