"""DER, as far as certificates need it: elements one after the other, each a tag and its content (X.690 8.1, 10.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE = 0x30
SET = 0x31
OID = 0x06
OCTET_STRING = 0x04
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
UTF8_STRING = 0x0C
PRINTABLE_STRING = 0x13
TELETEX_STRING = 0x14
IA5_STRING = 0x16
BMP_STRING = 0x1E

_ENCODINGS = {
    UTF8_STRING: "utf-8",
    PRINTABLE_STRING: "ascii",
    TELETEX_STRING: "latin-1",
    IA5_STRING: "ascii",
    BMP_STRING: "utf-16-be",
}


@dataclass(frozen=True, slots=True)
class Element:
    """One element."""

    tag: int
    """With its class and the bit that says whether there are elements in it."""
    content: bytes

    def children(self) -> list[Element]:
        """The elements in it.

        Raises:
            ValueError: They cannot be read.
        """
        return list(elements(self.content))

    def expect(self, tag: int) -> Element:
        """Itself.

        Raises:
            ValueError: It has another tag.
        """
        if self.tag != tag:
            raise ValueError("not the element that was expected")
        return self

    def text(self) -> str:
        """The text of a string type; what does not fit its type is shown as escapes.

        Raises:
            ValueError: It is no string.
        """
        if self.tag not in _ENCODINGS:
            raise ValueError("no string")
        return self.content.decode(_ENCODINGS[self.tag], "backslashreplace")

    def oid(self) -> str:
        """An object identifier in dots and decimals (X.690 8.19).

        Raises:
            ValueError: It is none.
        """
        octets = self.expect(OID).content
        if not octets or octets[-1] & 0x80:
            raise ValueError("no object identifier")
        numbers, number = [], 0
        for octet in octets:
            number = number << 7 | octet & 0x7F
            if not octet & 0x80:
                numbers.append(number)
                number = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def elements(octets: bytes) -> Iterator[Element]:
    """The elements that the octets are made of.

    Raises:
        ValueError: One is cut short, or has a tag or a length that certificates do not have.
    """
    at = 0
    while at < len(octets):
        if len(octets) < at + 2 or octets[at] & 0x1F == 0x1F:
            raise ValueError("no element")
        tag, length = octets[at], octets[at + 1]
        at += 2
        if length & 0x80:
            width = length & 0x7F
            if not 0 < width <= 4 or len(octets) < at + width:
                raise ValueError("no length")
            length = int.from_bytes(octets[at : at + width], "big")
            at += width
        if len(octets) < at + length:
            raise ValueError("an element that is cut short")
        yield Element(tag, octets[at : at + length])
        at += length
