"""C152 to C161: what a reply looks like on the wire."""

from __future__ import annotations

import pytest

from smtpcore.replies import Reply
from tests.wire import HELO, converse, last


@pytest.mark.conformance("C152")
@pytest.mark.parametrize("code", [-1, 0, 20, 99, 100, 199, 600, 999, 2500])
def test_a_code_has_three_digits_and_begins_with_two_to_five(code: int) -> None:
    with pytest.raises(ValueError, match="no reply code"):
        Reply(code, "x")


@pytest.mark.conformance("C153", "C157")
def test_all_lines_have_the_code_and_the_enhanced_code() -> None:
    assert Reply(550, ["a", "b", "c"], "5.1.1").to_wire() == b"550-5.1.1 a\r\n550-5.1.1 b\r\n550 5.1.1 c\r\n"


@pytest.mark.conformance("C154")
@pytest.mark.parametrize("text", ["x" * 2000, "word " * 400, " " * 2000, "x" * 497, "é" * 1000, ["x" * 600] * 3])
@pytest.mark.parametrize("enhanced", [True, False])
def test_no_line_is_over_512_octets(text: str | list[str], enhanced: bool) -> None:
    wire = Reply(550, text, "5.123.456").to_wire(enhanced=enhanced)
    lines = wire.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 510 for line in lines)
    assert all(line.startswith(b"550-5.123.456 " if enhanced else b"550-") for line in lines[:-1])
    assert lines[-1].startswith(b"550 5.123.456 " if enhanced else b"550 ")


@pytest.mark.conformance("C155")
@pytest.mark.threat("T-REPLY")
@pytest.mark.parametrize("octet", [octet for octet in (*range(0x20), 0x7F) if octet != 9])
def test_no_control_character_gets_into_a_reply(octet: int) -> None:
    with pytest.raises(ValueError, match="control character"):
        Reply(250, f"a{chr(octet)}250 2.0.0 ok")
    with pytest.raises(ValueError, match="control character"):
        Reply(250, ["fine", chr(octet)])


@pytest.mark.conformance("C155")
@pytest.mark.threat("T-REPLY")
def test_a_cr_and_lf_in_the_text_cannot_begin_another_reply() -> None:
    with pytest.raises(ValueError, match="control character"):
        Reply(550, "no <a@b.c>\r\n250 2.0.0 ok")


@pytest.mark.conformance("C156")
@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("é", b"550 5.1.1 \\x{e9}\r\n"),
        ("\u2028\u0085", b"550 5.1.1 \\x{2028}\\x{85}\r\n"),
        ("\ud800", b"550 5.1.1 \\x{d800}\r\n"),
        ("a\tb", b"550 5.1.1 a\tb\r\n"),
    ],
)
def test_what_is_not_ascii_is_written_in_ascii(text: str, wire: bytes) -> None:
    assert Reply(550, text, "5.1.1").to_wire() == wire


@pytest.mark.conformance("C158")
@pytest.mark.parametrize(("code", "enhanced"), [(550, "4.1.1"), (250, "5.0.0"), (450, "2.0.0"), (354, "2.0.0")])
def test_an_enhanced_code_has_the_class_of_the_code(code: int, enhanced: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Reply(code, "x", enhanced)


@pytest.mark.conformance("C159")
@pytest.mark.parametrize("code", [334, 354, 355])
def test_a_3yz_has_no_enhanced_code(code: int) -> None:
    assert Reply(code, "x").enhanced is None
    assert Reply(code, "x").to_wire() == b"%d x\r\n" % code


@pytest.mark.conformance("C160")
def test_who_says_helo_gets_enhanced_codes_too() -> None:
    assert last(HELO, b"NOOP") == "250 2.0.0"


def test_without_the_extension_there_are_none() -> None:
    assert converse(b"NOOP\r\nXYZZY\r\n", enhanced_codes=False).output == b"250 OK\r\n500 Command unknown\r\n"


@pytest.mark.conformance("C161")
@pytest.mark.parametrize(
    "text",
    ["5.01.1", "5.1.01", "05.1.1", "5.1", "5.1.1 ", "3.1.1", "5.1000.1", "5.-1.1", "5.\u0661.1", "5.1.1\n"],
)
def test_an_enhanced_code_has_no_leading_zeros_or_anything_odd(text: str) -> None:
    with pytest.raises(ValueError, match="no enhanced status code"):
        Reply(550, "x", text)
