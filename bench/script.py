"""What a client says and what it expects to hear: the byte script of one connection.

The load generator plays it, the canned server answers it by counting octets. As text, a line for each step::

    s 1024      and behind the line feed so many octets to send
    r 250       a reply with this code is due; any other is a failure
    t           the TLS handshake
    h           hold the connection until all the others are here too
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """Send these octets, in one go."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait for a reply with this code."""

    code: int


@dataclass(frozen=True, slots=True)
class Handshake:
    """Begin TLS as the client."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay connected and do nothing until every connection of the run is here."""


Step: TypeAlias = Say | Hear | Handshake | Hold
Script: TypeAlias = Sequence[Step]


def exchange(octets: bytes, *codes: int) -> list[Step]:
    """Octets in one write, and the replies to them."""
    return [Say(octets), *(Hear(code) for code in codes)]


def encode(script: Script) -> bytes:
    """The script as the generator reads it."""
    return b"".join(_encoded(step) for step in script)


def decode(data: bytes) -> Iterator[Step]:
    """The steps of an encoded script.

    Raises:
        ValueError: This is none.
    """
    place = 0
    while place < len(data):
        end = data.index(b"\n", place)
        kind, _, number = data[place:end].partition(b" ")
        place = end + 1
        match kind:
            case b"s":
                yield Say(data[place : place + int(number)])
                place += int(number)
            case b"r":
                yield Hear(int(number))
            case b"t":
                yield Handshake()
            case b"h":
                yield Hold()
            case _:
                raise ValueError(f"no step of a script: {kind!r}")


def _encoded(step: Step) -> bytes:
    match step:
        case Say(octets):
            return b"s %d\n%b" % (len(octets), octets)
        case Hear(code):
            return b"r %d\n" % code
        case Handshake():
            return b"t\n"
        case Hold():
            return b"h\n"
