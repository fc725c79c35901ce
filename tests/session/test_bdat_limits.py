"""How much, how long and how often chunks may come."""

from __future__ import annotations

import pytest

from smtpcore import Envelope, Handler, Limits, ServerSession, Timeouts, handler
from tests.session.driver import Dialogue, config, later
from tests.wire import codes

MIB = 1024 * 1024
HUNDRED = b"x" * 100


def limited(**limits: int | None) -> Dialogue:
    return Dialogue(config(limits=Limits(**limits)), Keeper()).mailing()  # type: ignore[arg-type]


def timed(**timeouts: float | None) -> Dialogue:
    return Dialogue(config(timeouts=Timeouts(**timeouts)), Keeper()).mailing()  # type: ignore[arg-type]


class Keeper(Handler):
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        self.sizes.append(len(envelope.content))


def sent(dialogue: Dialogue, data: bytes) -> list[str]:
    return codes(dialogue.feed(data).encode())


# Sizes and counts.


@pytest.mark.conformance("C346")
@pytest.mark.threat("T-PARAM")
def test_a_chunk_over_the_size_limit_is_drained_and_refused_once() -> None:
    dialogue = limited(max_message_size=1000)
    assert sent(dialogue, b"BDAT 2000 LAST\r\n" + b"x" * 2000 + b"NOOP\r\n") == ["552 5.3.4", "250 2.0.0"]
    assert sent(dialogue, b"MAIL FROM:<>\r\n") == ["250 2.1.0"]


@pytest.mark.threat("T-PARAM")
def test_the_limit_is_for_all_chunks_together_and_may_be_reached() -> None:
    dialogue = limited(max_message_size=1000)
    assert sent(dialogue, b"BDAT 900\r\n" + b"x" * 900) == ["250 2.0.0"]
    assert sent(dialogue, b"BDAT 100 LAST\r\n" + HUNDRED) == ["250 2.0.0"]
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    assert sent(dialogue, b"BDAT 900\r\n" + b"x" * 900) == ["250 2.0.0"]
    assert sent(dialogue, b"BDAT 101\r\n" + HUNDRED) == []
    assert sent(dialogue, b"xBDAT 0 LAST\r\n") == ["552 5.3.4", "503 5.5.1"]


@pytest.mark.threat("T-FLOOD")
def test_a_chunk_beyond_the_drain_is_refused_at_once() -> None:
    dialogue = limited(max_message_size=1000)
    assert sent(dialogue, b"BDAT %d LAST\r\nab" % (MIB + 2001)) == ["552 5.3.4"]
    assert dialogue.closing


def test_chunks_that_are_not_taken_are_not_read_for_ever() -> None:
    dialogue = limited(max_message_size=1000)
    chunk = b"BDAT 524288\r\n" + b"x" * 524288
    assert sent(dialogue, chunk) == ["552 5.3.4"]
    assert sent(dialogue, chunk) == ["503 5.5.1"]
    assert sent(dialogue, chunk) == ["421 4.7.0"]
    assert dialogue.closing


def test_where_there_is_no_size_limit_there_is_no_drain_limit() -> None:
    dialogue = limited(max_message_size=0)
    for _ in range(3):
        assert sent(dialogue, b"BDAT 524288\r\n" + b"x" * 524288) == ["250 2.0.0"]
    assert sent(dialogue, b"BDAT 1 X\r\na" + b"BDAT 1\r\na") == ["501 5.5.4", "503 5.5.1"]


def test_content_that_is_drained_is_counted_for_one_message_only() -> None:
    dialogue = limited(max_message_size=1000)
    for _ in range(4):
        assert sent(dialogue, b"BDAT 524288 LAST\r\n" + b"x" * 524288) == ["552 5.3.4"]
        dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")


@pytest.mark.threat("T-PARAM", "T-FLOOD")
def test_the_chunks_of_a_message_are_counted() -> None:
    dialogue = limited(max_bdat_chunks=2)
    assert sent(dialogue, b"BDAT 0\r\nBDAT 0\r\nBDAT 9\r\nab") == ["250 2.0.0", "250 2.0.0", "554 5.5.0"]
    assert dialogue.closing


def test_the_count_begins_anew_with_each_message() -> None:
    dialogue = limited(max_bdat_chunks=2)
    for _ in range(3):
        assert sent(dialogue, b"BDAT 0\r\nBDAT 0 LAST\r\n") == ["250 2.0.0", "250 2.0.0"]
        dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")


def test_refused_chunks_are_counted_too() -> None:
    dialogue = limited(max_bdat_chunks=3)
    assert sent(dialogue, b"BDAT 0 X\r\n" + b"BDAT 0\r\n" * 9) == [
        "501 5.5.4",
        "503 5.5.1",
        "503 5.5.1",
        "503 5.5.1",
        "554 5.5.0",
    ]
    assert dialogue.closing


def test_the_profile_for_the_open_internet_has_a_limit_of_chunks() -> None:
    assert Limits.hardened().max_bdat_chunks == 10_000


def test_chunks_behind_a_refused_one_are_one_fault_with_it_but_no_other_command_is() -> None:
    dialogue = limited(max_errors=3)
    assert sent(dialogue, b"BDAT 0 X\r\n" + b"BDAT 0\r\n" * 9)[-1] == "503 5.5.1"
    assert sent(dialogue, b"DATA\r\nDATA\r\nDATA\r\n") == ["503 5.5.1", "503 5.5.1", "421 4.7.0"]


def test_chunks_out_of_order_are_faults() -> None:
    dialogue = Dialogue(config(limits=Limits(max_errors=2))).ready()
    assert sent(dialogue, b"BDAT 1\r\na" * 3) == ["503 5.5.1", "503 5.5.1", "421 4.7.0"]


# Deadlines.


def test_the_idle_time_ends_with_the_line_of_a_chunk() -> None:
    dialogue = timed(idle=300, block=180)
    dialogue.wait(250)
    dialogue.feed(b"BDAT 9\r\n")
    for _ in range(8):
        assert dialogue.wait(170) == ""
        assert sent(dialogue, b"x") == []
    assert sent(dialogue, b"x") == ["250 2.0.0"]
    assert dialogue.session.deadline == dialogue.now + 300


@pytest.mark.threat("T-SLOW")
@pytest.mark.parametrize("line", [b"BDAT 9\r\n", b"BDAT 9 X\r\n", b"BDAT 9 LAST\r\n"])
def test_the_next_octets_of_a_chunk_have_to_come(line: bytes) -> None:
    dialogue = timed(block=180)
    dialogue.feed(line + b"a")
    assert dialogue.wait(179) == ""
    assert codes(dialogue.wait(1).encode()) == ["421 4.4.2"]
    assert str(dialogue.session.cause) == "timeout: block"


def test_between_chunks_the_idle_time_runs_and_not_the_block_time() -> None:
    dialogue = timed(block=10, idle=300)
    dialogue.feed(b"BDAT 1\r\na")
    assert dialogue.wait(299) == ""
    assert codes(dialogue.wait(1).encode()) == ["421 4.4.2"]
    assert str(dialogue.session.cause) == "timeout: idle"


def test_all_chunks_together_have_a_time() -> None:
    dialogue = timed(data=100, block=90, idle=90)
    dialogue.feed(b"BDAT 1\r\na")
    dialogue.wait(60)
    dialogue.feed(b"BDAT 9\r\na")
    assert dialogue.wait(39) == ""
    assert codes(dialogue.wait(1).encode()) == ["421 4.4.2"]
    assert str(dialogue.session.cause) == "timeout: data"


@pytest.mark.parametrize("end", [b"BDAT 0 LAST\r\n", b"RSET\r\n", b"BDAT 0 X\r\n"])
def test_the_time_of_the_content_ends_with_it(end: bytes) -> None:
    dialogue = timed(data=100)
    dialogue.feed(b"BDAT 1\r\na")
    dialogue.wait(60)
    dialogue.feed(end)
    assert dialogue.wait(200) == ""


@pytest.mark.threat("T-SLOW")
@pytest.mark.parametrize("line", [b"BDAT 4000 LAST\r\n", b"BDAT 4000 X\r\n"])
def test_chunks_have_to_come_fast_enough_also_those_that_are_dropped(line: bytes) -> None:
    dialogue = timed(min_rate=8, rate_window=60)
    dialogue.feed(line)
    for _ in range(3):
        for _ in range(6):
            assert dialogue.wait(10) == ""
            dialogue.feed(HUNDRED)
    assert dialogue.wait(59) == ""
    assert codes(dialogue.wait(1).encode()) == ["421 4.4.2"]
    assert str(dialogue.session.cause) == "timeout: rate"


def test_the_pace_of_one_message_is_not_charged_to_the_next() -> None:
    dialogue = timed(min_rate=10, rate_window=60)
    dialogue.feed(b"BDAT 2 LAST\r\n")
    dialogue.wait(50)
    dialogue.feed(b"ab")
    dialogue.feed(b"BDAT 2\r\n")
    assert dialogue.wait(59) == ""
    assert codes(dialogue.wait(1).encode()) == ["421 4.4.2"]


def test_a_hook_that_is_asked_for_a_chunk_costs_the_client_no_time() -> None:
    dialogue = Dialogue(config(timeouts=Timeouts(block=20, hook=200)), handler(data=later)).mailing()
    dialogue.feed(b"BDAT 2\r\na")
    assert dialogue.wait(100) == ""
    assert dialogue.answer() == ""
    assert dialogue.wait(19) == ""
    assert codes(dialogue.wait(1).encode()) == ["421 4.4.2"]


# Shutdown.


def test_a_shutdown_waits_for_the_message() -> None:
    dialogue = timed()
    dialogue.feed(b"BDAT 3\r\na")
    assert dialogue.shut_down() == ""
    assert sent(dialogue, b"bc") == ["250 2.0.0"]
    assert sent(dialogue, b"BDAT 1 LAST\r\nd") == ["250 2.0.0", "421 4.3.2"]
    assert dialogue.closing


def test_a_shutdown_ends_within_a_chunk_when_the_grace_is_over() -> None:
    dialogue = timed()
    dialogue.feed(b"BDAT 3\r\na")
    dialogue.shut_down(5)
    assert codes(dialogue.wait(5).encode()) == ["421 4.3.2"]
    assert dialogue.closing


def test_a_shutdown_does_not_wait_for_a_chunk_outside_a_transaction() -> None:
    dialogue = Dialogue().ready()
    dialogue.feed(b"BDAT 3\r\na")
    assert codes(dialogue.shut_down().encode()) == ["421 4.3.2"]
