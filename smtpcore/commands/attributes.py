"""``NAME=value`` attributes in xtext: what XCLIENT and XFORWARD carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Final, TypeAlias

from smtpcore.digits import decimal
from smtpcore.errors import ParseError
from smtpcore.grammar import CommandError
from smtpcore.params import xtext
from smtpcore.replies import Reply
from smtpcore.utf8 import encode


class Unavailable(Enum):
    """Why an attribute has no value."""

    PERMANENT = "[UNAVAILABLE]"
    """It is not known and will not be."""
    TEMPORARY = "[TEMPUNAVAIL]"
    """A look-up failed for now; of NAME and REVERSE_NAME only."""


Attribute: TypeAlias = str | int | Unavailable
Reader: TypeAlias = Callable[[str], str | int]

NO_ATTRIBUTES: Final[Mapping[str, Attribute]] = MappingProxyType({})
"""What nothing was told of."""

_SPECIAL: Final = {kind.value.encode(): kind for kind in Unavailable}
_LOOKED_UP: Final = ("NAME", "REVERSE_NAME")
_ADDRESSES: Final = ("ADDR", "DESTADDR")
_LARGEST_PORT = 65535
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_IPV4 = re.compile(r"[0-9.]{7,15}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")


def text(longest: int, *, unsafe: str = "") -> Reader:
    """A reader of printable text without spaces of at most so many characters."""

    def read(value: str) -> str:
        if not value or len(value) > longest or any(char in unsafe for char in value):
            raise ParseError("a value that does not fit")
        return value

    return read


def one_of(*values: str) -> Reader:
    """A reader of certain words in any case, given in upper case."""

    def read(value: str) -> str:
        if value.upper() not in values:
            raise ParseError(f"a value that is none of {' '.join(values)}")
        return value.upper()

    return read


def address(value: str) -> str:
    """An IP address: dotted IPv4, or ``IPV6:`` and IPv6, in the form Python writes it."""
    kind: type[IPv4Address | IPv6Address]
    if value[:5].upper() == "IPV6:":
        known, kind, value = _IPV6, IPv6Address, value[5:]
    else:
        known, kind = _IPV4, IPv4Address
    # The octets first: IPv6Address() takes a zone, and any characters in it.
    if not known.fullmatch(value):
        raise ParseError("an address that cannot be read")
    try:
        return str(kind(value))
    except ValueError:
        raise ParseError("an address that cannot be read") from None


def port(value: str) -> int:
    """A port, 1 to 65535."""
    if not _PORT.fullmatch(value) or int(value) > _LARGEST_PORT:
        raise ParseError("a port that is none")
    return int(value)


def parse_attributes(argument: bytes, readers: Mapping[str, Reader]) -> Mapping[str, Attribute]:
    """Read ``name=value`` pairs with single spaces between them.

    Args:
        argument: Printable ASCII.
        readers: What is known, by name in upper case.

    Raises:
        CommandError: 501 5.5.4.
    """
    attributes: dict[str, Attribute] = {}
    for word in argument.split(b" "):
        raw_name, separator, raw = word.partition(b"=")
        name = raw_name.upper().decode("ascii")
        reader = readers.get(name)
        if reader is None or not separator:
            raise _error("An attribute that is not known")
        if name in attributes:
            raise _error("An attribute is given twice")
        special = _SPECIAL.get(raw.upper())
        if special is Unavailable.TEMPORARY and name not in _LOOKED_UP:
            raise _error(f"{name} is not looked up")
        try:
            attributes[name] = special if special is not None else reader(_decode(raw))
        except ParseError as error:
            raise _error(f"{name}: {error}") from None
    return attributes


def write_attributes(attributes: Mapping[str, Attribute]) -> bytes:
    """The pairs as a client sends them.

    Raises:
        ParseError: A number is no port.
    """
    return b" ".join(b"%b=%b" % (encode(name), _written(name, value)) for name, value in attributes.items())


def _written(name: str, value: Attribute) -> bytes:
    if isinstance(value, Unavailable):
        return value.value.encode("ascii")
    if isinstance(value, str):
        # XCLIENT and XFORWARD have tagged IPv6 addresses, as SMTP has them in literals (RFC 5321 4.1.3).
        tagged = name in _ADDRESSES and ":" in value
        return xtext.encode(encode(f"IPV6:{value}" if tagged else value))
    return decimal(value, 1, _LARGEST_PORT)


def _decode(raw: bytes) -> str:
    value = xtext.decode(raw)
    # These values end up in headers and logs: what was hidden in xtext is looked at again.
    if any(not 0x21 <= octet <= 0x7E for octet in value):
        raise ParseError("a value with octets that are not allowed")
    return value.decode("ascii")


def _error(reason: str) -> CommandError:
    return CommandError(Reply(501, reason, "5.5.4"))
