"""BDAT on the wire: sizes, chunks, and what happens to the octets of those that are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings

from smtpcore.body import Defect
from smtpcore.commands import Bdat
from smtpcore.events import BodyChunk, ConnectionClosed, EndOfBody, EndOfChunk, Pause, Rejected
from smtpcore.grammar import CommandError, Grammar
from smtpcore.refusals import Barrier
from smtpcore.replies import Reply
from smtpcore.server import ServerConnection
from smtpcore.spec import Dialect, State
from tests.wire import EHLO, HELO, MAIL, RCPT, SERVED, Talk, accept, connection, converse, drain, hold, refuse

CHUNKING = SERVED | {b"BDAT"}
BEFORE = b"\r\n".join((EHLO, MAIL, RCPT, b""))


def talk(data: bytes, before: bytes = BEFORE, **how: object) -> Talk:
    """What comes of octets behind an accepted recipient, cut everywhere, without the replies to what was before."""
    held = converse(before + data, served=CHUNKING, **how)
    known = len(converse(before, served=CHUNKING, **how).events)
    return Talk(held.events[known:], held.output, held.state)


def answers(data: bytes, before: bytes = BEFORE, **how: object) -> list[str]:
    """The replies to these octets, up to the space."""
    known = len(converse(before, served=CHUNKING, **how).replies)
    return [reply[:3] for reply in talk(data, before, **how).replies[known:]]


# The line.


@pytest.mark.threat("T-PARAM")
@pytest.mark.parametrize(
    ("argument", "command"),
    [
        (b"0", Bdat(0)),
        (b"5", Bdat(5)),
        (b"00000000000000000005", Bdat(5)),
        (b"9223372036854775807 LAST", Bdat(2**63 - 1, last=True)),
        (b"5 last", Bdat(5, last=True)),
        (b"5 LaSt", Bdat(5, last=True)),
        (b"5 FIRST", Bdat(5, malformed=True)),
        (b"5 LAST LAST", Bdat(5, malformed=True)),
        (b"5  LAST", Bdat(5, malformed=True)),
        (b"5 LASTLY", Bdat(5, malformed=True)),
        (b"5 0", Bdat(5, malformed=True)),
    ],
)
def test_a_size_can_be_read_whatever_stands_behind_it(argument: bytes, command: Bdat) -> None:
    assert Bdat.parse(argument, Grammar()) == command


UNREADABLE = [
    b"", b"x", b"-1", b"+1", b"1_0", b"0x5", b"1e3", b"5.0", b"LAST", b" 5", b"5LAST", b"5,LAST",
    b"000000000000000000005", b"99999999999999999999999", b"9" * 400, b"18446744073709551616", b"9223372036854775808",
    "\u0665".encode(), "5\u00b2".encode(), b"5\tLAST", b"5\x0b", b"\x0c5", b"5\x01",
]  # fmt: skip


@pytest.mark.conformance("C202")
@pytest.mark.threat("T-PARAM")
@pytest.mark.parametrize("argument", UNREADABLE)
def test_a_size_that_cannot_be_read_is_one_501_and_the_end(argument: bytes) -> None:
    held = talk(b"BDAT " + argument + b"\r\nQUIT\r\nQUIT\r\n")
    assert held.replies[3:] == ["501 5.5.4"]
    assert held.state is State.CLOSED
    assert held.events == [Rejected(b"BDAT " + argument, held_reply(held), fatal=True), ConnectionClosed()]


def held_reply(held: Talk) -> Reply:
    event = held.events[0]
    assert isinstance(event, Rejected)
    return event.reply


@pytest.mark.conformance("C202")
def test_a_verb_alone_has_no_size() -> None:
    assert answers(b"BDAT\r\nQUIT\r\n") == ["501"]
    assert answers(b"bdat \r\nQUIT\r\n") == ["501"]


def test_a_line_that_is_too_long_to_be_read_is_the_end_since_octets_follow_it() -> None:
    assert answers(b"BDAT 6 LAST" + b" " * 600 + b"\r\nQUIT\r\n") == ["500"]
    for length in 600, 13_000, 60_000:
        held = hold([BEFORE, b"BDAT 6", b" " * length, b"\r\nQUIT\r\n"], served=CHUNKING)
        assert held.replies[-1] == "500 5.5.2"
        assert held.state is State.CLOSED


def test_white_space_behind_the_line_is_none_of_it() -> None:
    assert talk(b"BDAT 1 LAST \t \r\na").content == [b"a"]


def test_a_chunk_that_is_larger_than_what_is_read_at_all_is_refused_at_once_and_for_good() -> None:
    for where in (EHLO + b"\r\n", BEFORE):
        assert answers(b"BDAT 11\r\nQUIT\r\n", where, max_chunk=10) == ["552"]
    assert answers(b"BDAT 10\r\n0123456789QUIT\r\n", max_chunk=10) == ["250", "221"]
    assert Bdat.parse(b"10", Grammar(max_chunk=10)) == Bdat(10)
    with pytest.raises(CommandError, match="too big"):
        Bdat.parse(b"11", Grammar(max_chunk=10))


# Chunks.


@pytest.mark.conformance("C193", "C194", "C195")
def test_each_chunk_is_answered_and_nothing_in_it_is_looked_at() -> None:
    held = talk(b"BDAT 6\r\nQUIT\r\nBDAT 0\r\nBDAT 5 LAST\r\n.\r\n..BDAT 3\r\n.\r\nNOOP\r\n")
    assert [reply[:3] for reply in held.replies[3:]] == ["250", "250", "250", "503", "250"]
    assert held.content == [b"QUIT\r\n.\r\n.."]
    assert held.events[:6] == [
        Bdat(6), BodyChunk(b"QUIT\r\n"), EndOfChunk(6), Bdat(0), EndOfChunk(0), Bdat(5, last=True),
    ]  # fmt: skip
    assert EndOfBody(Defect.NO_FINAL_CRLF, 11) in held.events


@pytest.mark.conformance("C194")
def test_an_empty_last_chunk_ends_what_was_sent_before_or_nothing() -> None:
    assert talk(b"BDAT 3\r\na\r\nBDAT 0 LAST\r\n").content == [b"a\r\n"]
    assert talk(b"BDAT 0 LAST\r\n").events == [Bdat(0, last=True), EndOfBody(Defect(0), 0)]


@pytest.mark.conformance("C348")
@pytest.mark.parametrize(
    ("chunks", "defects"),
    [
        ((b"a\r", b"\nb\r\n"), Defect(0)),
        ((b"a\r", b"", b"\nb\r", b"\n"), Defect(0)),
        ((b"a\r", b"b\r\n"), Defect.BARE_CR),
        ((b"a\n", b"b\r\n"), Defect.BARE_LF),
        ((b"a\r\n", b"\nb\r\n"), Defect.BARE_LF),
        ((b"a", b"b\r"), Defect.BARE_CR | Defect.NO_FINAL_CRLF),
        ((b"a\0", b"\r\n"), Defect.NUL),
        ((b"a" * 600, b"a" * 400, b"\r\n"), Defect.LONG_LINE),
        ((b"a" * 600, b"a" * 398, b"\r\n"), Defect(0)),
        ((b"\xc3", b"\xa9\r\n"), Defect.EIGHT_BIT),
    ],
)
def test_lines_are_judged_over_the_borders_of_chunks(chunks: tuple[bytes, ...], defects: Defect) -> None:
    sent = b"".join(b"BDAT %d\r\n%b" % (len(chunk), chunk) for chunk in chunks) + b"BDAT 0 LAST\r\n"
    held = hold([BEFORE + sent], served=CHUNKING)
    assert held.events[-1] == EndOfBody(defects, len(b"".join(chunks)))


@given(data=st.binary(max_size=60), into_chunks=chunkings(), cut=chunkings())
def test_however_content_is_cut_into_chunks_and_chunks_into_pieces_it_is_the_same(
    data: bytes, into_chunks: Chunking, cut: Chunking
) -> None:
    pieces = into_chunks(data)
    sent = b"".join(b"BDAT %d\r\n%b" % (len(piece), piece) for piece in pieces) + b"BDAT 0 LAST\r\nNOOP\r\n"
    held = hold(cut(BEFORE + sent), served=CHUNKING)
    assert held.content == [data]
    assert [reply[:3] for reply in held.replies[3:]] == ["250"] * (len(pieces) + 2)
    assert held.events == hold([BEFORE + sent], served=CHUNKING).events


@pytest.mark.threat("T-PARAM")
def test_octets_behind_a_size_that_is_a_lie_are_commands() -> None:
    held = talk(b"BDAT 3 LAST\r\nabcdefQUIT\r\nQUIT\r\n")
    assert [reply[:3] for reply in held.replies[3:]] == ["250", "500", "221"]
    assert held.content == [b"abc"]


@pytest.mark.threat("T-PARAM")
@pytest.mark.parametrize("sent", [b"BDAT 5\r\nab", b"BDAT 5 LAST\r\nab", b"BDAT 5 LAST\r\n", b"BDAT 2\r\nab"])
def test_the_end_of_the_input_in_a_chunk_or_behind_it_is_no_message(sent: bytes) -> None:
    held = hold([BEFORE + sent, b""], served=CHUNKING)
    assert not any(isinstance(event, EndOfBody) for event in held.events)
    assert held.events[-1] == ConnectionClosed()
    assert held.state is State.CLOSED


def test_the_end_of_the_input_in_a_refused_chunk_has_no_reply() -> None:
    held = hold([EHLO + b"\r\nBDAT 5\r\nab", b""], served=CHUNKING)
    assert [reply[:3] for reply in held.replies] == ["250"]
    assert held.events[-1] == ConnectionClosed()


def test_a_connection_says_when_the_next_octets_are_content() -> None:
    conn = hold_connection(b"BDAT 3\r\nab")
    assert conn.reading_content
    conn.receive_data(b"c")
    assert conn.next_event() == BodyChunk(b"c")
    assert conn.next_event() == EndOfChunk(3)
    assert not conn.reading_content
    assert conn.next_event() is Pause.NEED_REPLY


def hold_connection(data: bytes) -> ServerConnection:
    conn = connection(served=CHUNKING)
    conn.send(Reply(220, "mx.example.org"))
    conn.receive_data(BEFORE + data)
    drain(conn, Talk(), accept)
    return conn


# Refused chunks.


def test_octets_of_refused_chunks_are_counted_once() -> None:
    conn = hold_connection(b"BDAT 3 FIRST\r\nabcBDAT 2\r\nde")
    assert conn.chunks.take_dropped() == 5
    assert conn.chunks.take_dropped() == 0


@pytest.mark.conformance("C203")
def test_another_second_argument_costs_the_message_but_not_the_step() -> None:
    held = talk(b"BDAT 6 FIRST\r\nQUIT\r\nBDAT 0 LAST\r\nMAIL FROM:<a@b.c>\r\n")
    assert [reply[:3] for reply in held.replies[3:]] == ["501", "503", "250"]
    assert held.content == []
    assert answers(b"BDAT 6 LAST LAST\r\nQUIT\r\nNOOP\r\n") == ["501", "250"]


@pytest.mark.conformance("C197", "C201")
def test_behind_a_refused_chunk_every_other_one_is_drained_and_refused() -> None:
    sent = b"BDAT 9\r\nQUIT\r\nabcBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"
    held = talk(sent, answer=refuse(EndOfChunk))
    assert [reply[:3] for reply in held.replies[3:]] == ["550", "503", "503", "503", "250"]
    assert held.state is State.READY
    assert not any(isinstance(event, EndOfBody) for event in held.events)


@pytest.mark.conformance("C201")
def test_a_refused_last_chunk_ends_the_transaction() -> None:
    held = talk(b"BDAT 1 LAST\r\naMAIL FROM:<a@b.c>\r\n", answer=refuse(EndOfBody))
    assert [reply[:3] for reply in held.replies[3:]] == ["550", "250"]


@pytest.mark.conformance("C066")
@pytest.mark.parametrize("chunk", [b"BDAT 1\r\na", b"BDAT 1 LAST\r\na"])
def test_a_chunk_that_is_out_of_order_leaves_the_transaction_as_it_is(chunk: bytes) -> None:
    before = EHLO + b"\r\nMAIL FROM:<a@b.c>\r\n"
    assert answers(b"RCPT TO:<>\r\nDATA\r\n" + chunk + b"DATA\r\n", before) == ["501", "554", "503", "554"]


@pytest.mark.conformance("C201")
@pytest.mark.parametrize("line", [b"RSET", EHLO, HELO])
def test_rset_and_a_greeting_end_the_failed_state(line: bytes) -> None:
    sent = b"BDAT 1 X\r\naMAIL FROM:<a@b.c>\r\n" + line + b"\r\nMAIL FROM:<a@b.c>\r\n"
    assert answers(sent) == ["501", "503", "250", "250"]


def test_what_the_barrier_stops_is_drained_too() -> None:
    barrier = Barrier(Reply(530, "First", "5.7.0"), frozenset((b"EHLO", b"NOOP", b"QUIT")))
    before = EHLO + b"\r\n"
    for line in (b"BDAT 6", b"BDAT 6 LAST", b"BDAT 6 FIRST"):
        assert answers(line + b"\r\nQUIT\r\nNOOP\r\n", before, barrier=barrier) == ["530", "250"]


@pytest.mark.conformance("C202", "C216", "C240")
def test_a_size_that_cannot_be_read_closes_in_front_of_the_barrier_too() -> None:
    barrier = Barrier(Reply(530, "First", "5.7.0"), frozenset((b"EHLO", b"NOOP", b"QUIT")))
    held = talk(b"BDAT x\r\nQUIT\r\n", EHLO + b"\r\n", barrier=barrier)
    assert held.replies == ["250", "501 5.5.4"]
    assert held.state is State.CLOSED


def test_where_chunks_are_not_served_nothing_behind_them_is_read() -> None:
    held = converse(BEFORE + b"BDAT 6\r\nQUIT\r\nNOOP\r\n")
    assert held.replies[3:] == ["502 5.5.1"]
    assert held.state is State.CLOSED


@pytest.mark.conformance("C209", "C350")
def test_lmtp_answers_the_last_chunk_for_each_recipient_and_any_other_once() -> None:
    before = b"\r\n".join((b"LHLO c.example", MAIL, RCPT, RCPT, b""))
    lmtp = {"dialect": Dialect.LMTP}
    assert answers(b"BDAT 1\r\naBDAT 1 LAST\r\nbNOOP\r\n", before, **lmtp) == ["250", "250", "250", "250"]
    assert answers(b"BDAT 1 X\r\naBDAT 1 LAST\r\nbNOOP\r\n", before, **lmtp) == ["501", "503", "503", "250"]
    assert answers(b"BDAT 1 LAST\r\naBDAT 1 LAST\r\nbNOOP\r\n", before, **lmtp) == ["250", "250", "503", "250"]
    nobody = b"\r\n".join((b"LHLO c.example", MAIL, b""))
    assert answers(b"BDAT 3 LAST\r\nabcNOOP\r\n", nobody, **lmtp) == ["503", "250"]
