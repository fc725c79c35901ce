"""SASLprep: user names and passwords in the one form in which they are compared (RFC 4013)."""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0

_PROHIBITED = (
    stringprep.in_table_c12,  # spaces other than SP
    stringprep.in_table_c21_c22,  # controls
    stringprep.in_table_c3,  # private use
    stringprep.in_table_c4,  # no characters
    stringprep.in_table_c5,  # surrogates
    stringprep.in_table_c6,  # not for plain text
    stringprep.in_table_c7,  # not for canonical representation
    stringprep.in_table_c8,  # change of display, deprecated
    stringprep.in_table_c9,  # tags
)


_LONGEST = 1024
"""Characters of a text beyond ASCII: to put a run of combining marks in order takes time by its square."""


def saslprep(text: str, *, stored: bool = False) -> str | None:
    """Prepare a user name or a password.

    Args:
        text: What was typed or sent.
        stored: It is to be stored and not to be compared with what is: code points without a meaning in
            Unicode 3.2 are then forbidden too (RFC 3454 7).

    Returns:
        The prepared text, which may be empty; None where it has forbidden characters, or writing directions
        that cannot stand together, or is over 1024 characters and not plain ASCII.
    """
    if text.isascii() and text.isprintable():
        # Nothing of this is mapped, normalized, forbidden, unassigned or written from the right.
        return text
    if len(text) > _LONGEST:
        return None
    # RFC 4013 2.1, 2.2: the Unicode of 2002 it is, whatever the interpreter's own.
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    # A short text may become a long one, with few characters in it: each is looked at once.
    characters = set(prepared)
    if any(prohibited(char) for char in characters for prohibited in _PROHIBITED):
        return None
    if stored and any(stringprep.in_table_a1(char) for char in characters):
        return None
    return prepared if _one_direction(prepared, characters) else None


def prepare(text: str, *, stored: bool = False) -> str | None:
    """As ``saslprep``, and None too where nothing is left: such a name or password fails (RFC 4616 2)."""
    return saslprep(text, stored=stored) or None


def prepare_authzid(text: str) -> str | None:
    """An authorization identity: none given is an empty one, given and empty when prepared fails (RFC 4954 4)."""
    return prepare(text) if text else ""


def is_trace(text: str) -> bool:
    """Whether the text keeps to the stringprep profile "trace" (RFC 4505 3): nothing in it is mapped."""
    # C.1.2 and C.7 are the two that this profile allows.
    allowed = (stringprep.in_table_c12, stringprep.in_table_c7)
    characters = set(text)
    if any(prohibited(char) for char in characters for prohibited in _PROHIBITED if prohibited not in allowed):
        return False
    return _one_direction(text, characters)


def _one_direction(text: str, characters: set[str]) -> bool:
    """RFC 3454 6: with a character written from the right there is none from the left, and it stands at both ends."""
    if not any(stringprep.in_table_d1(char) for char in characters):
        return True
    if any(stringprep.in_table_d2(char) for char in characters):
        return False
    return stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
