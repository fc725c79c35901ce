"""The reader of paths: examples of the conformance list and of the threats, then properties over any input."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.errors import ParseError
from smtpcore.leniencies import Leniencies
from smtpcore.paths import (
    Path,
    PathError,
    PathFault,
    _Scanner,
    is_address_literal,
    is_domain,
    is_helo_name,
    scan_path,
)

LENIENT = Leniencies()
STRICT = Leniencies.strict()
SYNTAX, ADDRESS, NON_ASCII = PathFault.SYNTAX, PathFault.ADDRESS, PathFault.NON_ASCII

Outcome = tuple[str, str, tuple[str, ...], bytes, int] | PathFault


def outcome(read: Callable[[], tuple[Path, int]]) -> Outcome:
    """All that can be seen of a reading: every attribute and the end, or the kind of fault."""
    try:
        path, end = read()
    except PathError as error:
        fault, message = error.fault, str(error)
    else:
        return path.local, path.domain, path.route, path.raw, end
    assert message.isascii()
    assert message.isprintable()
    return fault


def scan(data: bytes, leniencies: Leniencies = LENIENT, *, utf8: bool = False) -> Outcome:
    """Read at every place a path may stand, with and without parameters behind, and demand one outcome."""
    alone = outcome(lambda: scan_path(data, 0, leniencies=leniencies, utf8=utf8))
    in_line = outcome(lambda: scan_path(b"RCPT TO:" + data, 8, leniencies=leniencies, utf8=utf8))
    if isinstance(alone, PathFault):
        assert in_line is alone
        return alone
    assert in_line == (*alone[:4], alone[4] + 8)
    with_parameters = outcome(lambda: scan_path(data + b" SIZE=1 X=<>", 0, leniencies=leniencies, utf8=utf8))
    assert with_parameters == alone
    return alone


def accepted(data: bytes, leniencies: Leniencies = LENIENT, *, utf8: bool = False) -> tuple[str, str]:
    """Local part and domain of an input that is a path from end to end."""
    result = scan(data, leniencies, utf8=utf8)
    assert not isinstance(result, PathFault), result
    assert result[3:] == (data, len(data))
    path = Path.parse(data, leniencies=leniencies, utf8=utf8)
    assert Path.parse(path.to_wire(), utf8=utf8) == path
    return result[:2]


def refused(data: bytes, leniencies: Leniencies = LENIENT, *, utf8: bool = False) -> PathFault:
    """The fault of an input that does not begin with a path."""
    result = scan(data, leniencies, utf8=utf8)
    assert isinstance(result, PathFault), result
    return result


# What the conformance list asks for


@pytest.mark.conformance("C006")
def test_the_case_of_a_local_part_is_preserved() -> None:
    assert accepted(b"<SmIth@b.c>", STRICT) == ("SmIth", "b.c")
    assert Path("SmIth", "b.c") != Path("smith", "b.c")


@pytest.mark.conformance("C007")
def test_domains_are_compared_without_case_and_kept_as_sent() -> None:
    upper, lower = Path.parse("<postmaster@EXAMPLE.org>"), Path.parse("<postmaster@example.org>")
    assert upper == lower
    assert hash(upper) == hash(lower)
    assert upper.domain == "EXAMPLE.org"


@pytest.mark.conformance("C044")
@pytest.mark.parametrize(
    "name", [b"[192.0.2.1]", b"[IPv6:2001:db8::1]", b"[ipv6:::1]", b"mail.example.org", b"localhost"]
)
def test_a_helo_name_is_a_domain_or_a_literal(name: bytes) -> None:
    assert is_helo_name(name)


@pytest.mark.conformance("C045", "C046")
@pytest.mark.parametrize(
    "name",
    [
        b"",
        b"my_pc",
        b"pc.",
        b"192.0.2.1 ",
        b"[192.0.2.1] foo",
        b"-x",
        b"a b",
        b"a\t",
        b"m\xc3\xbcller.example",
        b"[]",
        b"#1",
    ],
)
def test_other_helo_names_are_not_valid(name: bytes) -> None:
    assert not is_helo_name(name)


@pytest.mark.conformance("C082")
def test_the_null_reverse_path_is_accepted() -> None:
    assert accepted(b"<>", STRICT) == ("", "")
    assert Path.parse("<>").is_null
    assert not Path.parse("<Postmaster>").is_null
    assert not Path.parse("<a@b.c>").is_null


@pytest.mark.conformance("C083")
def test_no_path_begins_with_a_space() -> None:
    # The caller steps over the SP that `space_after_colon` allows; here it always is a fault.
    assert refused(b" <a@b.c>", STRICT) is SYNTAX
    assert refused(b" <a@b.c>") is SYNTAX


@pytest.mark.conformance("C085", "C325")
def test_angle_brackets_may_be_missing_by_a_leniency_only() -> None:
    assert refused(b"a@b.c", STRICT) is SYNTAX
    assert refused(b"a@b.c", replace(LENIENT, bare_address=False)) is SYNTAX
    assert accepted(b"a@b.c") == ("a", "b.c")
    assert accepted(b"a@[192.0.2.1]") == ("a", "[192.0.2.1]")
    for octet in ATEXT:
        accepted(bytes([octet]) + b"@b.c")


@pytest.mark.conformance("C086", "C114")
def test_a_source_route_is_stripped_and_exposed() -> None:
    path = Path.parse(b"<@x.org,@y.org:a@b.c>", leniencies=STRICT)
    assert (path.address, path.route) == ("a@b.c", ("x.org", "y.org"))
    assert path.raw == b"<@x.org,@y.org:a@b.c>"
    assert path.to_wire() == b"<a@b.c>"
    assert Path.parse(b"<@a.b:u@c.d>", leniencies=STRICT) == Path("u", "c.d")


@pytest.mark.conformance("C087", "C088", "C089", "C090")
@pytest.mark.parametrize(
    ("data", "local"),
    [
        (rb'<"a b"@c.d>', "a b"),
        (rb'<"a\"b"@c.d>', 'a"b'),
        (rb'<"a\\b"@c.d>', "a\\b"),
        (rb'<"a>b"@c.d>', "a>b"),
        (rb'<"a@b"@c.d>', "a@b"),
        (rb'<" "@c.d>', " "),
        (rb'<"\ "@c.d>', " "),
        (rb'<"<>,:;[]()"@c.d>', "<>,:;[]()"),
        (rb'<"\a\.\~"@c.d>', "a.~"),
        (rb'<@x.y:"a b"@c.d>', "a b"),
    ],
)
def test_a_quoted_local_part_is_read_without_its_quoting(data: bytes, local: str) -> None:
    assert accepted(data, STRICT) == (local, "c.d")
    assert refused(data[1:-1]) is SYNTAX  # without brackets no quoted local part and no route


@pytest.mark.conformance("C091")
@pytest.mark.parametrize(
    ("quoted", "least"),
    [
        (rb'<"abc"@d.e>', b"<abc@d.e>"),
        (rb'<"a.b"@d.e>', b"<a.b@d.e>"),
        (rb'<"\a\b"@d.e>', b"<ab@d.e>"),
        (rb'<"a\ \"\\"@d.e>', rb'<"a \"\\"@d.e>'),
        (rb'<"a..b"@d.e>', b'<"a..b"@d.e>'),
        (rb'<".a"@d.e>', b'<".a"@d.e>'),
        (rb'<"."@d.e>', b'<"."@d.e>'),
    ],
)
def test_all_quoted_forms_are_equal_and_the_least_quoting_is_sent(quoted: bytes, least: bytes) -> None:
    path = Path.parse(quoted, leniencies=STRICT)
    assert path.to_wire() == least
    assert path == Path.parse(least)
    assert path.address == least[1:-1].decode()


@pytest.mark.conformance("C092")
def test_an_empty_quoted_local_part_is_refused() -> None:
    assert refused(b'<""@c.d>') is ADDRESS


@pytest.mark.conformance("C093", "C325")
@pytest.mark.parametrize("local", ["a..b", ".a", "a.", "..a...b.."])
def test_loose_dots_are_taken_by_a_leniency_and_stay_unquoted(local: str) -> None:
    data = f"<{local}@c.d>".encode()
    assert refused(data, STRICT) is ADDRESS
    assert refused(data, replace(LENIENT, loose_dots=False)) is ADDRESS
    assert accepted(data) == (local, "c.d")
    assert Path.parse(data).to_wire() == data
    assert Path.parse(data[1:-1]).to_wire() == data
    # The same mailbox if quoted, but then quotes are what the sender knows it by.
    assert Path.parse(data) == Path(local, "c.d")
    assert Path(local, "c.d").to_wire() == f'<"{local}"@c.d>'.encode()


@pytest.mark.parametrize("data", [b"<.@c.d>", b"<..@c.d>", b".@c.d"])
def test_dots_without_an_atom_are_no_local_part(data: bytes) -> None:
    assert refused(data) is ADDRESS


@pytest.mark.conformance("C094", "C325")
def test_an_underscore_in_a_domain_is_taken_by_a_leniency_and_a_bad_hyphen_never() -> None:
    assert refused(b"<a@x_y.z>", STRICT) is ADDRESS
    assert refused(b"<a@x_y.z>", replace(LENIENT, underscore_domain=False)) is ADDRESS
    assert accepted(b"<a@x_y.z>") == ("a", "x_y.z")
    assert accepted(b"<a@_x_.z>") == ("a", "_x_.z")
    assert accepted(b"<a.-b-@x-y--z.z>", STRICT) == ("a.-b-", "x-y--z.z")
    for data in (b"<a@-x.z>", b"<a@x-.z>", b"<a@x.-z>", b"<a@x.z->", b"<a@->", b"<@-x:a@b>"):
        assert refused(data) is refused(data, STRICT) is ADDRESS


@pytest.mark.conformance("C095")
@pytest.mark.parametrize("data", [b"<a@b.c.>", b"<a@b..c>", b"<a@.b>", b"<a@.>", b"<a@>", b"<@x.:a@b>"])
def test_an_empty_label_is_refused(data: bytes) -> None:
    assert refused(data) is refused(data, STRICT) is ADDRESS


@pytest.mark.conformance("C096", "C097")
@pytest.mark.parametrize(
    "literal",
    [
        b"[192.0.2.1]",
        b"[0.0.0.0]",
        b"[255.255.255.255]",
        b"[IPv6:::1]",
        b"[IPv6:::]",
        b"[ipV6:2001:DB8::a]",
        b"[IPv6:1:2:3:4:5:6:7:8]",
        b"[IPv6:1:2:3:4:5:6:7::]",  # one group, which RFC 4291 allows
        b"[IPv6:1::3:4:5:6:7:8]",
        b"[IPv6:::ffff:192.0.2.1]",
        b"[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]",
    ],
)
def test_address_literals_are_accepted(literal: bytes) -> None:
    assert is_address_literal(literal)
    assert accepted(b"<a@" + literal + b">", STRICT) == ("a", literal.decode())


@pytest.mark.conformance("C096", "C097", "C098")
@pytest.mark.parametrize(
    "literal",
    [
        b"[]",
        b"[256.1.1.1]",
        b"[01.2.3.4]",
        b"[1.2.3.00]",
        b"[1.2.3]",
        b"[1.2.3.4.5]",
        b"[1.2.3.4.]",
        b"[1..2.3]",
        b"[1.2.3.1111]",
        b"[1.2.3.4 ]",
        b"[1.2.3.+4]",
        b"[IPv6:]",
        b"[IPv6:1::2::3]",
        b"[IPv6:::1%eth0]",
        b"[IPv6:::1%25eth0]",
        b"[IPv6:1:2:3:4:5:6:7:8:9]",
        b"[IPv6:1:2:3:4:5:6:7:8::]",
        b"[IPv6:1:2:3:4:5:6:7]",
        b"[IPv6:12345::]",
        b"[IPv6:::ffff:1.2.3.256]",
        b"[IPv6:::ffff:01.2.3.4]",
        b"[IPv6:1.2.3.4]",
        b"[IPv6:IPv6:::1]",
        b"[IPv6:" + b"0" * 46 + b"::1]",
        b"[::1]",
        b"[foo:bar]",
        b"[1.2.3.4",
        b"[1.2.3.4]]",
        b"[[1.2.3.4]]",
    ],
)
def test_other_literals_are_refused(literal: bytes) -> None:
    assert not is_address_literal(literal)
    assert refused(b"<a@" + literal + b">") is ADDRESS


@pytest.mark.threat("T-PY")
@pytest.mark.parametrize(
    "data", [b"", b"1.2.3.4", b"IPv6:::1", b"[1.2.3.4]\n", b"[1.2.3.\xd9\xa1]", b"[IPv6:::1%a\r\n]"]
)
def test_a_literal_is_whole_and_ascii(data: bytes) -> None:
    assert not is_address_literal(data)


@pytest.mark.conformance("C099")
def test_number_literals_are_refused() -> None:
    assert refused(b"<a@#12345>") is ADDRESS


@pytest.mark.conformance("C100", "C326")
@pytest.mark.threat("T-ADDR")
def test_a_local_part_of_64_octets_is_always_taken_and_a_longer_one_by_a_leniency() -> None:
    for local, octets in ((b"a" * 64, 64), (b'"' + b"a b" * 20 + b'aa"', 64)):
        assert len(local) == octets
        accepted(b"<" + local + b"@b.c>", STRICT)
    for local in (b"a" * 65, b'"' + b"a b" * 21 + b'"', b"a" * 100):
        assert refused(b"<" + local + b"@b.c>", STRICT) is ADDRESS
        assert refused(b"<" + local + b"@b.c>", replace(LENIENT, long_paths=False)) is ADDRESS
        accepted(b"<" + local + b"@b.c>")
    accepted(b"a" * 64 + b"@b.c", replace(STRICT, bare_address=True))
    assert refused(b"a" * 65 + b"@b.c", replace(STRICT, bare_address=True)) is ADDRESS


def domain_of(octets: int) -> bytes:
    """A domain of so many octets, in labels as long as can be."""
    return b".".join([b"d" * 63] * 4)[: octets - 2] + b".e"


@pytest.mark.conformance("C101", "C326")
@pytest.mark.threat("T-ADDR")
def test_a_path_of_256_octets_is_always_taken_and_a_longer_one_by_a_leniency() -> None:
    fits, over = b"<a@" + domain_of(252) + b">", b"<aa@" + domain_of(252) + b">"
    assert (len(fits), len(over)) == (256, 257)
    accepted(fits, STRICT)
    assert refused(over, STRICT) is ADDRESS
    accepted(over)
    # The source route counts, and so do the brackets where they are missing.
    assert scan(b"<@b.c:" + fits[1:], STRICT) is ADDRESS
    assert scan(b"<@b.c:" + fits[1:]) != ADDRESS
    accepted(fits[1:-1], replace(STRICT, bare_address=True))
    assert refused(over[1:-1], replace(STRICT, bare_address=True)) is ADDRESS
    accepted(over[1:-1])


@pytest.mark.conformance("C326")
@pytest.mark.threat("T-ADDR")
def test_a_domain_of_255_octets_is_the_longest_and_so_is_a_label_of_63() -> None:
    assert len(domain_of(255)) == 255
    accepted(b"<a@" + domain_of(255) + b">")
    assert refused(b"<a@" + domain_of(256) + b">") is ADDRESS
    accepted(b"<a@" + b"d" * 63 + b".e>", STRICT)
    accepted(b"<a@" + b"d" * 63 + b">", STRICT)
    assert refused(b"<a@" + b"d" * 64 + b".e>") is ADDRESS
    assert refused(b"<a@" + b"d" * 64 + b">") is ADDRESS
    accepted(b"<a@" + b".".join([b"d"] * 127) + b">")
    assert refused(b"<a@" + b".".join([b"d"] * 128) + b">") is ADDRESS


@pytest.mark.conformance("C112")
@pytest.mark.parametrize("data", [b"<Postmaster>", b"<pOSTMASTER>", b"<postmaster>"])
def test_postmaster_needs_no_domain(data: bytes) -> None:
    assert accepted(data, STRICT) == (data[1:-1].decode(), "")
    path = Path.parse(data, leniencies=STRICT)
    assert path.is_postmaster
    assert path.address == data[1:-1].decode()
    assert path.to_wire() == data


def test_postmaster_with_a_domain_is_an_address_like_others() -> None:
    assert not Path.parse("<postmaster@b.c>").is_postmaster
    assert not Path("po\u017ftmaster", "").is_postmaster


@pytest.mark.conformance("C113")
def test_a_bare_nothing_is_no_null_path() -> None:
    # `RCPT TO:<>` is the caller's to refuse: `is_null` tells it.
    assert refused(b"") is SYNTAX
    assert outcome(lambda: scan_path(b"MAIL FROM:", 10, leniencies=LENIENT)) is SYNTAX
    assert outcome(lambda: scan_path(b"MAIL FROM: SIZE=1", 10, leniencies=LENIENT)) is SYNTAX


# What the threats list shows (T-ADDR)


@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize(
    "data",
    [
        b"<a%b@c>",
        b"<a!b@c>",
        b"<|cmd@x>",
        b"</etc/passwd@x>",
        b"<-oQ/tmp@x>",
        b"<${run{x}}@x>",
        b"<a@b>",
        b"<a@b.123>",
        b"<a@1.2.3.4>",
        b"<a@xn--a>",
        b"<a@xn--0.xn--a-b>",
        b"<!#$%&'*+-/=?^_`{|}~@b.c>",
    ],
)
def test_what_only_looks_bad_is_accepted(data: bytes) -> None:
    local, _, domain = data[1:-1].decode().rpartition("@")
    assert accepted(data, STRICT) == accepted(data) == (local, domain)


@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize("data", [b"postmaster", b"PostMaster"])
def test_postmaster_without_brackets_is_a_leniency(data: bytes) -> None:
    assert accepted(data) == (data.decode(), "")
    assert refused(data, STRICT) is SYNTAX


@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize(
    "data",
    [
        b"<<a@b>>",
        b"<@a:>",
        b"<@a,:u@d>",
        b"<@:u@d>",
        b"<@a:postmaster>",
        b"<@a,b:u@d>",
        b"<@a;u@d>",
        b"<@[192.0.2.1]:u@d>",
        b"<a@[>",
        b"<a@[]>",
        b"<a@[1.2.3.4>",
        b"<a@[1.2.3.4]x>",
        b"<a@b@c>",
        b"<a b@c>",
        b"<(x)a@b>",
        b"<a@b(x)>",
        b"<a@b >",
        b"< a@b>",
        b"< >",
        b"<postmaster@>",
        b'<"postmaster">',
        b"<postmaster >",
        b"<@b>",
        b"<@>",
        b"<user>",
        b"<a,b@c>",
        b"<a:b@c>",
        b"<a\\b@c>",
        b'<a"b"@c>',
        b'<"a"b@c>',
        b'<"a"."b"@c>',
        b"a@b>",
        b"a@b,c@d",
        b"a@b\\",
        b"user",
        b"postmasters",
        b"postmaster@",
        b"a@",
        b"a>",
        b">",
    ],
)
def test_what_is_no_address_is_refused(data: bytes) -> None:
    assert refused(data) is ADDRESS
    assert refused(data, STRICT) is (ADDRESS if data.startswith(b"<") else SYNTAX)


@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize(
    "data",
    [
        b"<",
        b"<a",
        b"<a@",
        b"<a@b",
        b"<a@b SIZE=1",
        b"<a b",
        b'<"a@b>',
        b'<"a\\>',
        b'<"a\\"@b>',
        b'<"',
        b'<"\\',
        b"<@",
        b"<@a",
        b"<@a:",
    ],
)
def test_a_path_that_is_not_closed_is_a_fault_of_syntax(data: bytes) -> None:
    assert outcome(lambda: scan_path(data, 0, leniencies=LENIENT)) is SYNTAX
    assert outcome(lambda: scan_path(data, 0, leniencies=STRICT)) is SYNTAX


def test_brackets_in_the_parameters_do_not_close_a_path() -> None:
    assert outcome(lambda: scan_path(b"<a@b AUTH=<>", 0, leniencies=LENIENT)) is ADDRESS


@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize(
    "data", [b"<a@b>>", b"<a@b> <c@d>", b"<a@b>,<c@d>", b"<a@b> ", b"a@b c", b"<>x", b"postmaster x"]
)
def test_what_follows_a_path_is_left_to_the_caller_and_refused_by_parse(data: bytes) -> None:
    assert not isinstance(outcome(lambda: scan_path(data, 0, leniencies=LENIENT)), PathFault)
    with pytest.raises(PathError) as caught:
        Path.parse(data)
    assert caught.value.fault is SYNTAX


@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize("octet", [*range(0x20), 0x7F])
def test_a_control_octet_makes_no_address(octet: int) -> None:
    control = bytes([octet])
    for before, behind in ((b"<", b"a@b>"), (b"<a", b"@b>"), (b'<"a', b'"@b>'), (b'<"\\', b'"@b>'), (b"<a@b", b">")):
        for utf8 in (False, True):
            assert refused(before + control + behind, utf8=utf8) is ADDRESS
    assert refused(b"<a@[1.2.3.4" + control + b"]>") is ADDRESS
    assert refused(b"a@b" + control) is ADDRESS
    for unclosed in (b"<a@b" + control, b"<a" + control + b"b"):
        assert refused(unclosed) is ADDRESS


# Beyond ASCII (T-UTF8)

PLACES = ["<%s@b.c>", '<"%s"@b.c>', "<a@%s>", "<a@b.%s>", "<@%s:a@b.c>"]


@pytest.mark.parametrize(
    "place", [*PLACES, "<a@[%s]>", '<"a"%s@b>', "<a@[1.2.3.4]%s>", "<@a%s", "<%s", '<"\\%s"@b.c>', "<a@-%s>"]
)
@pytest.mark.parametrize("octets", [b"\xc3\xbc", b"\xff", b"\x80", b"\xed\xa0\x80"])
def test_an_octet_over_7f_is_a_fault_of_its_own_without_smtputf8(place: str, octets: bytes) -> None:
    assert refused(place.encode().replace(b"%s", octets)) is NON_ASCII
    assert refused(place.encode().replace(b"%s", octets), STRICT) is NON_ASCII


def test_smtputf8_is_not_taken_for_granted() -> None:
    assert outcome(lambda: scan_path("<ü@b.c>".encode(), 0, leniencies=LENIENT)) is NON_ASCII


def test_a_bare_non_ascii_address_is_told_apart_too() -> None:
    assert refused("ü@b.c".encode()) is refused("a@ü".encode()) is NON_ASCII
    assert refused("ü@b.c".encode(), STRICT) is SYNTAX


@pytest.mark.threat("T-UTF8")
@pytest.mark.parametrize(
    "text",
    [
        "<пётр@пример.рф>",
        '<"пётр петров"@пример.рф>',
        "<用户@例子.公司>",
        "<a@" + "例" * 40 + ".x>",  # 120 octets, and as an A-label under 63
        "<\U0001f4e7@b.c>",
        "<u\u0308@b.c>",
        "<\uff41\uff20evil.org@good.org>",  # a full-width @ is a letter of the local part
        "<\ufeff@b.c>",
        "<\U0010ffff@b.c>",
        "<a\u00a0b@c.d>",
    ],
)
def test_smtputf8_addresses_are_read_as_they_are(text: str) -> None:
    local, _, domain = text[1:-1].rpartition("@")
    assert accepted(text.encode(), STRICT, utf8=True) == (local.strip('"'), domain)
    path = Path.parse(text, utf8=True)
    assert not path.is_ascii
    assert path.to_wire() == text.encode()
    assert Path.parse(text[1:-1].replace('"', "").replace(" ", ""), utf8=True).domain == domain


@pytest.mark.threat("T-UTF8")
def test_a_domain_of_another_script_is_folded_in_ascii_only() -> None:
    assert Path("a", "Пример.RU") == Path("a", "Пример.ru") != Path("a", "пример.ru")
    assert Path("a", "\u212a.org") != Path("a", "k.org")
    assert Path("u\u0308", "b") != Path("\u00fc", "b")


@pytest.mark.threat("T-UTF8")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "octets",
    [
        b"\xc0\xae",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc3",
        b"\xe2\x80",
        b"\x80",
        b"\xff",
        *(bytes([0xC2, c1]) for c1 in range(0x80, 0xA0)),
        "\u2028".encode(),
        "\u2029".encode(),
    ],
)
def test_bad_utf8_and_unicode_line_ends_are_refused(place: str, octets: bytes) -> None:
    assert refused(place.encode().replace(b"%s", b"x" + octets), utf8=True) is ADDRESS


def test_a_backslash_quotes_ascii_only() -> None:
    assert refused('<"\\ü"@b.c>'.encode(), utf8=True) is ADDRESS
    assert refused(b'<"\xc3\\\xbc"@b.c>', utf8=True) is ADDRESS
    assert refused(b'<"\xc3\\a"@b.c>', utf8=True) is ADDRESS


def test_limits_beyond_ascii_count_octets_but_for_labels() -> None:
    assert refused("<{}@b.c>".format("ü" * 33).encode(), STRICT, utf8=True) is ADDRESS
    accepted("<{}@b.c>".format("ü" * 32).encode(), STRICT, utf8=True)
    assert refused("<a@{}>".format("ü" * 64).encode(), utf8=True) is ADDRESS
    assert refused("<a@{0}.{0}.{0}>".format("ü" * 43).encode(), utf8=True) is ADDRESS


# Every octet in every place

ATEXT = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")
LET_DIG = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@pytest.mark.parametrize(
    ("before", "behind", "allowed"),
    [
        (b"<x", b"x@b.c>", ATEXT | {*b"."}),
        (b"<", b"x@b.c>", ATEXT),
        (b"<x", b"@b.c>", ATEXT),
        (b"<a@x", b"x.c>", LET_DIG | {*b"-."}),
        (b"<a@", b"x.c>", LET_DIG),
        (b"<a@x.x", b">", LET_DIG),
        (b'<"', b'"@b.c>', frozenset(range(0x20, 0x7F)) - {*b'"\\'}),
        (b'<"\\', b'"@b.c>', frozenset(range(0x20, 0x7F))),
        (b"<@x", b"x.c:a@b>", LET_DIG | {*b"-."}),
        (b"<a@[1.2.3.", b"]>", frozenset(b"0123456789")),
    ],
)
def test_each_place_takes_the_octets_of_its_production(before: bytes, behind: bytes, allowed: frozenset[int]) -> None:
    for utf8 in (False, True):  # no octet over 0x7F is UTF-8 by itself
        taken = set()
        for octet in range(256):
            data = before + bytes([octet]) + behind
            result = scan(data, STRICT, utf8=utf8)
            if not isinstance(result, PathFault) and result[4] == len(data):
                taken.add(octet)
        assert taken == allowed


# The value


def test_a_path_is_read_from_text_and_from_octets_alike() -> None:
    assert Path.parse("<a@b.c>") == Path.parse(b"<a@b.c>") == Path.parse("a@b.c") == Path("a", "b.c")
    assert Path.parse("a@b.c").raw == b"a@b.c"
    with pytest.raises(PathError) as caught:
        Path.parse("<\xe9@b.c>")
    assert caught.value.fault is NON_ASCII
    with pytest.raises(PathError) as caught:
        Path.parse("<\ud800@b.c>", utf8=True)
    assert caught.value.fault is ADDRESS


def test_an_error_is_a_parse_error_and_survives_pickling() -> None:
    with pytest.raises(ParseError) as caught:
        Path.parse("<a")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.fault) == ("angle bracket not closed", SYNTAX)


def test_a_path_is_a_value() -> None:
    path = Path.parse(b"<@r.s:A@B.c>")
    assert path != "A@B.c"
    assert hash(path) not in {hash(Path("a", "b.c")), hash(Path("A", "b.d"))}
    assert len({path, Path("A", "b.C"), Path("a", "b.c")}) == 2
    assert pickle.loads(pickle.dumps(path)).route == ("r.s",)
    match path:
        case Path(local, domain):
            assert (local, domain) == ("A", "B.c")


def test_the_repr_is_ascii_and_the_text_is_the_address() -> None:
    assert repr(Path("a\r\n\u202e", "b.c")) == r"Path('a\r\n\u202e', 'b.c')"
    assert repr(Path.parse("<@r.s:a@b.c>")) == "Path('a', 'b.c', route=('r.s',))"
    assert str(Path("a b", "c.d")) == '"a b"@c.d'
    assert str(Path("", "")) == ""


@pytest.mark.parametrize(
    "path",
    [
        Path("", "b.c"),
        Path("user", ""),
        Path("a b", ""),
        Path("a", "b> SIZE=1 X=<c"),
        Path("a", "b>\r\nRSET"),
        Path("a\r\nRSET", "b"),
        Path("a\x00", "b"),
        Path("a\x85", "b"),
        Path("\ud800", "b"),
        Path("a", "\udcff"),
        Path("a", "b@c"),
        Path("a", "b."),
        Path("a", "[1.2.3]"),
        Path("@r:a", ""),
        Path("a", "b>", (), b"<a@b>"),
    ],
)
def test_nothing_that_is_no_address_is_put_on_the_wire(path: Path) -> None:
    with pytest.raises(PathError):
        path.to_wire()


@pytest.mark.parametrize(
    ("path", "wire"),
    [
        (Path("", ""), b"<>"),
        (Path("Postmaster", ""), b"<Postmaster>"),
        (Path("a", "b.c", ("r.s",)), b"<a@b.c>"),
        (Path('a"\\>b', "b.c"), rb'<"a\"\\>b"@b.c>'),
        (Path("a", "[IPv6:::1]"), b"<a@[IPv6:::1]>"),
    ],
)
def test_a_path_built_by_hand_is_sent_with_the_quoting_it_needs(path: Path, wire: bytes) -> None:
    assert path.to_wire() == wire
    assert path.is_ascii


@pytest.mark.parametrize("name", [b"a", b"a.b", b"1", b"a-b.c", b"d" * 63])
def test_a_domain_is_made_of_labels(name: bytes) -> None:
    assert is_domain(name, leniencies=STRICT)


@pytest.mark.parametrize(
    "name", [b"", b".", b"a.", b".a", b"a..b", b"a-", b"-a", b"a b", b"a\n", b"\xc3\xbc", b"d" * 64, b"[1.2.3.4]"]
)
def test_other_octets_are_no_domain(name: bytes) -> None:
    assert not is_domain(name, leniencies=LENIENT)


def test_an_underscore_in_a_domain_is_a_leniency() -> None:
    assert is_domain(b"a_b.c", leniencies=LENIENT)
    assert not is_domain(b"a_b.c", leniencies=STRICT)


# Properties over any input

PROFILES = st.sampled_from([LENIENT, STRICT]) | st.builds(
    Leniencies,
    bare_address=st.booleans(),
    underscore_domain=st.booleans(),
    loose_dots=st.booleans(),
    long_paths=st.booleans(),
)
PIECES = [
    *(bytes([octet]) for octet in b'<>@.-_,:;[]"\\ a0Z/\t\x00\x7f\x80\xff'),
    *(b"<a@", b"<user@example.org>", b"@b.c>", b"<@a:", b"[1.2.3.4]", b"[IPv6:::1]", b'"a b"', b"postmaster", b"<>"),
    *(b"..", b".-", b"-.", b"\xc3\xbc", b"\xc2\x85", b"a" * 31, b"b" * 32, b"c" * 63, b"d" * 64, b"e.f." * 31),
]
ALMOST_PATHS = st.lists(st.sampled_from(PIECES), max_size=10).map(b"".join)
COMMON_PATHS = st.builds(
    b"<%b@%b>%b".__mod__,
    st.tuples(
        st.text("ab.-_+", max_size=66).map(str.encode),
        st.text("ab.-_1", max_size=66).map(str.encode),
        st.sampled_from([b"", b" SIZE=1", b">", b"\xff"]),
    ),
)


@given(COMMON_PATHS | ALMOST_PATHS | st.binary(max_size=40), st.integers(0, 3), PROFILES, st.booleans())
def test_the_fast_path_and_the_scanner_agree(data: bytes, start: int, leniencies: Leniencies, utf8: bool) -> None:
    def reference() -> tuple[Path, int]:
        scanner = _Scanner(data, start, leniencies, utf8)
        return scanner.path(), scanner.pos

    assert outcome(lambda: scan_path(data, start, leniencies=leniencies, utf8=utf8)) == outcome(reference)


@given(COMMON_PATHS | ALMOST_PATHS, PROFILES, st.booleans())
def test_what_is_read_can_be_sent_and_read_again(data: bytes, leniencies: Leniencies, utf8: bool) -> None:
    try:
        path, end = scan_path(data, 0, leniencies=leniencies, utf8=utf8)
    except PathError:
        return
    assert path.raw == data[:end]
    wire = path.to_wire()
    assert Path.parse(wire, utf8=True) == path
    assert Path(path.local, path.domain).to_wire() in {wire, b'<"' + wire[1:].replace(b"@", b'"@')}


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_path_of_any_text_is_sent_as_itself_or_not_at_all(local: str, domain: str) -> None:
    path = Path(local, domain)
    try:
        wire = path.to_wire()
    except PathError:
        return
    assert Path.parse(wire, utf8=True) == path


@given(ALMOST_PATHS, PROFILES)
def test_utf8_changes_nothing_for_ascii(data: bytes, leniencies: Leniencies) -> None:
    ascii_only = bytes(octet for octet in data if octet < 0x80)
    assert scan(ascii_only, leniencies) == scan(ascii_only, leniencies, utf8=True)


def calls_made(run: Callable[[], object]) -> int:
    """How many calls, of Python or C functions, a piece of code makes; unlike time, the same on any machine."""
    count = 0

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "atoms": lambda n: b"<" + b"a" * n,
    "dots": lambda n: b"<" + b"." * n + b"@b>",
    "dotted atoms": lambda n: b"<" + b"a." * n + b"@b>",
    "quoted pairs": lambda n: b'<"' + b"\\a" * n,
    "quoted pairs, closed": lambda n: b'<"' + b"\\a" * n + b'"@b>',
    "quoted text": lambda n: b'<"' + b"a>" * n,
    "brackets": lambda n: b"<" * n,
    "route": lambda n: b"<" + b"@a," * n,
    "route, closed": lambda n: b"<" + b"@a," * n + b"@a:b@c>",
    "labels": lambda n: b"<a@" + b"a." * n + b">",
    "one label": lambda n: b"<a@" + b"a" * n + b">",
    "hyphens": lambda n: b"<a@" + b"-" * n + b">",
    "literal": lambda n: b"<a@[IPv6:" + b"1:" * n + b"]>",
    "bare": lambda n: b"a" * n + b"@" + b"b." * n,
    "at signs": lambda n: b"a" + b"@" * n,
    "non-ASCII": lambda n: b"<" + b"\xc3\xbc" * n,
    "broken UTF-8": lambda n: b"<" + b"\xc3" * n + b"@b>",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("utf8", [False, True])
def test_hostile_input_costs_steps_in_proportion_to_its_length_at_most(name: str, utf8: bool) -> None:
    def steps(size: int) -> int:
        data = HOSTILE[name](size)
        return calls_made(lambda: outcome(lambda: scan_path(data, 0, leniencies=LENIENT, utf8=utf8)))

    small, large = steps(500), steps(1000)
    assert large <= 2 * small + 10
    assert large <= 40 * 1000


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_of_hostile_input_is_read_to_an_end(name: str) -> None:
    data = HOSTILE[name](1_000_000 // (len(HOSTILE[name](1000)) // 1000))
    assert len(data) >= 1_000_000
    outcome(lambda: scan_path(data, 0, leniencies=LENIENT, utf8=True))
