"""SASLprep: one form of a name or a password, or none."""

from __future__ import annotations

import re
import unicodedata

import pytest
import scramp.core  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from smtpcore.sasl import saslprep
from smtpcore.sasl.saslprep import is_trace, prepare, prepare_authzid

ALEF, BET = "\u0627", "\u0628"


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("\u0007", None),
        (f"{ALEF}1", None),
    ],
)
def test_the_examples_of_the_rfc(text: str, prepared: str | None) -> None:
    # RFC 4013 3.
    assert saslprep(text) == prepared


@pytest.mark.threat("T-UTF8")
@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("", ""),
        ("\u00ad", ""),
        ("a\u00a0b\u3000c", "a b c"),
        ("p\u00e4ss", "p\u00e4ss"),
        ("pa\u0308ss", "p\u00e4ss"),
        ("\uff41\uff20", "a@"),
        (f"{ALEF}1{BET}", f"{ALEF}1{BET}"),
        (f"{ALEF}a{BET}", None),
        (f"1{ALEF}", None),
        ("a\x7f", None),
        ("\u0085", None),
        ("\u2028", None),
        ("\ue000", None),
        ("\ufdd0", None),
        ("\ud800", None),
        ("\ufff9", None),
        ("\u2ff0", None),
        ("\u202e", None),
        ("\U000e0041", None),
        ("\ufeff", ""),
        ("\u1680", " "),
    ],
)
def test_what_is_mapped_and_what_is_forbidden(text: str, prepared: str | None) -> None:
    assert saslprep(text) == prepared


def test_code_points_that_came_later_may_be_asked_for_but_not_stored() -> None:
    # RFC 3454 7: U+0221 has no meaning in Unicode 3.2; it was assigned in 4.0.
    assert saslprep("\u0221") == "\u0221"
    assert saslprep("\u0221", stored=True) is None
    assert saslprep("\u00e9", stored=True) == "\u00e9"


def test_prepared_text_is_as_good_as_new() -> None:
    assert prepare("\u00ad") is None
    assert prepare("a") == "a"


@pytest.mark.parametrize(("text", "prepared"), [("", ""), ("\u00ad", None), ("\x07", None), ("\u2168", "IX")])
def test_an_authorization_identity_may_be_empty_only_if_it_was_sent_so(text: str, prepared: str | None) -> None:
    # RFC 4954 4.
    assert prepare_authzid(text) == prepared


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", True),
        ("sirhc", True),
        ("a@b.test", True),
        ("a\u00a0b", True),
        ("\u2ff0", True),
        ("\r\nX: y", False),
        ("\u202e", False),
        (ALEF, True),
        (f"{ALEF}a", False),
    ],
)
def test_the_trace_profile_maps_nothing_and_forbids_less(text: str, kept: bool) -> None:
    assert is_trace(text) is kept


@given(st.text(max_size=8))
@example("\u2168")
@example(f"{ALEF}{BET}")
def test_another_implementation_agrees(text: str) -> None:
    try:
        theirs = scramp.core.saslprep(text)
    except scramp.ScramException:
        theirs = None
    # It knows stored strings only. What NFKC makes of a character may be one that is mapped to nothing; it then
    # forbids what RFC 4013 does not.
    ours = saslprep(text, stored=True)
    if theirs is not None or ours is None:
        assert ours == theirs
    else:
        assert re.search("[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]", ours)


def test_a_text_that_would_take_long_is_refused() -> None:
    assert saslprep("\ufdfa" * 1024) == unicodedata.normalize("NFKC", "\ufdfa") * 1024
    assert saslprep("a" + "\u0301\u0327" * 512) is None
    assert saslprep("a" * 12000) == "a" * 12000
