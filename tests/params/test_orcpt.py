"""ORCPT, and the addresses of type utf-8 (RFC 3461 4.2, RFC 6533 3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.errors import ParseError
from smtpcore.params.orcpt import Orcpt, parse


@pytest.mark.conformance("C273", "C274")
@pytest.mark.parametrize(
    ("value", "addr_type", "address"),
    [
        (b"rfc822;b@c.d", "rfc822", "b@c.d"),
        (b"RFC822;Bob+2Bx@Example.COM", "RFC822", "Bob+x@Example.COM"),
        (b"rfc822;a+20b;c", "rfc822", "a b;c"),
        (b"x-!#$%&'*+/?^_`{|}~-1;y", "x-!#$%&'*+/?^_`{|}~-1", "y"),
        (b"rfc822;", "rfc822", ""),
        (b"rfc822;" + b"x" * 493, "rfc822", "x" * 493),
        (b"rfc822;\\x{E9}", "rfc822", "\\x{E9}"),  # means nothing in this type
        (b"utf-8;b@c.d", "utf-8", "b@c.d"),
        (b"utf-8;\\x{E9}@x.org", "utf-8", "\xe9@x.org"),
        (b"UTF-8;\\x{e9}\\x{4E2D}\\x{1F600}\\x{10FFFF}", "UTF-8", "\xe9\u4e2d\U0001f600\U0010ffff"),
        (b"utf-8;\\x{20}\\x{2B}\\x{3D}\\x{5C}", "utf-8", " +=\\"),
        (b"utf-8;a+2Bb@x.org", "utf-8", "a+b@x.org"),  # xtext and no unitext: RFC 6533 3 has it kept
        (b"utf-8;", "utf-8", ""),
    ],
)
def test_an_original_recipient_is_a_type_and_an_address(value: bytes, addr_type: str, address: str) -> None:
    orcpt = parse(value)
    assert (orcpt.addr_type, orcpt.address, orcpt.raw) == (addr_type, address, value)
    assert orcpt.to_wire() == value
    assert parse(Orcpt(addr_type, address).to_wire()) == orcpt


@pytest.mark.conformance("C272", "C273")
@pytest.mark.parametrize(
    "value",
    [
        b"b@c.d", b"", b";b@c.d", b"=;b@c.d", b"a=b;c", b"rfc 822;b", b"rfc.822;b", b"a@b;c", b"rfc822;" + b"x" * 494,
        b"rfc822;a+0Ab", b"rfc822;a+00b", b"rfc822;a+FFb", b"rfc822;a+C3+A9", b"rfc822;a+3", b"rfc822;a+zz",
        b"rfc822;a=b", b"rfc822;a b", b"rfc822;\xc3\xa9", b"\xc3\xa9;b",
        b"utf-8;\xc3\xa9@x.org",  # only with SMTPUTF8
        b"utf-8;\\", b"utf-8;\\x", b"utf-8;\\x{}", b"utf-8;\\x{E}", b"utf-8;\\x{E9", b"utf-8;\\x{G9}",
        b"utf-8;\\x{0E9}",
        b"utf-8;\\x{D800}", b"utf-8;\\x{DFFF}", b"utf-8;\\x{110000}", b"utf-8;\\x{0000E9}", b"utf-8;\\x{1000000}",
        b"utf-8;\\x{0A}", b"utf-8;\\x{0D}", b"utf-8;\\x{7F}", b"utf-8;\\x{85}", b"utf-8;\\x{2028}", b"utf-8;\\x{41}",
        b"utf-8;\\x{E9}+20", b"utf-8;a+0Ab",
    ],
)  # fmt: skip
def test_an_original_recipient_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse(value)
    assert str(caught.value) not in {"", "None"}, "nothing is said of what is wrong"


@pytest.mark.conformance("C342")
def test_under_smtputf8_the_utf8_type_has_utf8_in_it_and_no_other_type_has() -> None:
    orcpt = parse("utf-8;\xe9\\x{E8}@x.org".encode(), utf8=True)
    assert orcpt.address == "\xe9\xe8@x.org"
    assert orcpt.to_wire(utf8=True) == orcpt.raw
    assert orcpt.to_wire() == b"utf-8;\\x{E9}\\x{E8}@x.org"
    with pytest.raises(ParseError):
        parse("rfc822;\xe9@x.org".encode(), utf8=True)


@pytest.mark.parametrize(
    "octets",
    [b"\xff", b"\xc0\xae", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\xc2\x80", b"\xc2\x85", b"\xe2\x80\xa8",
     b"+C3\xc3\xa9"],
)  # fmt: skip
def test_bad_utf8_in_an_original_recipient_is_refused(octets: bytes) -> None:
    with pytest.raises(ParseError):
        parse(b"utf-8;" + octets, utf8=True)


@given(address=st.text(max_size=40), utf8=st.booleans())
def test_an_address_of_the_utf8_type_is_sent_as_itself_or_not_at_all(address: str, utf8: bool) -> None:
    orcpt = Orcpt("utf-8", address)
    try:
        wire = orcpt.to_wire(utf8=utf8)
    except ParseError:
        return
    assert wire.isascii()
    assert parse(wire) == orcpt


def test_a_raw_form_that_says_something_else_is_not_sent() -> None:
    with pytest.raises(ParseError):
        Orcpt("rfc822", "a@b.c", b"rfc822;b@b.c").to_wire()
    with pytest.raises(ParseError):
        Orcpt("=", "a@b.c").to_wire()


@given(orcpt=st.builds(Orcpt, st.text(max_size=8), st.text(max_size=20), st.binary(max_size=10)))
def test_an_original_recipient_is_never_sent_as_another(orcpt: Orcpt) -> None:
    try:
        wire = orcpt.to_wire()
    except ParseError:
        return
    assert parse(wire) == orcpt
    assert not set(wire) & set(b" =\r\n\0")
