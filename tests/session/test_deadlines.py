"""Deadlines: many run at once, the earliest shows, and time that is not the peer's is not charged to it."""

from __future__ import annotations

import pytest

from smtpcore import BodySink, Handler, ServerConfig, Timeouts, handler
from smtpcore.session import Send, StartTls
from tests.session.driver import Dialogue, Later, config, later

TIMEOUT = "421 4.4.2 mx.test Timeout\r\n"


def timed(**timeouts: float | None) -> ServerConfig:
    return config(timeouts=Timeouts(**timeouts))  # type: ignore[arg-type]


def cause(dialogue: Dialogue) -> str:
    return str(dialogue.session.cause)


def test_a_timeout_that_is_told_too_early_changes_nothing() -> None:
    dialogue = Dialogue().ready()
    deadline = dialogue.session.deadline
    dialogue.session.timed_out()
    assert dialogue.run() == ""
    assert dialogue.receiving
    assert dialogue.session.deadline == deadline


# Idle.


@pytest.mark.conformance("C079", "C319")
def test_a_command_may_take_five_minutes_and_then_it_is_421() -> None:
    dialogue = Dialogue().ready()
    assert dialogue.session.deadline == dialogue.now + 300
    assert dialogue.wait(299) == ""
    assert dialogue.wait(1) == TIMEOUT
    assert dialogue.closing
    assert cause(dialogue) == "timeout: idle"


@pytest.mark.conformance("C321")
@pytest.mark.threat("T-SLOW")
def test_octets_of_a_command_do_not_restart_the_idle_time() -> None:
    dialogue = Dialogue().ready()
    written = ""
    for _ in range(9):
        written += dialogue.feed(b"N") + dialogue.wait(30)
    assert written == ""
    assert dialogue.feed(b"N") + dialogue.wait(30) == TIMEOUT


def test_a_complete_line_restarts_the_idle_time_from_its_reply() -> None:
    dialogue = Dialogue().ready()
    dialogue.wait(200)
    assert dialogue.say("NOOP") == "250 2.0.0 OK\r\n"
    assert dialogue.session.deadline == dialogue.now + 300


def test_the_time_of_a_hook_is_not_idle_time() -> None:
    dialogue = Dialogue(timed(hook=1000), handler(mail=later)).ready()
    dialogue.wait(299)
    dialogue.say("MAIL FROM:<>")
    assert dialogue.wait(900) == ""
    dialogue.answer()
    assert dialogue.session.deadline == dialogue.now + 300


def test_the_time_of_a_full_output_buffer_is_not_idle_time() -> None:
    dialogue = Dialogue(timed(write=1000)).ready()
    dialogue.stalled = True
    dialogue.say("NOOP")
    dialogue.wait(900)
    assert isinstance(dialogue.step, Send)
    dialogue.stalled = False
    dialogue.run()
    assert dialogue.session.deadline == dialogue.now + 300


def test_idle_after_an_error_may_be_shorter() -> None:
    dialogue = Dialogue(timed(idle_after_error=60)).ready()
    assert dialogue.session.deadline == dialogue.now + 300
    dialogue.say("XYZZY")
    assert dialogue.session.deadline == dialogue.now + 60
    dialogue.say("NOOP")
    assert dialogue.session.deadline == dialogue.now + 60


def test_idle_runs_in_an_exchange_too() -> None:
    settings = config(mechanisms=("LOGIN",), plaintext_auth_without_tls=True)
    dialogue = Dialogue(settings).ready()
    dialogue.say("AUTH LOGIN")
    assert dialogue.wait(300) == TIMEOUT


def test_without_an_idle_limit_nothing_runs() -> None:
    assert Dialogue(timed(idle=None)).ready().session.deadline is None


# Content.


@pytest.mark.threat("T-SLOW")
def test_a_block_is_timed_from_the_last_octet() -> None:
    dialogue = Dialogue().in_data()
    assert dialogue.session.deadline == dialogue.now + 180
    dialogue.wait(179)
    dialogue.feed(b"x")
    assert dialogue.session.deadline == dialogue.now + 180
    assert dialogue.wait(180) == TIMEOUT
    assert cause(dialogue) == "timeout: block"


def test_asking_again_does_not_restart_the_block() -> None:
    dialogue = Dialogue().in_data()
    deadline = dialogue.session.deadline
    dialogue.now += 100
    dialogue.run()
    assert dialogue.session.deadline == deadline


def test_idle_does_not_run_while_content_comes() -> None:
    dialogue = Dialogue().in_data()
    for _ in range(10):
        assert dialogue.wait(100) == ""
        dialogue.feed(b"x")
    assert dialogue.say("", ".").startswith("250 ")
    assert dialogue.session.deadline == dialogue.now + 300


@pytest.mark.threat("T-SLOW")
def test_the_whole_content_has_a_limit_that_always_runs() -> None:
    dialogue = Dialogue(timed(data=600)).in_data()
    start = dialogue.now
    for _ in range(5):
        dialogue.wait(100)
        dialogue.feed(b"x\r\n")
    assert dialogue.session.deadline == start + 600
    assert dialogue.wait(100) == TIMEOUT
    assert cause(dialogue) == "timeout: data"


def test_the_limit_of_the_content_ends_with_the_content() -> None:
    dialogue = Dialogue(timed(data=10)).in_data()
    dialogue.say(".")
    assert dialogue.wait(200) == ""


@pytest.mark.threat("T-SLOW")
def test_content_that_comes_too_slowly_is_421() -> None:
    dialogue = Dialogue(timed(min_rate=10, rate_window=60)).in_data()
    start = dialogue.now
    dialogue.wait(30)
    dialogue.feed(b"x" * 599)
    assert dialogue.session.deadline == start + 60
    assert dialogue.wait(30) == TIMEOUT
    assert cause(dialogue) == "timeout: rate"


def test_content_that_comes_fast_enough_begins_a_new_window() -> None:
    dialogue = Dialogue(timed(min_rate=10, rate_window=60)).in_data()
    start = dialogue.now
    dialogue.wait(30)
    dialogue.feed(b"x" * 600)
    assert dialogue.wait(30) == ""
    assert dialogue.receiving
    assert dialogue.session.deadline == start + 120
    assert dialogue.wait(60) == TIMEOUT


def test_the_rate_is_charged_only_while_the_session_waits_for_the_peer() -> None:
    class Slow(BodySink):
        def write(self, chunk: bytes) -> Later:  # type: ignore[override]
            return Later()

    dialogue = Dialogue(timed(min_rate=10, rate_window=60, hook=500), handler(data=lambda *_: Slow())).in_data()
    dialogue.wait(20)
    dialogue.feed(b"x" * 100)
    dialogue.asked("write")
    assert dialogue.wait(400) == ""
    dialogue.answer()
    assert dialogue.receiving
    # 20 of the 60 seconds were the peer's.
    assert dialogue.session.deadline == dialogue.now + 40


def test_octets_that_come_when_the_window_is_over_are_judged_by_the_window() -> None:
    dialogue = Dialogue(timed(min_rate=10, rate_window=60)).in_data()
    dialogue.now += 90  # the timer of the adapter is late
    dialogue.feed(b"x" * 600)
    assert dialogue.wait(0) == ""
    assert dialogue.session.deadline == dialogue.now + 60


def test_each_message_has_a_window_of_its_own() -> None:
    dialogue = Dialogue(timed(min_rate=10, rate_window=60)).in_data()
    dialogue.wait(50)
    dialogue.say(".")
    dialogue.wait(50)
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA")
    assert dialogue.session.deadline == dialogue.now + 60


# The session, and several at once.


@pytest.mark.threat("T-SLOW")
def test_the_whole_session_has_a_limit_that_always_runs() -> None:
    dialogue = Dialogue(timed(session=1000, hook=5000), handler(mail=later)).ready()
    dialogue.wait(250)
    dialogue.say("NOOP")
    dialogue.wait(250)
    dialogue.say("MAIL FROM:<>")
    ask = dialogue.asked("mail")
    assert dialogue.wait(500) == TIMEOUT
    assert dialogue.step is not ask
    assert dialogue.closing
    assert cause(dialogue) == "timeout: session"


def test_all_deadlines_run_at_once_and_the_earliest_shows() -> None:
    dialogue = Dialogue(timed(session=3600, data=1800, block=180, min_rate=1, rate_window=60, idle=300))
    begin = dialogue.now
    dialogue.in_data()
    expected = {"rate": 60.0, "block": 180.0, "data": 1800.0, "session": 3600.0}
    seen = {}
    for name in list(expected):
        deadline = dialogue.session.deadline
        assert deadline is not None
        seen[name] = deadline - begin
        dialogue.session.timers.stop(name)
    assert seen == expected


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("idle", {"idle": 10, "session": 11}),
        ("session", {"idle": 11, "session": 10}),
        ("block", {"block": 10, "data": 11, "session": 12}),
        ("data", {"block": 11, "data": 10, "session": 12, "min_rate": 1, "rate_window": 12}),
        ("rate", {"block": 11, "data": 13, "session": 12, "min_rate": 1, "rate_window": 10}),
    ],
)
def test_the_one_that_is_over_first_says_421_and_is_the_cause(name: str, settings: dict[str, float]) -> None:
    dialogue = Dialogue(timed(**settings))
    dialogue = dialogue.ready() if name == "idle" or "block" not in settings else dialogue.in_data()
    assert dialogue.wait(10) == TIMEOUT
    assert cause(dialogue) == f"timeout: {name}"
    assert dialogue.wait(10) == ""


def test_of_several_that_are_found_over_at_once_the_earliest_is_the_cause() -> None:
    settings = timed(session=1000, data=500, block=180, min_rate=1, rate_window=60)
    dialogue = Dialogue(settings).in_data()
    dialogue.now += 5000
    dialogue.session.timed_out()
    assert dialogue.run() == TIMEOUT
    assert cause(dialogue) == "timeout: rate"
    dialogue = Dialogue(settings).in_data()
    dialogue.feed(b"x" * 100)
    dialogue.now += 5000
    dialogue.session.timed_out()
    assert dialogue.run() == TIMEOUT
    assert cause(dialogue) == "timeout: block"
    assert dialogue.session.deadline is None


# Write, handshake, hooks.


@pytest.mark.threat("T-SLOW")
def test_a_peer_that_does_not_read_is_cut_off_without_a_word() -> None:
    dialogue = Dialogue().ready()
    dialogue.stalled = True
    dialogue.say("NOOP")
    assert dialogue.session.deadline == dialogue.now + 180
    dialogue.wait(180)
    assert dialogue.cut
    assert cause(dialogue) == "timeout: write"
    assert dialogue.session.deadline is None


def test_a_peer_that_does_not_read_its_421_is_cut_off_too() -> None:
    dialogue = Dialogue(timed(session=1000)).ready()
    dialogue.stalled = True
    dialogue.wait(300)
    assert isinstance(dialogue.step, Send)
    dialogue.wait(180)
    assert dialogue.closing
    assert cause(dialogue) == "timeout: write"


@pytest.mark.parametrize("implicit", [False, True])
def test_a_handshake_that_takes_too_long_is_closed_without_a_word(implicit: bool) -> None:
    dialogue = Dialogue(config(starttls=not implicit, implicit_tls=implicit))
    if implicit:
        dialogue.run()
    else:
        dialogue.ready().say("STARTTLS")
    assert isinstance(dialogue.step, StartTls)
    assert dialogue.session.deadline == dialogue.now + 60
    assert dialogue.wait(60) == ""
    assert dialogue.cut
    assert cause(dialogue) == "timeout: handshake"


def test_the_session_limit_runs_during_a_handshake_and_not_an_octet_is_said() -> None:
    dialogue = Dialogue(config(starttls=True, timeouts=Timeouts(session=30))).ready()
    dialogue.say("STARTTLS")
    assert dialogue.wait(30) == ""
    assert dialogue.closing
    assert dialogue.session.deadline is None
    assert cause(dialogue) == "timeout: session"


def test_a_message_hook_has_more_time_than_others() -> None:
    class Slow(Handler):
        mail = message = disconnect = later  # type: ignore[assignment]

    dialogue = Dialogue(handler=Slow()).ready()
    dialogue.say("MAIL FROM:<>")
    assert dialogue.session.deadline == dialogue.now + 100
    dialogue.answer()
    dialogue.say("RCPT TO:<b@mx.test>", "DATA")
    dialogue.say("x", ".")
    assert dialogue.session.deadline == dialogue.now + 600
    assert dialogue.wait(600) == "451 4.3.0 Local error in processing\r\n"
    dialogue.say("QUIT")
    dialogue.close()
    assert dialogue.session.deadline == dialogue.now + 100
    dialogue.wait(100)
    assert dialogue.over
    assert dialogue.session.deadline is None


def test_each_write_of_a_sink_has_its_own_time() -> None:
    class Slow(BodySink):
        def write(self, chunk: bytes) -> Later:  # type: ignore[override]
            return Later()

    dialogue = Dialogue(handler=handler(data=lambda *_: Slow())).in_data()
    for _ in range(3):
        dialogue.say("x")
        dialogue.wait(99)
        dialogue.answer()
    dialogue.say("x")
    dialogue.wait(100)
    assert dialogue.receiving
    assert dialogue.say(".") == "451 4.3.0 Local error in processing\r\n"


def test_a_hook_without_a_limit_may_take_forever() -> None:
    dialogue = Dialogue(timed(hook=None), handler(mail=later)).ready()
    dialogue.say("MAIL FROM:<>")
    assert dialogue.session.deadline is None
