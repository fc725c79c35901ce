"""C001 to C023: what a command line is."""

from __future__ import annotations

import pytest

from smtpcore.commands import Helo, Noop, Rcpt
from smtpcore.events import Rejected
from smtpcore.paths import Path
from smtpcore.spec import State
from tests.wire import EHLO, MAIL, RCPT, STRICT, codes, converse, hold, last, replies

LONG_MAIL = 512 + 26 + 14 + 500  # RFC 5321 4.1.1.11: what SIZE, 8BITMIME and AUTH add


@pytest.mark.conformance("C001", "C002", "C003")
@pytest.mark.threat("T-LINE")
@pytest.mark.parametrize(
    "line",
    [
        b"NOOP\nMAIL FROM:<x@y>",
        b"NOOP\rRSET",
        b"NOOP\r\rRSET",
        b"NOOP\n\r",
        b"\nNOOP",
        b"RCPT TO:<a@b.c>\r",
        b"MAIL FROM:<a@b.c>\0> SIZE=1",
    ],
)
def test_a_bare_newline_or_nul_gets_one_500_and_the_rest_of_the_line_is_dropped(line: bytes) -> None:
    assert replies(EHLO, line, b"NOOP") == ["250", "500 5.5.2", "250 2.0.0"]


@pytest.mark.conformance("C001")
@pytest.mark.threat("T-LINE")
def test_who_only_sends_lf_gets_one_500_and_no_more() -> None:
    talk = converse(b"HELO x\nMAIL FROM:<a@b.c>\nQUIT\n")
    assert talk.replies == ["500 5.5.2"]
    assert talk.state is State.GREETED


@pytest.mark.conformance("C004")
def test_nothing_is_done_before_the_crlf_is_complete() -> None:
    assert converse(b"QUIT\r").output == b""
    assert hold([b"QUIT\r", b"\n"]).replies == ["221 2.0.0"]


@pytest.mark.conformance("C005")
def test_verbs_have_no_case() -> None:
    assert replies(b"eHlO x", b"mAiL fRoM:<a@b.c>", b"rCpT tO:<a@b.c>") == ["250", "250 2.1.0", "250 2.1.5"]


@pytest.mark.conformance("C006", "C007")
def test_the_case_of_a_local_part_is_kept_and_the_one_of_a_domain_is_nothing() -> None:
    talk = converse(EHLO + b"\r\n" + MAIL + b"\r\nRCPT TO:<SmIth@EXAMPLE.org>\r\n")
    assert talk.events[-1] == Rcpt(Path("SmIth", "example.org"))
    assert talk.events[-1] != Rcpt(Path("smith", "example.org"))


@pytest.mark.conformance("C008")
@pytest.mark.parametrize("end", [b" ", b"\t", b" \t ", b"   "])
def test_white_space_before_the_crlf_is_tolerated(end: bytes) -> None:
    lines = [line + end for line in (b"NOOP", EHLO, MAIL, RCPT, b"DATA")]
    assert replies(*lines) == ["250 2.0.0", "250", "250 2.1.0", "250 2.1.5", "354"]


@pytest.mark.conformance("C009")
@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"EHLO \xc3\xa9.org", "501"),
        (b"HELO \xff", "501"),
        (b"NO\xc3\xa9P", "500 5.5.2"),
        (b"\xc3\xa9", "500 5.5.2"),
        (b"NOOP \x80", "501 5.5.2"),
        (b"VRFY \xc3\xa9", "501 5.5.2"),
        (b"XYZZY \xc3\xa9", "501 5.5.2"),
        (b"MAIL FROM:<\xc3\xa9@x.org>", "501 5.1.7"),
        (b"MAIL FROM:<a@\xc3\xa9.org>", "501 5.1.7"),
        (b'MAIL FROM:<"a>\xc3\xa9"@x.org>', "501 5.1.7"),
        (b"mail from:<\xc3\xa9@x.org>", "501 5.1.7"),
        (b"RCPT TO:<\xc3\xa9@x.org>", "501 5.1.3"),
        (b"RCPT TO:\xc3\xa9@x.org", "501 5.1.3"),
        (b"MAIL FROM:<a@b.c> SIZE=\xd9\xa1", "501 5.5.2"),
        (b"MAIL FROM:a@b.c SIZE=\xd9\xa1", "501 5.5.2"),
        (b"MAIL FROM\xc3\xa9:<a@b.c>", "501 5.5.2"),
        (b"MAIL FROM:<a@b.c>\xc3\xa9", "501 5.5.2"),
        (b"MAIL FROM:<\xc3\xa9\x01@x.org>", "501 5.5.2"),
    ],
)
def test_an_octet_over_0x7f_is_refused_where_it_stands(line: bytes, reply: str) -> None:
    before = (EHLO, MAIL) if line.startswith(b"RCPT") else (EHLO,)
    assert last(*before, line) == reply


@pytest.mark.conformance("C010")
@pytest.mark.threat("T-LINE")
@pytest.mark.parametrize("octet", [octet for octet in (*range(1, 0x20), 0x7F) if octet not in b"\r\n"])
def test_a_control_character_in_an_argument_is_501_and_in_the_verb_500(octet: int) -> None:
    control = bytes((octet,))
    assert replies(b"NOOP a" + control + b"b", b"HELP " + control + b"x", b"NOOP") == [
        "501 5.5.2",
        "501 5.5.2",
        "250 2.0.0",
    ]
    assert replies(EHLO, b"MAIL FROM:<a" + control + b"@b.c>") == ["250", "501 5.5.2"]
    assert replies(b"NO" + control + b"OP", control) == ["500 5.5.2", "500 5.5.2"]
    assert converse(b"BDAT 1" + control + b"2\r\nNOOP\r\n").replies == ["501 5.5.4"]


@pytest.mark.conformance("C011")
@pytest.mark.threat("T-LINE")
def test_nul_is_refused_as_bare_newlines_are() -> None:
    assert replies(b"EHLO x\0y\0z", b"NOOP") == ["500 5.5.2", "250 2.0.0"]


@pytest.mark.conformance("C012", "C013", "C014")
def test_a_line_of_512_octets_is_taken_and_a_longer_one_is_one_500() -> None:
    for size, reply in [(512, "250 2.0.0"), (513, "500 5.5.2"), (5000, "500 5.5.2"), (13000, "500 5.5.2")]:
        line = b"NOOP " + b"x" * (size - 7) + b"\r\n"
        talk = hold([line + b"NOOP\r\n"])
        assert talk.replies == [reply, "250 2.0.0"]
        assert hold([line[:100], line[100:], b"NOOP\r\n"]) == talk


@pytest.mark.conformance("C013")
@pytest.mark.parametrize("line", [b"XYZZY", b"TURN", b"BDAT 1", b"RSET", b"RCPT TO:<a@b.c>", b"NO\xffOP", b"\x01"])
def test_a_line_that_is_too_long_is_that_before_anything_else(line: bytes) -> None:
    talk = hold([EHLO + b"\r\n" + line + b" " * (600 - len(line)) + b"\r\nNOOP\r\n"])
    assert talk.replies == ["250", "500 5.5.2", "250 2.0.0"]


@pytest.mark.conformance("C012", "C013")
def test_extensions_make_room_on_the_line_of_mail_while_they_are_announced() -> None:
    def mail(size: int) -> bytes:
        return b"MAIL FROM:<" + b"a" * (size - 18) + b"@b.c>\r\n"

    assert hold([EHLO + b"\r\n" + mail(LONG_MAIL)]).replies == ["250", "250 2.1.0"]
    assert hold([EHLO + b"\r\n" + mail(LONG_MAIL + 1)]).replies == ["250", "500 5.5.2"]
    assert hold([b"HELO x\r\n" + mail(512)]).replies == ["250", "250 2.1.0"]
    assert hold([b"HELO x\r\n" + mail(513)]).replies == ["250", "500 5.5.2"]
    assert hold([EHLO + b"\r\nHELO x\r\n" + mail(513)]).replies == ["250", "250", "500 5.5.2"]
    rcpt = b"RCPT TO:<" + b"a" * (513 - 16) + b"@b.c>\r\n"
    assert hold([EHLO + b"\r\n" + MAIL + b"\r\n" + rcpt[:9] + rcpt[10:]]).replies[-1] == "250 2.1.5"
    assert hold([EHLO + b"\r\n" + MAIL + b"\r\n" + rcpt]).replies[-1] == "500 5.5.2"


def test_a_line_without_end_is_421_in_the_end() -> None:
    endless = b"NOOP " + b"x" * 70000
    talk = hold([endless, b"\r\nNOOP\r\n"])
    assert talk.replies == ["421 4.7.0"]
    assert talk.state is State.CLOSED
    assert next(event for event in talk.events if isinstance(event, Rejected)).fatal
    assert hold([endless[i : i + 1000] for i in range(0, 70000, 1000)]).replies == ["421 4.7.0"]


@pytest.mark.conformance("C015", "C170", "C171")
def test_every_line_gets_one_reply_in_order_and_no_input_is_thrown_away() -> None:
    lines = [b"NOOP", b"XYZZY", EHLO, b"", b"RCPT TO:<a@b.c>", MAIL, b"MAIL FROM:<a@b.c>", b"a\rb", b"DATA x", b"QUIT"]
    assert replies(*lines) == [
        "250 2.0.0", "500 5.5.1", "250", "500 5.5.2", "503 5.5.1", "250 2.1.0", "503 5.5.1", "500 5.5.2", "501 5.5.4",
        "221 2.0.0",
    ]  # fmt: skip


@pytest.mark.conformance("C016", "C017", "C018", "C294", "C311")
def test_an_unknown_verb_is_500_a_known_one_that_is_off_502_and_neither_closes() -> None:
    assert replies(b"XYZZY", b"XFOO x", b"TURN", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", b"NOOP") == [
        "500 5.5.1", "500 5.5.1", "502 5.5.1", "500 5.5.1", "250 2.0.0",
    ]  # fmt: skip
    assert replies(EHLO, b"EXPN x", b"HELP", b"STARTTLS", b"AUTH PLAIN", b"VRFY x", served=()) == [
        "250", "502 5.5.1", "502 5.5.1", "502 5.5.1", "502 5.5.1", "252 2.5.0",
    ]  # fmt: skip


def test_a_chunk_that_nobody_asked_for_ends_the_dialogue() -> None:
    talk = converse(EHLO + b"\r\nBDAT 5 LAST\r\nQUIT\r\n")
    assert talk.replies == ["250", "502 5.5.1"]
    assert talk.state is State.CLOSED


@pytest.mark.conformance("C019", "C020", "C021", "C022")
@pytest.mark.threat("T-UTF8", "T-PY")
@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"\t",
        b" NOOP",
        b"\tNOOP",
        b"EHLO\tx",
        b"NOOP\tx",
        b"\xc5\xbftarttl\xc5\xbf",
        b"N\xc4\xb1OP",
        b"Q\xe2\x84\xaa",
    ],
)
def test_what_only_looks_like_a_command_is_500(line: bytes) -> None:
    assert replies(line, b"NOOP") == ["500 5.5.2", "250 2.0.0"]


def test_two_spaces_behind_a_verb_are_one_and_the_argument() -> None:
    assert converse(b"NOOP  x\r\n").events == [Noop(" x")]
    assert replies(EHLO, b"MAIL  FROM:<a@b.c>") == ["250", "501 5.5.2"]


def test_an_empty_line_before_a_command_is_a_line_of_its_own() -> None:
    assert replies(b"", b"QUIT") == ["500 5.5.2", "221 2.0.0"]


@pytest.mark.conformance("C023")
def test_a_whole_session_is_the_same_however_it_is_cut() -> None:
    talk = converse(
        b"EHLO c.d\r\nMAIL FROM:<a@b.c> SIZE=9 BODY=8bitmime\r\nRCPT TO:<x@y.z>\r\nRCPT TO:<>\r\nDATA\r\n"
        b"..a\r\n.b\r\n.\r\n\nfoo\r\nAUTH LOGIN\r\nYQ==\r\nAUTH PLAIN\r\nQUIT\r\nNOOP\r\n"
    )
    assert talk.replies == [
        "250", "250 2.1.0", "250 2.1.5", "501 5.1.3", "354", "250 2.0.0", "500 5.5.2", "334", "235 2.7.0", "503 5.5.1",
        "221 2.0.0",
    ]  # fmt: skip
    assert talk.content == [b".a\r\nb\r\n"]


def test_a_name_that_is_none_is_told_apart_or_refused() -> None:
    [event] = converse(b"HELO my_pc\r\n").events
    assert isinstance(event, Helo)
    assert not event.helo_valid
    assert codes(converse(b"HELO my_pc\r\n", leniencies=STRICT).output) == ["501"]
