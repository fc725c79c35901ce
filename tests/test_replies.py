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
    for numbers in [(3, 0, 0), (0, 0, 0), (5, 1000, 0), (5, 0, 1000), (5, -1, 0), (5, 0, -1)]:
        with pytest.raises(ValueError, match="no enhanced status code"):
            EnhancedCode(*numbers)


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
