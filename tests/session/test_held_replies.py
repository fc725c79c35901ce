"""Replies are held while there is more to answer, and not a moment longer (RFC 2920)."""

from __future__ import annotations

import pytest

from smtpcore import Limits, Reply, ServerConfig, Timeouts, handler
from smtpcore.session import Send
from tests.session.driver import PLAIN_BOB, Dialogue, config, later


def sends(dialogue: Dialogue, *lines: str) -> list[str]:
    """What each Send has, answering these lines in one piece."""
    before = len(dialogue.writes)
    dialogue.say(*lines)
    return ["".join(f"{line[:3]} " for line in data.decode().splitlines()).strip() for data in dialogue.writes[before:]]


@pytest.mark.conformance("C170")
def test_replies_come_in_order() -> None:
    written = (
        Dialogue()
        .ready()
        .say("MAIL FROM:<a@b.example>", "RCPT TO:<b@mx.test>", "RCPT TO:<", "RSET", "NOOP", "XYZZY", "VRFY x", "QUIT")
    )
    assert [line[:3] for line in written.splitlines()] == ["250", "250", "501", "250", "250", "500", "252", "221"]


@pytest.mark.conformance("C171")
def test_a_command_that_fails_in_the_middle_takes_nothing_with_it() -> None:
    hooks = handler(mail=lambda *_: Reply(550, "No"))
    written = Dialogue(handler=hooks).ready().say("MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA", "NOOP")
    assert [line[:3] for line in written.splitlines()] == ["550", "503", "503", "250"]


@pytest.mark.conformance("C172", "C174")
def test_a_group_is_answered_in_one_send_when_the_input_is_used_up() -> None:
    dialogue = Dialogue().ready()
    assert sends(dialogue, "MAIL FROM:<>", *["RCPT TO:<b@mx.test>"] * 20, "RSET") == [" ".join(["250"] * 22)]


@pytest.mark.conformance("C172")
def test_a_line_that_is_not_complete_holds_nothing_back() -> None:
    dialogue = Dialogue().ready()
    assert dialogue.feed(b"MAIL FROM:<>\r\nRCPT TO:<b@mx").startswith("250 2.1.0 ")
    assert dialogue.feed(b".test>\r\n").startswith("250 2.1.5 ")


@pytest.mark.conformance("C173")
@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("EHLO x.test", "250 " * 8),
        ("HELO x.test", "250"),
        ("NOOP", "250"),
        ("VRFY x", "252"),
        ("EXPN x", "502"),
        ("HELP", "214 214 214"),
        ("TURN", "502"),
        ("XYZZY", "500"),
        ("STARTTLS x", "501"),
        (PLAIN_BOB, "535"),
        ("AUTH PLAIN", "334"),
        ("QUIT", "221"),
    ],
)
def test_a_reply_that_ends_a_group_is_not_held_back(line: str, reply: str) -> None:
    settings = config(starttls=True, mechanisms=("PLAIN",), plaintext_auth_without_tls=True)
    got = sends(Dialogue(settings).ready(), line, "RSET", "RSET")
    first = got[0].split()
    assert len(set(first)) == 1
    assert first[0] == reply.split()[0]


@pytest.mark.conformance("C173")
def test_data_is_answered_with_what_was_held_before_it() -> None:
    dialogue = Dialogue().ready()
    assert sends(dialogue, "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA") == ["250 250 354"]


@pytest.mark.conformance("C175")
def test_the_next_transaction_may_stand_behind_the_content() -> None:
    dialogue = Dialogue().in_data()
    assert sends(dialogue, "hi", ".", "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA") == ["250 250 250 354"]


@pytest.mark.threat("T-FLOOD")
def test_no_input_is_worked_on_until_a_send_was_taken() -> None:
    asked: list[object] = []
    dialogue = Dialogue(handler=handler(vrfy=lambda *arguments: asked.append(arguments))).ready()
    dialogue.stalled = True
    dialogue.say("VRFY a", "VRFY b")
    assert isinstance(dialogue.step, Send)
    dialogue.run()
    assert len(asked) == 1
    dialogue.session.sent()
    dialogue.run()
    assert len(asked) == 2


def test_what_is_held_goes_out_at_16_kib() -> None:
    dialogue = Dialogue(handler=handler(rcpt=lambda *_: Reply(550, "x" * 400))).ready()
    before = len(dialogue.writes)
    dialogue.say("MAIL FROM:<>", *["RCPT TO:<b@mx.test>"] * 100)
    sizes = [len(data) for data in dialogue.writes[before:]]
    assert len(sizes) == 3
    assert all(16384 <= size < 16384 + 512 for size in sizes[:-1])
    dialogue = Dialogue(config(limits=Limits(max_held_output=0))).ready()
    assert sends(dialogue, "MAIL FROM:<>", "RSET") == ["250", "250"]


@pytest.mark.parametrize(("waited", "first"), [(0.0, ""), (0.9, ""), (1.0, "250 2.1.0 Sender accepted\r\n")])
def test_what_has_waited_a_second_goes_out_before_a_hook_is_waited_for(waited: float, first: str) -> None:
    dialogue = Dialogue(handler=handler(rcpt=later)).ready()
    dialogue.say("MAIL FROM:<>", "RCPT TO:<a@mx.test>", "RCPT TO:<b@mx.test>", "RSET")
    dialogue.asked("rcpt")
    dialogue.now += waited
    written = dialogue.answer()
    dialogue.asked("rcpt")
    assert written == (first + "250 2.1.5 Recipient accepted\r\n" if first else "")
    written = dialogue.answer()
    assert written.endswith("250 2.0.0 OK\r\n")


def test_slow_hooks_one_behind_the_other_hold_nothing_back_for_long() -> None:
    dialogue = Dialogue(handler=handler(rcpt=later)).ready()
    dialogue.say("MAIL FROM:<>", *["RCPT TO:<b@mx.test>"] * 30)
    waits = []
    for _ in range(29):
        dialogue.now += 0.6
        waits.append(len(dialogue.answer().splitlines()))
        dialogue.asked("rcpt")
    # None has waited longer than a second and one hook.
    assert waits[:8] == [0, 3, 0, 0, 3, 0, 0, 3]


def test_how_long_a_reply_waits_can_be_set() -> None:
    dialogue = Dialogue(config(timeouts=Timeouts(reply_wait=0)), handler(rcpt=later)).ready()
    assert dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>").startswith("250 2.1.0 ")
    dialogue.asked("rcpt")


def test_what_is_held_goes_out_before_the_handshake_and_the_close() -> None:
    settings = ServerConfig(starttls=True)
    dialogue = Dialogue(settings).ready()
    assert dialogue.say("MAIL FROM:<>", "RSET", "STARTTLS").count("\r\n") == 3
    dialogue = Dialogue(settings).mailing()
    dialogue.session.receive_data(b"RSET\r\n")
    dialogue.session.receive_data(b"")
    assert dialogue.run() == "250 2.0.0 OK\r\n"
    assert dialogue.closing
