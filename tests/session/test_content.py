"""Content that is collected: sizes, defects, and the memory of all sessions together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smtpcore import BodySink, Defect, Envelope, Gate, Limits, Reply, ServerConfig, handler
from tests.session.driver import Dialogue, config, later

TOO_BIG = "552 5.3.4 Message size exceeds the limit\r\n"
BARE = "554 5.6.0 Bare CR, bare LF or NUL in the content\r\n"
FULL = "452 4.3.1 Insufficient system storage\r\n"


def sized(limit: int, **settings: object) -> ServerConfig:
    return config(limits=Limits(max_message_size=limit), **settings)


def taking(settings: ServerConfig | None = None, **arguments: Any) -> tuple[Dialogue, list[Envelope]]:
    """A dialogue before its content, and the envelopes of the messages."""
    got: list[Envelope] = []
    hooks = handler(message=lambda session, envelope: got.append(envelope))
    return Dialogue(settings, hooks, **arguments).in_data(), got


def test_the_message_hook_gets_the_whole_message_as_it_was_sent() -> None:
    dialogue, got = taking()
    dialogue.feed(b"Subject: x\r\n\r\n..dot")
    assert dialogue.say("", ".") == "250 2.0.0 Message accepted\r\n"
    [envelope] = got
    assert envelope.content == b"Subject: x\r\n\r\n.dot\r\n"
    assert envelope.size == 20
    assert envelope.defects == Defect(0)
    assert envelope.id == "000102030405.1"
    assert envelope.mail.path.address == "a@client.test"
    assert [rcpt.path.address for rcpt in envelope.recipients] == ["b@mx.test"]


@pytest.mark.conformance("C081", "C137")
def test_each_message_has_an_envelope_of_its_own() -> None:
    dialogue, got = taking()
    dialogue.say("one", ".")
    assert dialogue.say("DATA").startswith("503 ")
    for text in "two", "three":
        dialogue.say("MAIL FROM:<>", "RCPT TO:<c@mx.test>", "RCPT TO:<c@mx.test>", "DATA")
        dialogue.say(text, ".")
    assert [envelope.content for envelope in got] == [b"one\r\n", b"two\r\n", b"three\r\n"]
    assert [envelope.id[-1] for envelope in got] == ["1", "2", "3"]
    assert [len(envelope.recipients) for envelope in got] == [1, 2, 2]


@pytest.mark.conformance("C140")
def test_the_hook_is_asked_as_soon_as_the_end_is_read() -> None:
    dialogue = Dialogue(handler=handler(message=later)).in_data()
    dialogue.feed(b"hi\r\n.\r\n")
    dialogue.asked("message")
    assert dialogue.session.deadline == dialogue.now + 600


# Size.


@pytest.mark.conformance("C142", "C187")
def test_too_big_is_told_once_at_the_end_and_nothing_is_delivered() -> None:
    dialogue, got = taking(sized(1000))
    assert dialogue.feed(b"x" * 1200) == ""
    assert dialogue.feed(b"x" * 800) == ""
    assert dialogue.say("", ".", "NOOP") == TOO_BIG + "250 2.0.0 OK\r\n"
    assert got == []


@pytest.mark.conformance("C187")
def test_stuffing_and_the_final_dot_do_not_count_and_line_ends_do() -> None:
    dialogue, got = taking(sized(3))
    assert dialogue.feed(b"..\r\n.\r\n").startswith("250 ")
    assert got[0].content == b".\r\n"
    dialogue, got = taking(sized(3))
    assert dialogue.feed(b"aa\r\n.\r\n") == TOO_BIG


@pytest.mark.threat("T-FLOOD")
def test_far_too_big_ends_the_connection() -> None:
    dialogue, _ = taking(sized(1000))
    drain = dialogue.session.config.limits.max_drain
    assert drain == 2000 + 1024 * 1024
    assert dialogue.feed(b"x" * drain) == ""
    assert dialogue.feed(b"x") == "421 4.7.0 mx.test The message is far too big\r\n"
    assert dialogue.closing


def test_without_a_limit_nothing_is_too_big() -> None:
    dialogue, got = taking(sized(0))
    for _ in range(40):
        dialogue.feed(b"x" * 1_000_000)
    assert dialogue.say("", ".").startswith("250 ")
    assert got[0].size == 40_000_002
    assert dialogue.session.config.limits.max_drain is None


def test_the_limit_of_one_message_is_no_limit_of_the_next() -> None:
    dialogue, got = taking(sized(10))
    assert dialogue.say("too much of it", ".") == TOO_BIG
    dialogue.say("MAIL FROM:<>", "RCPT TO:<c@mx.test>", "DATA")
    assert dialogue.say("fine", ".").startswith("250 ")
    assert [envelope.content for envelope in got] == [b"fine\r\n"]


# What may not be in it.


@pytest.mark.threat("T-EOD")
@pytest.mark.parametrize("octets", [b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n", b"a\r\r\n"])
def test_bare_newlines_and_nul_are_refused_at_the_true_end(octets: bytes) -> None:
    dialogue, got = taking()
    assert dialogue.feed(octets) == ""
    assert dialogue.say(".", "NOOP") == BARE + "250 2.0.0 OK\r\n"
    assert got == []


@pytest.mark.threat("T-EOD")
@pytest.mark.parametrize("octets", [b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n", b"a\r\r\n"])
def test_they_may_close_the_connection_at_once(octets: bytes) -> None:
    dialogue, got = taking(config(bare_newlines="close"))
    assert dialogue.feed(octets) == "421 4.7.0 mx.test Bare CR, bare LF or NUL\r\n"
    assert dialogue.closing
    assert got == []


@pytest.mark.threat("T-EOD")
def test_they_may_pass_with_a_mark() -> None:
    dialogue, got = taking(config(bare_newlines="pass"))
    assert dialogue.feed(b"a\nb\rc\0\xff\r\n.\r\n").startswith("250 ")
    assert got[0].content == b"a\nb\rc\0\xff\r\n"
    assert got[0].defects == Defect.BARE_LF | Defect.BARE_CR | Defect.NUL | Defect.EIGHT_BIT


def test_long_lines_pass_with_a_mark_or_are_refused() -> None:
    dialogue, got = taking()
    assert dialogue.say("x" * 999, ".").startswith("250 ")
    assert got[0].defects == Defect.LONG_LINE
    dialogue, got = taking(config(long_lines="reject"))
    assert dialogue.say("x" * 999, ".") == "554 5.6.0 Text line over 1000 octets in the content\r\n"
    dialogue.say("MAIL FROM:<>", "RCPT TO:<c@mx.test>", "DATA")
    assert dialogue.say("x" * 998, ".").startswith("250 ")


@pytest.mark.conformance("C143")
def test_a_message_without_any_header_is_accepted() -> None:
    assert Dialogue().in_data().say(".").startswith("250 ")


# Memory.


def test_content_that_no_hook_asks_for_is_not_kept() -> None:
    gate = Gate(max_collected=1)
    dialogue = Dialogue(gate=gate).in_data()
    dialogue.feed(b"x" * 100_000)
    assert gate.collected == 0
    assert dialogue.say("", ".").startswith("250 ")


@pytest.mark.threat("T-FLOOD")
def test_the_memory_of_all_sessions_together_is_bounded() -> None:
    gate = Gate(max_collected=1000)
    first, got = taking(gate=gate)
    second, others = taking(gate=gate)
    first.feed(b"x" * 600)
    assert gate.collected == 600
    second.feed(b"y" * 600)
    assert gate.collected == 600
    assert second.feed(b"y" * 100 + b"\r\n.\r\n") == FULL
    assert others == []
    assert first.say("", ".").startswith("250 ")
    assert gate.collected == 0
    assert len(got) == 1
    second.say("MAIL FROM:<>", "RCPT TO:<c@mx.test>", "DATA")
    assert second.say("fine now", ".").startswith("250 ")


def test_when_nothing_is_left_data_is_refused() -> None:
    gate = Gate(max_collected=10)
    first, _ = taking(gate=gate)
    first.feed(b"x" * 10)
    hooks = {"message": lambda *_: None}
    assert Dialogue(gate=gate, handler=handler(**hooks)).mailing().say("DATA") == FULL  # type: ignore[arg-type]
    # A message that is streamed needs none.
    streaming = handler(data=lambda *_: BodySink(), **hooks)  # type: ignore[arg-type]
    assert Dialogue(gate=gate, handler=streaming).mailing().say("DATA").startswith("354 ")
    # And a 354 with a text of its own is a yes to a collected one, which has to wait like any other.
    own = handler(data=lambda *_: Reply(354, "Go on"), **hooks)  # type: ignore[arg-type]
    dialogue = Dialogue(gate=gate, handler=own).mailing()
    dialogue.say("DATA")
    assert dialogue.say("x", ".") == FULL


def test_memory_is_given_back_in_every_ending() -> None:
    gate = Gate(max_collected=10_000)
    endings: list[Callable[[Dialogue], str]] = [
        lambda d: d.say("."),
        lambda d: d.end_input(),
        lambda d: d.close(ConnectionResetError()),
        lambda d: d.wait(180),
        lambda d: d.feed(b"x\ny\r\n.\r\n"),
        lambda d: d.feed(b"x" * 3000),
    ]
    for ending in endings:
        dialogue, _ = taking(sized(2000), gate=gate)
        dialogue.feed(b"hello\r\n")
        assert gate.collected == 7
        ending(dialogue)
        assert gate.collected == 0
        dialogue.close()
        assert gate.open == 0


def test_memory_is_kept_while_the_message_hook_decides() -> None:
    gate = Gate(max_collected=10)
    dialogue = Dialogue(handler=handler(message=later), gate=gate).in_data()
    dialogue.feed(b"hello\r\n.\r\n")
    assert gate.collected == 7
    dialogue.close(ConnectionResetError())
    assert gate.collected == 7
    dialogue.answer()
    assert gate.collected == 0
