from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.extensions import Extensions
from smtpcore.replies import EhloReply, EnhancedCode, Reply

LINE_CHARACTERS = st.characters(exclude_characters="".join(map(chr, (*range(9), *range(10, 32), 127))))


def test_a_reply_has_a_code_a_text_and_the_usual_enhanced_code() -> None:
    reply = Reply(250, "fine")
    assert (reply.code, reply.lines, reply.text, reply.enhanced) == (250, ("fine",), "fine", EnhancedCode(2, 0, 0))
    assert Reply(550, ["a", "b"]).text == "a\nb"
    assert Reply(299).enhanced == EnhancedCode(2, 0, 0)
    assert Reply(571, "blocked").enhanced == EnhancedCode(5, 0, 0)
    assert Reply(354).enhanced is None
    assert Reply(550, "no", EnhancedCode(5, 1, 1)) == Reply(550, "no", "5.1.1")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(200, "positive"), (299, "positive"), (300, "intermediate"), (399, "intermediate"), (400, "temporary"),
     (499, "temporary"), (500, "permanent"), (599, "permanent")],
)  # fmt: skip
def test_the_first_digit_is_what_decides(code: int, kind: str) -> None:
    reply = Reply(code)
    kinds = [name for name in ("positive", "intermediate", "temporary", "permanent") if getattr(reply, name)]
    assert kinds == [kind]


def test_a_421_closes_and_others_do_when_told() -> None:
    assert Reply(421).close
    assert not Reply(221).close
    assert Reply(554, close=True).close


def test_a_reply_has_a_line() -> None:
    with pytest.raises(ValueError, match="at least one line"):
        Reply(250, [])


@pytest.mark.parametrize("code", [-250, 0, 199, 600, 2500])
def test_a_code_is_200_to_599(code: int) -> None:
    with pytest.raises(ValueError, match=f"no reply code: {code}"):
        Reply(code)


@pytest.mark.parametrize("control", ["\0", "\x08", "\n", "\r", "\x1b", "\x1f", "\x7f"])
def test_a_line_has_no_control_characters_but_tabs(control: str) -> None:
    with pytest.raises(ValueError, match="control character in the reply text"):
        Reply(250, ["fine", f"a{control}b"])
    assert Reply(250, "a\tb").to_wire() == b"250 2.0.0 a\tb\r\n"


@pytest.mark.parametrize(("code", "enhanced"), [(250, "5.0.0"), (550, "4.1.1"), (354, "2.0.0")])
def test_an_enhanced_code_is_of_the_class_of_the_code(code: int, enhanced: str) -> None:
    with pytest.raises(ValueError, match=f"{enhanced} does not fit the reply code {code}"):
        Reply(code, "x", enhanced)


def test_no_text_is_a_line_of_its_own() -> None:
    assert Reply(250).to_wire() == b"250 2.0.0 \r\n"
    assert Reply(250).to_wire(enhanced=False) == b"250 \r\n"
    assert Reply(334).to_wire() == b"334 \r\n"


def test_a_long_line_is_folded_at_a_space_where_there_is_one() -> None:
    wire = Reply(550, "a" * 400 + " " + "b" * 400, "5.1.1").to_wire()
    assert wire == b"550-5.1.1 " + b"a" * 400 + b"\r\n550 5.1.1 " + b"b" * 400 + b"\r\n"
    room = 512 - len("550 5.1.1 \r\n")
    wire = Reply(550, "a" * room + " b", "5.1.1").to_wire()
    assert wire == b"550-5.1.1 " + b"a" * room + b"\r\n550 5.1.1 b\r\n"
    wire = Reply(550, "a" * (room + 1), "5.1.1").to_wire()
    assert wire == b"550-5.1.1 " + b"a" * room + b"\r\n550 5.1.1 a\r\n"


ROOM = 512 - len("550 \r\n")
"""Octets of text in a line without an enhanced code."""


def lines_of(text: str, *, utf8: bool = False) -> list[bytes]:
    """The text of each line that a reply is written in."""
    wire = Reply(550, text).to_wire(enhanced=False, utf8=utf8)
    return [line[4:] for line in wire.split(b"\r\n")[:-1]]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a " + "b" * (ROOM - 2), ["a " + "b" * (ROOM - 2)]),
        ("a " + "b" * (ROOM - 1), ["a", "b" * (ROOM - 1)]),
        ("a b " + "c" * (ROOM - 1), ["a b", "c" * (ROOM - 1)]),
        ("a" * (ROOM + 1) + " b", ["a" * ROOM, "a b"]),
        ("a" * 600 + " b", ["a" * ROOM, "a" * (600 - ROOM) + " b"]),
        (" " + "a" * ROOM, [" " + "a" * (ROOM - 1), "a"]),
        ("a" * ROOM * 2, ["a" * ROOM] * 2),
    ],
)
def test_a_line_is_folded_at_the_last_space_that_leaves_no_more_than_fits(text: str, lines: list[str]) -> None:
    assert lines_of(text) == [line.encode() for line in lines]


@pytest.mark.parametrize("character", ["\xe9", "\xf8", "\u20ac", "\u4e2d", "\U0001f600", "\U0001f4e7"])
@pytest.mark.parametrize("before", ["", "a", "aa", "aaa"])
def test_a_line_in_utf8_is_folded_between_characters_as_late_as_can_be(character: str, before: str) -> None:
    text = before + character * 400
    lines = lines_of(text, utf8=True)
    assert "".join(line.decode("utf-8") for line in lines) == text
    assert all(ROOM - len(character.encode()) < len(line) <= ROOM for line in lines[:-1])


def test_characters_beyond_ascii_are_escaped_unless_the_client_can_take_them() -> None:
    reply = Reply(550, "h\xe9\u2028", "5.1.1")
    assert reply.to_wire() == b"550 5.1.1 h\\x{e9}\\x{2028}\r\n"
    assert reply.to_wire(utf8=True) == "550 5.1.1 h\xe9\\x{2028}\r\n".encode()
    assert reply.to_wire(utf8=True, enhanced=False) == "550 h\xe9\\x{2028}\r\n".encode()
    assert Reply(354, "h\xe9").to_wire(utf8=True) == "354 h\xe9\r\n".encode()
    assert Reply(550, "he", "5.1.1").to_wire(utf8=True) == b"550 5.1.1 he\r\n"


def test_a_challenge_is_one_line() -> None:
    assert Reply(334, "A" * 2000).to_wire() == b"334 " + b"A" * 2000 + b"\r\n"


def test_the_octets_are_made_once() -> None:
    reply = Reply(250, "fine")
    assert reply.to_wire() is reply.to_wire()
    assert reply.to_wire(enhanced=False) is reply.to_wire(enhanced=False)


def test_replies_are_equal_by_all_they_say() -> None:
    assert Reply(250, "a") == Reply(250, ["a"], "2.0.0")
    assert hash(Reply(250, "a")) == hash(Reply(250, ["a"], "2.0.0"))
    for other in (Reply(251, "a", "2.0.0"), Reply(250, "b"), Reply(250, "a", "2.1.0"), Reply(250, "a", close=True)):
        assert Reply(250, "a") != other
        assert hash(Reply(250, "a")) != hash(other)
    assert Reply(250, "a") != "250 a"


def test_a_repr_can_be_read() -> None:
    assert repr(Reply(250, "a")) == "Reply(250, 'a', '2.0.0')"
    assert repr(Reply(354, ["a", "b"])) == "Reply(354, ['a', 'b'])"
    assert repr(Reply(421, "a")) == "Reply(421, 'a', '4.3.2', close=True)"


def test_an_enhanced_code_is_three_numbers() -> None:
    assert str(EnhancedCode.parse("5.1.10")) == "5.1.10"
    assert EnhancedCode.parse("4.0.999") == EnhancedCode(4, 0, 999)
    assert EnhancedCode.parse("2.999.0") == EnhancedCode(2, 999, 0)
    for numbers in [(3, 0, 0), (0, 0, 0), (5, 1000, 0), (5, 0, 1000), (5, -1, 0), (5, 0, -1)]:
        with pytest.raises(ValueError, match="no enhanced status code"):
            EnhancedCode(*numbers)


@pytest.mark.parametrize(
    "text", ["", "2", "2.0", "3.0.0", "2.00.0", "2.0.01", "2.1000.0", "2.0.0 ", "2.0.0.0", "2.0.\u0660"]
)
def test_other_texts_are_no_enhanced_code(text: str) -> None:
    with pytest.raises(ValueError, match="no enhanced status code"):
        EnhancedCode.parse(text)


def test_an_ehlo_reply_is_the_name_and_what_is_announced() -> None:
    extensions = Extensions({"PIPELINING": "", "SIZE": "10"})
    reply = EhloReply("mx.example.org", extensions, "hello there")
    assert reply.extensions is extensions
    assert reply.to_wire(enhanced=False) == b"250-mx.example.org hello there\r\n250-PIPELINING\r\n250 SIZE 10\r\n"
    assert EhloReply("mx.example.org", Extensions()).to_wire(enhanced=False) == b"250 mx.example.org\r\n"


def test_an_ehlo_reply_that_was_received_says_what_the_reply_said() -> None:
    extensions = Extensions({"SIZE": "10"})
    reply = Reply(250, ["mx.example.org", "SIZE 10"], "2.5.0")
    received = EhloReply.received(reply, extensions)
    assert (received.code, received.lines, received.enhanced) == (reply.code, reply.lines, reply.enhanced)
    assert received.extensions is extensions


@pytest.mark.conformance("C048")
def test_an_ehlo_line_that_would_have_to_be_folded_is_refused() -> None:
    names = " ".join(f"MECHANISM-{number}" for number in range(200))
    with pytest.raises(ValueError, match="over 512 octets"):
        EhloReply("mx.example.org", Extensions({"AUTH": names}))
    EhloReply("mx.example.org", Extensions({"AUTH": "x" * 501}))
    with pytest.raises(ValueError, match="over 512 octets"):
        EhloReply("mx.example.org", Extensions({"AUTH": "x" * 502}))


def test_an_ehlo_line_is_ascii() -> None:
    with pytest.raises(ValueError, match="not ASCII"):
        EhloReply("mx.example.org", Extensions(), "é" * 200)


@given(st.integers(200, 599), st.lists(st.text(LINE_CHARACTERS), min_size=1, max_size=4), st.booleans())
def test_whatever_the_text_the_octets_are_one_reply(code: int, lines: list[str], enhanced: bool) -> None:
    reply = Reply(code, lines)
    for utf8 in (False, True):
        wire = reply.to_wire(enhanced=enhanced, utf8=utf8)
        written = wire.split(b"\r\n")
        assert written.pop() == b""
        for number, line in enumerate(written):
            assert line.startswith(b"%d%s" % (code, b" " if number == len(written) - 1 else b"-"))
            assert len(line) <= 510 or code == 334
            assert not any((octet < 32 and octet != 9) or octet == 127 for octet in line)
            assert utf8 or line.isascii()
            line.decode("utf-8")
