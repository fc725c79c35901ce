"""xtext, base64, and the texts of UTF-8 that commands carry.

Properties: ParseError and nothing else is raised; decode(encode(x)) == x; what is decoded has one encoding that is
canonical; what passes for text has nothing in it that a terminal obeys.
"""

from __future__ import annotations

from functools import partial

from fuzz.harness import Input, main, raises
from smtpcore import utf8
from smtpcore.errors import ParseError
from smtpcore.params import xtext
from smtpcore.sasl import base64


def TestOneInput(data: bytes) -> None:
    """Decode the octets, and encode them."""
    given = Input(data)
    octets = given.rest()
    assert base64.decode(base64.encode(octets)) == octets
    decoded = base64.decode(octets)
    assert decoded is None or base64.encode(decoded) == octets
    assert xtext.decode(xtext.encode(octets)) == octets
    for eight_bit in (False, True):
        plain = raises(partial(xtext.decode, octets, utf8=eight_bit), ParseError)
        if plain is not None and not eight_bit:
            assert xtext.decode(xtext.encode(plain)) == plain
    text = raises(lambda: utf8.decode(octets), ParseError)
    if text is not None:
        assert text.encode("utf-8") == octets
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)


if __name__ == "__main__":
    main(__file__)
