from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings

from smtpcore.lines import InputBuffer, LineFault
from tests.feeding import read_alike

BARE, TOO_LONG, DRAIN = LineFault.BARE, LineFault.TOO_LONG, LineFault.DRAIN
Outcome = bytes | LineFault


def pull(buffer: InputBuffer, limit: int, max_drain: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while (outcome := buffer.next_line(limit, max_drain)) is not None:
        outcomes.append(outcome)
        if outcome is DRAIN:
            break
    return outcomes


def reading(limit: int = 512, max_drain: int = 65536) -> Callable[[list[bytes]], tuple[list[Outcome], bytes]]:
    def read(pieces: list[bytes]) -> tuple[list[Outcome], bytes]:
        buffer = InputBuffer()
        outcomes: list[Outcome] = []
        for piece in pieces:
            buffer.feed(piece)
            if DRAIN not in outcomes:
                outcomes += pull(buffer, limit, max_drain)
        return outcomes, buffer.take(len(buffer))

    return read


def lines_octet_by_octet(data: bytes, limit: int, max_drain: int) -> list[Outcome]:
    """What next_line() must give, written down without any thought of speed."""
    outcomes: list[Outcome] = []
    line = bytearray()
    faulty = after_cr = False
    for octet in data:
        decided = bytearray()
        if after_cr:
            after_cr = False
            if octet == 10:
                if not faulty:
                    outcomes.append(TOO_LONG if len(line) + 2 > limit else bytes(line))
                line.clear()
                faulty = False
                continue
            decided.append(13)
        if octet == 13:
            after_cr = True
        else:
            decided.append(octet)
        for one in decided:
            line.append(one)
            fault = one in b"\r\n\0" and not faulty
            if len(line) > max_drain and (faulty or fault or len(line) + 2 > limit):
                return [*outcomes, DRAIN]
            if fault:
                faulty = True
                outcomes.append(BARE)
    return outcomes


def test_a_line_is_given_without_its_crlf() -> None:
    assert read_alike(reading(), b"EHLO there\r\n", b"NOO") == [b"EHLO there"]


def test_pipelined_lines_come_in_order() -> None:
    assert read_alike(reading(), b"RSET\r\nNOOP\r\n\r\nQUIT\r\n", b"\rx"[:1]) == [b"RSET", b"NOOP", b"", b"QUIT"]


@pytest.mark.conformance("C019")
def test_two_crlf_in_a_row_hold_an_empty_line() -> None:
    assert read_alike(reading(), b"\r\nQUIT\r\n") == [b"", b"QUIT"]


@pytest.mark.conformance("C004")
def test_nothing_happens_before_the_crlf_is_complete() -> None:
    buffer = InputBuffer()
    buffer.feed(b"QUIT\r")
    assert buffer.next_line(512, 8192) is None
    assert len(buffer) == 5
    buffer.feed(b"\n")
    assert buffer.next_line(512, 8192) == b"QUIT"
    assert buffer.next_line(512, 8192) is None


@pytest.mark.conformance("C001", "C002", "C011")
@pytest.mark.parametrize("bad", [b"NOOP\n", b"NOOP\rN", b"EHLO x\x00", b"\n", b"\0", b"\r\r", b"RCPT TO:<a@b.c>\r\r"])
def test_a_bare_cr_a_bare_lf_and_nul_are_told_at_once(bad: bytes) -> None:
    buffer = InputBuffer()
    buffer.feed(bad)
    assert buffer.next_line(512, 8192) is BARE
    assert buffer.next_line(512, 8192) is None


@pytest.mark.conformance("C001", "C002", "C011", "C015", "C023")
@pytest.mark.parametrize(
    "line",
    [
        b"NOOP\r\r\n",
        b"a\n\r\n",
        b"NOOP\nMAIL FROM:<x@y>\r\n",
        b"NOOP\rRSET\r\n",
        b"MAIL FROM:<a@b.c>\x00> SIZE=1\r\n",
        b"RCPT TO:<a@b.c>\r\r\n",
        b"a\nb\nc\0\rd\r\r\r\n",
        b"\0" * 20 + b"\r\n",
    ],
)
def test_a_faulty_line_is_one_fault_and_the_next_line_is_whole(line: bytes) -> None:
    assert read_alike(reading(), line) == [BARE]
    assert read_alike(reading(), line + b"NOOP\r\n", b"QU") == [BARE, b"NOOP"]
    assert read_alike(reading(), line + line + b"\r\n") == [BARE, BARE, b""]


@pytest.mark.conformance("C011")
def test_other_control_octets_are_left_to_the_command_parsers() -> None:
    line = bytes(octet for octet in range(256) if octet not in b"\r\n\0")
    assert read_alike(reading(), line + b"\r\n") == [line]


@pytest.mark.conformance("C012", "C013")
def test_the_limit_counts_the_crlf() -> None:
    assert reading(512)([b"x" * 510 + b"\r\n"]) == ([b"x" * 510], b"")
    assert reading(512)([b"x" * 511 + b"\r\n"]) == ([TOO_LONG], b"")
    assert read_alike(reading(8), b"123456\r\n1234567\r\nNOOP\r\n", b"1234") == [b"123456", TOO_LONG, b"NOOP"]


@pytest.mark.conformance("C013", "C014")
def test_a_line_far_over_the_limit_is_one_fault_when_its_crlf_has_come() -> None:
    buffer = InputBuffer()
    for _ in range(50):
        buffer.feed(b"x" * 100)
        assert buffer.next_line(512, 8192) is None
        assert len(buffer) <= 512, "octets that will never be given out are still kept"
    buffer.feed(b"\r")
    assert buffer.next_line(512, 8192) is None
    buffer.feed(b"\nNOOP\r\n")
    assert buffer.next_line(512, 8192) is TOO_LONG
    assert buffer.next_line(512, 8192) == b"NOOP"


@pytest.mark.parametrize("cut", [1, 511, 512, 700, 9000])
def test_the_first_octets_of_a_line_that_is_too_long_are_kept(cut: int) -> None:
    assert InputBuffer().head == b"", "there was no such line"
    line = b"BDAT 5 " + b" " * 1000 + b"\r\n"
    for pieces in ([line[:cut], line[cut:]], [line[at : at + cut] for at in range(0, len(line), cut)]):
        buffer = InputBuffer()
        outcomes: list[Outcome] = []
        for piece in (b"MAIL " + b"x" * 600 + b"\r\nNO", b"OP\r\nNOOP\nx\r\n", *pieces):
            buffer.feed(piece)
            outcomes += pull(buffer, 512, 65536)
        assert outcomes == [TOO_LONG, b"NOOP", BARE, TOO_LONG]
        assert buffer.head == b"BDAT 5          "


def test_a_fault_in_the_overlong_part_is_told_at_once_and_stands_for_the_line() -> None:
    assert read_alike(reading(8, 100), b"x" * 20 + b"\n" + b"y" * 20 + b"\r\nNOOP\r\n") == [BARE, b"NOOP"]


@pytest.mark.threat("T-FLOOD")
def test_too_many_octets_of_a_line_that_is_too_long_are_fatal() -> None:
    assert read_alike(reading(8, 20), b"x" * 20 + b"\r\n") == [TOO_LONG]
    assert read_alike(reading(8, 20), b"x" * 21) == [DRAIN]
    assert read_alike(reading(8, 20), b"x" * 21 + b"\r\nNOOP\r\n") == [DRAIN]


def test_too_many_octets_of_a_faulty_line_are_fatal() -> None:
    assert read_alike(reading(8, 20), b"\n" + b"x" * 19 + b"\r\n") == [BARE]
    assert read_alike(reading(8, 20), b"\n" + b"x" * 20) == [BARE, DRAIN]
    assert read_alike(reading(8, 20), b"\r" * 30) == [BARE, DRAIN]


def test_a_line_within_its_limit_may_be_longer_than_what_is_drained() -> None:
    assert read_alike(reading(50, 20), b"x" * 48 + b"\r\n") == [b"x" * 48]
    assert read_alike(reading(50, 20), b"x" * 30 + b"\0") == [DRAIN]


def test_after_drain_there_is_nothing_but_drain() -> None:
    buffer = InputBuffer()
    buffer.feed(b"x" * 100)
    assert buffer.next_line(8, 20) is DRAIN
    buffer.feed(b"\r\nNOOP\r\n")
    assert [buffer.next_line(8, 20), buffer.next_line(512, 8192)] == [DRAIN, DRAIN]
    assert len(buffer) == 0
    assert buffer.take(10) == b""


def test_length_is_what_nobody_has_read_yet() -> None:
    buffer = InputBuffer()
    assert len(buffer) == 0
    buffer.feed(b"NOOP\r\nab")
    buffer.feed(b"")
    buffer.feed(b"cd")
    assert len(buffer) == 10
    buffer.next_line(512, 8192)
    assert len(buffer) == 4
    assert buffer.take(3) == b"abc"
    assert len(buffer) == 1


def test_take_gives_what_is_there_up_to_the_number_asked_for() -> None:
    buffer = InputBuffer()
    assert buffer.take(5) == b""
    for piece in (b"ab", b"cd", b"ef"):
        buffer.feed(piece)
    assert [buffer.take(n) for n in (0, -1, 1, 4, 9, 9)] == [b"", b"", b"a", b"bcde", b"f", b""]


def test_lines_and_raw_octets_may_be_read_in_turn() -> None:
    buffer = InputBuffer()
    buffer.feed(b"BDAT 4\r\nab\r\rNOOP")
    assert buffer.next_line(512, 8192) == b"BDAT 4"
    assert buffer.take(4) == b"ab\r\r"
    assert buffer.next_line(512, 8192) is None
    buffer.feed(b"\r\n")
    assert buffer.next_line(512, 8192) == b"NOOP"
    buffer.feed(b"\r")
    assert buffer.take(1) == b"\r"
    buffer.feed(b"\n")
    assert buffer.next_line(512, 8192) is BARE, "a CR that was read as content does not begin a CRLF"


def test_a_cr_that_was_read_as_content_begins_no_crlf_though_its_lf_was_there_before() -> None:
    buffer = InputBuffer()
    buffer.feed(b"ab\r")
    buffer.feed(b"\nNOOP\r\n")
    assert buffer.take(3) == b"ab\r"
    assert buffer.next_line(512, 8192) is BARE
    assert buffer.next_line(512, 8192) is None
    assert len(buffer) == 0


def test_a_pattern_is_tried_on_what_comes_next_and_reads_nothing() -> None:
    noop, rset = re.compile(rb"NOOP\r\n").match, re.compile(rb"RSET\r\n").match
    buffer = InputBuffer()
    buffer.feed(b"NOOP\r\nRSET\r\nQUIT\r\n")
    assert buffer.next_line(512, 8192) == b"NOOP"
    assert buffer.match(noop) is None
    found = buffer.match(rset)
    assert found is not None
    assert found[0] == b"RSET\r\n"
    assert len(buffer) == 12
    buffer.skip(found.end())
    assert buffer.next_line(512, 8192) == b"QUIT"


def test_lines_that_a_pattern_has_seen_are_read_when_they_are_given_out() -> None:
    buffer = InputBuffer()
    buffer.feed(b"A\r\nNOOP\r\nNOOP x\r\nRSET\r\n")
    assert buffer.next_line(512, 0) == b"A"
    found = buffer.match(re.compile(rb"(?:NOOP[^\r]*\r\n)+").match)
    assert found is not None
    lines = buffer.lines(found.end())
    assert next(lines) == b"NOOP"
    assert len(buffer) == len(b"NOOP x\r\nRSET\r\n")
    assert list(lines) == [b"NOOP x"]
    assert buffer.next_line(512, 0) == b"RSET"


def test_lines_that_somebody_else_has_read_are_not_given_out() -> None:
    buffer = InputBuffer()
    buffer.feed(b"NOOP\r\nNOOP\r\n")
    early, late = (buffer.lines(len(buffer)) for _ in range(2))
    assert next(late) == b"NOOP"
    assert not list(early)
    assert buffer.next_line(512, 0) == b"NOOP"
    buffer.feed(b"NOOP\r\n")
    assert not list(late)
    assert len(buffer) == len(b"NOOP\r\n")


def test_what_is_known_to_come_is_skipped_and_nothing_else() -> None:
    buffer = InputBuffer()
    assert buffer.empty()
    assert not buffer.skip_over(b"DATA\r\n")
    buffer.feed(b"DATA\r\nDATA \r\n")
    assert buffer.skip_over(b"DATA\r\n")
    assert not buffer.skip_over(b"DATA\r\n")
    assert len(buffer) == 7
    assert not buffer.empty()
    assert buffer.next_line(512, 8192) == b"DATA "
    assert buffer.empty()


def test_the_rest_of_a_faulty_line_is_not_taken_for_the_next() -> None:
    buffer = InputBuffer()
    buffer.feed(b"X\nDATA\r\n")
    assert buffer.next_line(512, 8192) is LineFault.BARE
    assert not buffer.skip_over(b"DATA\r\n")
    assert buffer.next_line(512, 8192) is None


@given(
    data=st.lists(st.sampled_from([b"AUTH ", b"auth x", b"AUT", b"NOOP ", b"x" * 7, b"\r\n", b"\n", b"\0"])).map(
        b"".join
    ),
    cut=chunkings(),
)
def test_lines_that_may_be_longer_are_told_by_how_they_begin(data: bytes, cut: Chunking) -> None:
    """However the octets arrive, and whatever the line before was."""

    def read(pieces: list[bytes]) -> list[Outcome]:
        buffer = InputBuffer()
        outcomes: list[Outcome] = []
        for piece in pieces:
            buffer.feed(piece)
            while (outcome := buffer.next_line(10, 20, (b"AUTH ", 30, 40))) is not None:
                outcomes.append(outcome)
                if outcome is LineFault.DRAIN:
                    return outcomes
        return outcomes

    assert read(cut(data)) == read([data])


@pytest.mark.parametrize("auth", [b"AUTH ", b"Auth "])
def test_a_line_that_may_be_longer_has_limits_of_its_own(auth: bytes) -> None:
    longer = (b"AUTH ", 30, 40)

    def read(octets: bytes) -> bytes | LineFault | None:
        buffer = InputBuffer()
        buffer.feed(octets)
        return buffer.next_line(10, 20, longer)

    assert read(b"x" * 9 + b"\r\n") is LineFault.TOO_LONG
    assert read(b"x" * 21) is LineFault.DRAIN
    assert read(auth + b"x" * 23 + b"\r\n") == auth + b"x" * 23
    assert read(auth + b"x" * 24 + b"\r\n") is LineFault.TOO_LONG
    assert read(auth + b"x" * 35) is None
    assert read(auth + b"x" * 36) is LineFault.DRAIN


def test_a_line_has_come_when_its_lf_has() -> None:
    buffer = InputBuffer()
    buffer.feed(b"NOOP\r")
    assert not buffer.has_line()
    assert buffer.next_line(512, 8192) is None
    buffer.feed(b"\nQUIT\r\n")
    assert buffer.next_line(512, 8192) == b"NOOP"
    assert buffer.has_line()
    assert buffer.next_line(512, 8192) == b"QUIT"
    assert not buffer.has_line()


@pytest.mark.parametrize("line", [b"x\ny", b"x" * 9])
def test_no_pattern_is_tried_within_a_line_that_cannot_be_given_out(line: bytes) -> None:
    anything = re.compile(rb"[^\r]*\r\n").match
    buffer = InputBuffer()
    buffer.feed(line)
    pull(buffer, 8, 100)
    buffer.feed(b"NOOP\r\n")
    assert buffer.match(anything) is None
    pull(buffer, 8, 100)
    buffer.feed(b"NOOP\r\n")
    assert buffer.match(anything) is not None


def test_what_was_taken_can_be_put_back() -> None:
    buffer = InputBuffer()
    buffer.feed(b"abc")
    buffer.feed(b"NOOP\r\n")
    assert buffer.take(9) == b"abcNOOP\r\n"
    buffer.unread(6)
    buffer.feed(b"QUIT\r\n")
    assert [buffer.next_line(512, 8192) for _ in range(3)] == [b"NOOP", b"QUIT", None]


def test_bytes_are_kept_and_other_buffers_are_copied() -> None:
    whole = b"some content"
    buffer = InputBuffer()
    buffer.feed(whole)
    assert buffer.take(100) is whole
    for kind in (bytearray, memoryview):
        mine = bytearray(b"NOOP\r\n")
        buffer.feed(kind(mine))
        mine[:4] = b"QUIT"
        assert buffer.next_line(512, 8192) == b"NOOP"
    for wrong in ("NOOP\r\n", 5):
        with pytest.raises(TypeError):
            buffer.feed(wrong)  # type: ignore[arg-type]


PARTS = st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n", b"\0", b"a", b"bc", b"defgh", b"x" * 9])


@pytest.mark.conformance("C023")
@given(
    data=st.lists(PARTS, max_size=20).map(b"".join),
    cut=chunkings(),
    patience=st.integers(1, 4),
    limit=st.integers(2, 14),
    max_drain=st.integers(0, 25),
)
def test_any_input_reads_as_it_does_octet_by_octet(
    data: bytes, cut: Chunking, patience: int, limit: int, max_drain: int
) -> None:
    buffer = InputBuffer()
    outcomes: list[Outcome] = []
    pieces = cut(data)
    for number, piece in enumerate(pieces):
        buffer.feed(piece)
        # Some pieces are left to pile up: how often the buffer is read must not matter either.
        if DRAIN not in outcomes and (number % patience == 0 or number == len(pieces) - 1):
            outcomes += pull(buffer, limit, max_drain)
    assert outcomes == lines_octet_by_octet(data, limit, max_drain)


def seconds_for(work: Callable[[int], object], size: int) -> float:
    best = 1e9
    for _ in range(3):
        begin = time.thread_time()
        work(size)
        best = min(best, time.thread_time() - begin)
    return best


def pile_up(size: int) -> None:
    buffer = InputBuffer()
    for _ in range(size):
        buffer.feed(b"NOOP\r\n")
    assert len(pull(buffer, 512, 8192)) == size


def trickle_without_end(size: int) -> None:
    buffer = InputBuffer()
    for _ in range(size):
        buffer.feed(b"x")
        buffer.next_line(512, size)


def feed_between_faulty_lines(size: int) -> None:
    buffer = InputBuffer()
    buffer.feed(b"a\n\r\n" * size)
    for _ in range(size):
        buffer.feed(b"b")
        assert buffer.next_line(512, 8192) is BARE


@pytest.mark.conformance("C323")
@pytest.mark.threat("T-FLOOD")
@pytest.mark.parametrize("work", [pile_up, trickle_without_end, feed_between_faulty_lines])
def test_work_grows_with_the_input_and_not_faster(work: Callable[[int], None]) -> None:
    # Eight times the input: 8 if linear, 64 if quadratic.
    assert seconds_for(work, 16000) < 30 * seconds_for(work, 2000)


def test_random_octets_never_raise_and_never_stay() -> None:
    dice = random.Random(5321)
    buffer = InputBuffer()
    for _ in range(300):
        buffer.feed(dice.randbytes(dice.randrange(2000)))
        pull(buffer, 512, 1 << 30)
        assert len(buffer) <= 512
