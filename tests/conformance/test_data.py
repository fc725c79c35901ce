"""C124 to C137 and the final replies: content on the wire."""

from __future__ import annotations

import pytest

from smtpcore.body import Defect
from smtpcore.commands import Data
from smtpcore.events import EndOfBody
from smtpcore.replies import Reply
from smtpcore.spec import Dialect, State
from tests.wire import EHLO, HELO, MAIL, RCPT, Talk, accept, connection, converse, drain, hold, last, refuse, replies

OPENING = b"\r\n".join([HELO, MAIL, RCPT, b"DATA", b""])
OPENED = ["250", "250 2.1.0", "250 2.1.5", "354"]

# threats.md T-EOD: none of these ends a message.
FALSE_ENDS = [
    b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\n.\x00\r\n",
    b"\r\n\x00.\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n .\r\n", b"\r\n..\r\n",
    b"\n\r.\n\r", b"\r\n.\n\r", b"\n\n.\r\n", b"\r\n.\x08\r\n", b"\x0b.\x0b", b"\x0c.\x0c", b"\x1c.\x1c",
    b"\xc2\x85.\xc2\x85", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\r\x00\n.\r\x00\n", b"\r\n\xef\xbc\x8e\r\n",
    b"\x8d\x8a.\x8d\x8a", b"\r\n\xae\r\n", b"\r\n\x1a\r\n",
]  # fmt: skip
BARE = Defect.BARE_CR | Defect.BARE_LF | Defect.NUL
HARMLESS = frozenset((13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31))


def ends(data: bytes) -> list[EndOfBody]:
    """The ends in what is sent behind a DATA, in every cutting."""
    return [event for event in converse(OPENING + data).events if isinstance(event, EndOfBody)]


@pytest.mark.conformance("C125", "C126")
@pytest.mark.threat("T-EOD")
@pytest.mark.parametrize(("number", "octets"), list(enumerate(FALSE_ENDS, 1)))
def test_nothing_but_crlf_dot_crlf_ends_a_message(number: int, octets: bytes) -> None:
    [end] = ends(b"a" + octets + b"b\r\n.\r\n")
    assert bool(end.defects & BARE) is (number not in HARMLESS)
    talk = converse(OPENING + b"a" + octets + b"b\r\n.\r\nNOOP\r\n")
    assert talk.replies == [*OPENED, "250 2.0.0", "250 2.0.0"]
    assert talk.content == [(b"a" + octets + b"b\r\n").replace(b"\r\n.", b"\r\n")]


@pytest.mark.conformance("C125")
@pytest.mark.threat("T-EOD")
def test_a_stray_cr_does_not_hide_the_true_end() -> None:
    assert converse(OPENING + b"a\r\r\n.\r\nNOOP\r\n").replies == [*OPENED, "250 2.0.0", "250 2.0.0"]


@pytest.mark.conformance("C127", "C128", "C175")
@pytest.mark.threat("T-EOD")
@pytest.mark.parametrize("content", [b"", b"a\r\n", b"\r\n", b"a\r\n\r\n"])
def test_what_follows_the_end_in_the_same_read_is_a_command(content: bytes) -> None:
    talk = converse(OPENING + content + b".\r\n" + MAIL + b"\r\n")
    assert talk.replies == [*OPENED, "250 2.0.0", "250 2.1.0"]
    assert talk.content == [content]


@pytest.mark.conformance("C129", "C130", "C131", "C132")
@pytest.mark.parametrize(
    ("wire", "content"),
    [
        (b"..a\r\n", b".a\r\n"),
        (b".a\r\n", b"a\r\n"),
        (b"...\r\n", b"..\r\n"),
        (b"x\r\n..\r\n", b"x\r\n.\r\n"),
        (b"a.\r\na..b\r\n", b"a.\r\na..b\r\n"),
        (b"x\n.y\r\n", b"x\n.y\r\n"),
        (b"x\r.y\r\n", b"x\r.y\r\n"),
        (b"a\r\n", b"a\r\n"),
    ],
)
def test_one_dot_at_the_start_of_a_line_is_stuffing_and_no_other(wire: bytes, content: bytes) -> None:
    assert converse(OPENING + wire + b".\r\n").content == [content]


@pytest.mark.conformance("C133", "C134")
def test_every_octet_comes_through() -> None:
    content = bytes(range(256)) + b"\r\n"
    talk = converse(OPENING + content + b".\r\n")
    assert talk.content == [content]
    end = talk.events[-1]
    assert isinstance(end, EndOfBody)
    assert end.defects == BARE | Defect.EIGHT_BIT


@pytest.mark.conformance("C135", "C136", "C187")
@pytest.mark.parametrize(
    ("wire", "size", "long"),
    [
        (b"a" * 998 + b"\r\n", 1000, False),
        (b"." + b"." * 998 + b"\r\n", 1000, False),
        (b"a" * 999 + b"\r\n", 1001, True),
        (b"..\r\n", 3, False),
    ],
)
def test_a_line_of_1000_octets_is_fine_and_a_stuffing_dot_does_not_count(wire: bytes, size: int, long: bool) -> None:
    for pieces in ([OPENING + wire + b".\r\n"], [OPENING, wire[:2], wire[2:], b".\r", b"\n"]):
        end = hold(pieces).events[-1]
        assert end == EndOfBody(Defect.LONG_LINE if long else Defect(0), size)


@pytest.mark.conformance("C136")
def test_a_line_without_end_is_passed_on_and_not_kept() -> None:
    conn = connection()
    conn.send(Reply(220, "mx.example.org"))
    conn.receive_data(OPENING)
    drain(conn, Talk(), accept)
    for _ in range(1000):
        for event in conn.receive_data(b"x" * 10000):
            assert not isinstance(event, EndOfBody)
        assert conn.buffered == 0


@pytest.mark.conformance("C137", "C063", "C109")
@pytest.mark.parametrize("reply", [Reply(250, "OK"), Reply(451, "Later"), Reply(554, "Never", "5.6.0")])
def test_a_message_is_over_whatever_its_reply(reply: Reply) -> None:
    talk = converse(
        OPENING + b"x\r\n.\r\nDATA\r\nRCPT TO:<a@b.c>\r\n" + MAIL + b"\r\nDATA\r\n",
        answer=refuse(EndOfBody, reply=reply),
    )
    assert talk.replies[5:] == ["503 5.5.1", "503 5.5.1", "250 2.1.0", "503 5.5.1"]
    assert talk.replies[4].startswith(str(reply.code))


def test_a_refused_data_leaves_the_transaction_and_reads_what_follows_as_commands() -> None:
    assert replies(HELO, MAIL, RCPT, b"DATA", b"Subject: x", b"DATA", answer=refuse(Data))[3:] == [
        "550 5.7.1", "500 5.5.1", "550 5.7.1",
    ]  # fmt: skip


@pytest.mark.conformance("C074", "C075")
def test_a_message_that_is_cut_off_has_no_end() -> None:
    talk = hold([OPENING + b"x\r\n.\r", b""])
    assert talk.content == []
    assert talk.state is State.CLOSED


@pytest.mark.conformance("C283", "C284")
def test_lmtp_has_a_reply_for_each_recipient_that_was_accepted() -> None:
    lines = [b"LHLO x", MAIL, RCPT, b"RCPT TO:<>", RCPT, RCPT, b"DATA", b"x", b".", b"NOOP"]
    assert replies(*lines, dialect=Dialect.LMTP)[6:] == ["354", *["250 2.0.0"] * 3, "250 2.0.0"]

    conn = connection(dialect=Dialect.LMTP)
    conn.send(Reply(220, "mx"))
    conn.receive_data(b"\r\n".join([*lines[:8], b""]))
    drain(conn, Talk(), accept)
    conn.receive_data(b".\r\nNOOP\r\n")
    assert isinstance(conn.next_event(), EndOfBody)
    output = b""
    for reply in (Reply(250, "One"), Reply(452, "Full", "4.2.2"), Reply(550, "None", "5.1.1")):
        assert conn.state is State.DATA
        output += conn.send(reply)
    assert output == b"250 2.0.0 One\r\n452 4.2.2 Full\r\n550 5.1.1 None\r\n"
    assert (conn.state, conn.owed, conn.dialogue.accepted) == (State.READY, None, 0)


def test_a_reply_that_closes_ends_all_that_lmtp_still_owes() -> None:
    talk = hold(
        [b"\r\n".join([b"LHLO x", MAIL, RCPT, RCPT, b"DATA", b".", b"NOOP", b""])],
        dialect=Dialect.LMTP,
        answer=refuse(EndOfBody, reply=Reply(421, "Bye")),
    )
    assert talk.replies[-2:] == ["354", "421 4.3.2"]
    assert talk.state is State.CLOSED


@pytest.mark.conformance("C141")
def test_a_declared_size_does_not_end_anything() -> None:
    data = b"\r\n".join([EHLO, MAIL + b" SIZE=5", RCPT, b"DATA", 10 * b"0123456789", b".", b""])
    assert converse(data).content == [10 * b"0123456789" + b"\r\n"]


@pytest.mark.conformance("C070")
def test_data_with_an_argument_is_refused_and_the_transaction_kept() -> None:
    assert replies(HELO, MAIL, RCPT, b"DATA now", b"DATA")[3:] == ["501 5.5.4", "354"]
    assert last(HELO, MAIL, RCPT, b"DATA  ") == "354"
