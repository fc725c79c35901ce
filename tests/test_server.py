"""ServerConnection as its caller sees it; what it makes of octets is told by tests/conformance."""

from __future__ import annotations

import itertools

import pytest

from smtpcore.body import Defect
from smtpcore.commands import Auth, Data, Ehlo, Mail, Noop, Quit, Rcpt, StartTls
from smtpcore.dialogue import select
from smtpcore.errors import LocalProtocolError
from smtpcore.events import BodyChunk, ConnectionClosed, EarlyTalk, EndOfBody, Pause, Rejected
from smtpcore.extensions import Extensions
from smtpcore.paths import Path
from smtpcore.refusals import Barrier
from smtpcore.replies import EhloReply, Reply
from smtpcore.server import ServerConnection
from smtpcore.spec import COMMANDS, END_OF_DATA, GREETING, SASL, UNKNOWN, Dialect, State
from tests.wire import Talk, accept, connection, drain

OK = Reply(250, "OK")
NAME = Reply(220, "mx.example.org")
EHLO = b"EHLO client.example\r\n"
MAIL = b"MAIL FROM:<a@b.c>\r\n"
RCPT = b"RCPT TO:<a@b.c>\r\n"


def greeted(data: bytes = b"", **settings: object) -> ServerConnection:
    """A connection that has greeted, and has read and accepted these lines."""
    conn = connection(**settings)  # type: ignore[arg-type]
    conn.send(NAME)
    if data:
        conn.receive_data(data)
        drain(conn, Talk(), accept)
    return conn


def test_a_transaction_from_the_greeting_to_the_goodbye() -> None:
    conn = ServerConnection()
    assert conn.next_event() is Pause.NEED_REPLY
    assert conn.send(Reply(220, "mx.example.org ESMTP")) == b"220 mx.example.org ESMTP\r\n"
    assert conn.next_event() is Pause.NEED_DATA

    assert list(conn.receive_data(b"EHLO client.example\r\nMAIL FROM:<a@b.c>\r\n")) == [Ehlo("client.example")]
    assert conn.next_event() is Pause.NEED_REPLY
    assert conn.send(EhloReply("mx.example.org", Extensions({"PIPELINING": ""}))) == (
        b"250-mx.example.org\r\n250 PIPELINING\r\n"
    )
    assert conn.next_event() == Mail(Path("a", "b.c"))
    assert conn.send(Reply(250, "OK", "2.1.0")) == b"250 2.1.0 OK\r\n"
    assert list(conn.receive_data(RCPT)) == [Rcpt(Path("a", "b.c"))]
    conn.send(OK)
    assert list(conn.receive_data(b"DATA\r\n")) == [Data()]
    assert conn.send(Reply(354, "Go on")) == b"354 Go on\r\n"
    assert list(conn.receive_data(b"Hello\r\n.\r\nQUIT\r\n")) == [BodyChunk(b"Hello\r\n"), EndOfBody(Defect(0), 7)]
    conn.send(OK)
    assert conn.next_event() == Quit()
    assert conn.send(Reply(221, "Bye")) == b"221 2.0.0 Bye\r\n"
    assert conn.next_event() == ConnectionClosed()


def test_the_greeting_is_owed_from_the_start() -> None:
    conn = connection()
    assert (conn.state, conn.owed) == (State.CONNECTED, GREETING)
    assert conn.next_event() is Pause.NEED_REPLY


@pytest.mark.conformance("C034")
def test_input_before_the_greeting_is_told_once_and_kept() -> None:
    conn = connection()
    assert list(conn.receive_data(b"NO")) == [EarlyTalk()]
    assert list(conn.receive_data(b"OP\r\n")) == []
    conn.send(NAME)
    assert conn.next_event() == Noop()


def test_input_behind_the_greeting_is_not_early() -> None:
    conn = connection()
    conn.receive_data(b"NOOP\r\n")
    conn.send(NAME)
    assert conn.next_event() == Noop()


def test_nobody_who_hangs_up_at_once_has_talked_early() -> None:
    conn = connection()
    assert list(conn.receive_data(b"")) == []
    conn.send(NAME)
    assert conn.next_event() == ConnectionClosed()


def test_octets_are_fed_at_the_call_and_read_at_leisure() -> None:
    conn = greeted()
    conn.receive_data(b"NOOP\r\nNO")
    events = conn.receive_data(b"OP x\r\n")
    assert conn.buffered == 14
    assert next(events) == Noop()
    assert conn.buffered == 8
    assert list(events) == []
    conn.send(OK)
    assert next(events) == Noop("x")
    assert conn.buffered == 0


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_will_do_and_may_be_used_again(kind: type) -> None:
    octets = bytearray(b"NOOP\r\n")
    conn = greeted()
    conn.receive_data(kind(octets))
    octets[:] = b"QUIT\r\n"
    assert conn.next_event() == Noop()


def test_there_is_no_input_behind_its_end() -> None:
    conn = greeted()
    conn.receive_data(b"")
    with pytest.raises(LocalProtocolError, match="feed b'' last"):
        conn.receive_data(b"NOOP\r\n")
    conn.receive_data(b"")


@pytest.mark.conformance("C075")
def test_the_end_of_the_input_is_told_behind_what_came_before_and_closes() -> None:
    conn = greeted()
    conn.receive_data(b"NOOP\r\n")
    events = conn.receive_data(b"")
    assert list(events) == [Noop()]
    assert conn.send(OK) == b"250 2.0.0 OK\r\n"
    assert list(itertools.islice(events, 5)) == [ConnectionClosed()]
    assert conn.next_event() == ConnectionClosed()
    assert conn.state is State.CLOSED
    with pytest.raises(LocalProtocolError):
        conn.send(Reply(421))


@pytest.mark.parametrize("before", [b"", EHLO, EHLO + b"AUTH PLAIN\r\n", EHLO + MAIL + RCPT + b"DATA\r\nx"])
def test_the_input_may_end_anywhere(before: bytes) -> None:
    conn = greeted(before)
    assert list(conn.receive_data(b""))[-1:] == [ConnectionClosed()]
    assert conn.state is State.CLOSED


def test_the_input_may_end_during_a_handshake() -> None:
    conn = greeted(EHLO)
    conn.receive_data(b"STARTTLS\r\n")
    assert conn.next_event() == StartTls()
    conn.send(Reply(220, "Go on"))
    assert conn.next_event() is Pause.NEED_DATA
    assert list(conn.receive_data(b"")) == [ConnectionClosed()]


def test_behind_the_end_of_the_dialogue_input_is_dropped() -> None:
    conn = greeted(b"QUIT\r\n")
    assert list(conn.receive_data(b"NOOP\r\n")) == [ConnectionClosed()]
    assert conn.buffered == 0


def test_without_an_event_there_is_nothing_to_answer() -> None:
    conn = greeted()
    for reply in (OK, Reply(354), Reply(550), Reply(221, close=True), Reply(354, close=True)):
        with pytest.raises(LocalProtocolError, match="ask next_event"):
            conn.send(reply)
    assert conn.state is State.GREETED


@pytest.mark.parametrize("before", [b"", EHLO, EHLO + b"AUTH PLAIN\r\n", EHLO + MAIL + RCPT + b"DATA\r\nx", b"NOO"])
def test_a_421_may_be_sent_at_any_time(before: bytes) -> None:
    conn = greeted(before)
    assert conn.send(Reply(421, "Shutting down")) == b"421 4.3.2 Shutting down\r\n"
    assert conn.state is State.CLOSED
    assert conn.next_event() == ConnectionClosed()


def test_a_421_answers_what_is_owed() -> None:
    conn = greeted()
    conn.receive_data(b"EHLO x\r\nNOOP\r\n")
    conn.next_event()
    assert conn.send(Reply(421, "Bye")) == b"421 Bye\r\n"
    assert conn.next_event() == ConnectionClosed()
    assert connection().send(Reply(421, "mx too busy")) == b"421 mx too busy\r\n"


def test_a_reply_of_the_wrong_class_changes_nothing() -> None:
    conn = greeted(EHLO + MAIL + RCPT)
    conn.receive_data(b"DATA\r\n")
    conn.next_event()
    for reply in (OK, Reply(250, close=True)):
        with pytest.raises(LocalProtocolError, match="cannot answer DATA"):
            conn.send(reply)
    assert (conn.state, conn.owed) == (State.RCPT, COMMANDS[b"DATA"])
    assert conn.send(Reply(354)) == b"354 \r\n"


@pytest.mark.parametrize("line", [b"RCPT TO:<>\r\n", b"RSET x\r\n", b"XYZZY\r\n", MAIL, b"\n"])
def test_a_rejected_line_can_only_be_refused(line: bytes) -> None:
    conn = greeted(EHLO + MAIL)
    conn.receive_data(line)
    event = conn.next_event()
    assert isinstance(event, Rejected)
    with pytest.raises(LocalProtocolError):
        conn.send(OK)
    assert (conn.state, conn.dialogue.accepted) == (State.MAIL, 0)
    conn.send(event.reply)
    conn.receive_data(b"\r\n" + RCPT)
    drain(conn, Talk(), accept)
    assert conn.dialogue.accepted == 1


def test_a_rejected_response_can_only_be_refused() -> None:
    conn = greeted(EHLO + b"AUTH PLAIN\r\n")
    conn.receive_data(b"!\r\n")
    assert isinstance(conn.next_event(), Rejected)
    assert conn.owed is SASL
    with pytest.raises(LocalProtocolError, match="rejected"):
        conn.send(Reply(235))
    conn.send(Reply(501, "No", "5.5.2"))
    assert not conn.dialogue.authenticated
    conn.receive_data(b"AUTH PLAIN AGEAYg==\r\n")
    assert isinstance(conn.next_event(), Auth)
    conn.send(Reply(235))
    assert conn.dialogue.authenticated


@pytest.mark.conformance("C036")
def test_helo_gets_no_extensions() -> None:
    conn = greeted()
    conn.receive_data(b"HELO x\r\n")
    conn.next_event()
    with pytest.raises(LocalProtocolError, match="HELO is not answered with extensions"):
        conn.send(EhloReply("mx.example.org", Extensions({"SIZE": "1"})))
    assert conn.state is State.GREETED
    assert conn.send(OK) == b"250 OK\r\n"


def test_ehlo_may_be_answered_with_a_name_alone_and_nothing_is_in_force_then() -> None:
    conn = greeted()
    conn.receive_data(b"EHLO x\r\nMAIL FROM:<a@b.c> SIZE=1\r\n")
    conn.next_event()
    conn.send(OK)
    event = conn.next_event()
    assert isinstance(event, Rejected)
    assert event.reply.code == 555


@pytest.mark.conformance("C214")
@pytest.mark.threat("T-TLS")
def test_clear_text_behind_starttls_never_gets_into_tls() -> None:
    conn = greeted(EHLO)
    conn.receive_data(b"STARTTLS\r\nNOOP\r\n")
    assert conn.next_event() == StartTls()
    with pytest.raises(LocalProtocolError, match="clear text is buffered"):
        conn.send(Reply(220, "Go on"))
    assert conn.state is State.READY
    assert conn.send(Reply(554, "No", "5.5.1", close=True)) == b"554 5.5.1 No\r\n"
    assert conn.next_event() == ConnectionClosed()


@pytest.mark.conformance("C214")
@pytest.mark.threat("T-TLS")
def test_clear_text_behind_the_220_stops_the_handshake() -> None:
    conn = greeted(EHLO)
    conn.receive_data(b"STARTTLS\r\n")
    conn.next_event()
    assert conn.send(Reply(220, "Go on")) == b"220 2.0.0 Go on\r\n"
    assert list(conn.receive_data(b"NOOP\r\n")) == []
    with pytest.raises(LocalProtocolError, match="close the connection"):
        conn.start_tls()
    with pytest.raises(LocalProtocolError):
        conn.send(Reply(421))
    assert conn.state is State.TLS_HANDSHAKE


def test_a_refused_starttls_leaves_the_input_alone() -> None:
    conn = greeted(EHLO)
    conn.receive_data(b"STARTTLS\r\nNOOP\r\n")
    conn.next_event()
    assert conn.send(Reply(454, "Later")) == b"454 4.7.0 Later\r\n"
    assert conn.next_event() == Noop()


@pytest.mark.conformance("C212", "C213", "C215")
def test_tls_forgets_what_was_said_in_clear_text() -> None:
    conn = greeted(EHLO)
    with pytest.raises(LocalProtocolError, match="nowhere else"):
        conn.start_tls()
    conn.receive_data(b"STARTTLS\r\n")
    conn.next_event()
    conn.send(Reply(220, "Go on"))
    conn.start_tls()
    assert (conn.state, conn.dialogue.tls, conn.dialogue.extended, conn.owed) == (State.GREETED, True, False, None)
    assert not conn.grammar.extended
    assert not conn.grammar.extensions


def test_what_is_owed_is_told_by_its_rule() -> None:
    conn = greeted(EHLO)
    for line, rule in [(b"NOOP\r\n", COMMANDS[b"NOOP"]), (b"XYZZY\r\n", UNKNOWN), (b"a\nb\r\n", UNKNOWN)]:
        conn.receive_data(line)
        event = conn.next_event()
        assert conn.owed is rule
        conn.send(event.reply if isinstance(event, Rejected) else OK)
        assert conn.owed is None
    conn.receive_data(MAIL + RCPT + b"DATA\r\n.\r\n")
    for _ in range(3):
        event = conn.next_event()
        conn.send(accept(event) or OK)  # type: ignore[arg-type]
    conn.next_event()
    assert conn.owed is END_OF_DATA


def test_the_last_line_is_at_hand_unless_it_may_not_be_seen() -> None:
    conn = greeted()
    for line, kept in [(b"NOOP  x \r\n", b"NOOP  x "), (b"a\nb\r\n", b""), (b"XYZZY\r\n", b"XYZZY")]:
        conn.receive_data(line)
        drain(conn, Talk(), accept)
        assert conn.line == kept
    conn.receive_data(EHLO + b"AUTH PLAIN\r\nAGEAYg==\r\n")
    drain(conn, Talk(), accept)
    assert conn.line == b""


def test_defects_are_told_while_the_content_is_read() -> None:
    conn = greeted(EHLO + MAIL + RCPT)
    assert not conn.reading_content
    conn.receive_data(b"DATA\r\nx\ny")
    drain(conn, Talk(), accept)
    assert conn.reading_content
    assert conn.defects == Defect.BARE_LF
    conn.receive_data(b"\r\n.\r\n" + MAIL + RCPT + b"DATA\r\nx")
    drain(conn, Talk(), accept)
    assert conn.defects == Defect(0)


def test_a_barrier_stands_before_all_but_some_verbs_and_can_be_removed() -> None:
    conn = greeted(EHLO)
    conn.barrier = Barrier(Reply(530, "No", "5.7.0"), frozenset((b"QUIT",)))
    conn.receive_data(b"NOOP\r\n")
    assert conn.next_event() == Rejected(b"NOOP", Reply(530, "No", "5.7.0"))
    conn.send(Reply(530, "No", "5.7.0"))
    conn.barrier = None
    conn.receive_data(b"NOOP\r\n")
    assert conn.next_event() == Noop()


def test_lmtp_has_enhanced_codes_whatever_was_asked_for() -> None:
    conn = ServerConnection(dialect=Dialect.LMTP, enhanced_codes=False)
    conn.send(NAME)
    conn.receive_data(b"NOOP\r\nLHLO x\r\n")
    conn.next_event()
    assert conn.send(OK) == b"250 2.0.0 OK\r\n"
    assert conn.next_event() is not Pause.NEED_DATA


def test_without_a_table_all_there_are_commands_for_is_served() -> None:
    conn = ServerConnection()
    conn.send(NAME)
    conn.receive_data(b"LHLO x\r\nTURN\r\nHELP\r\nEXPN x\r\n")
    talk = Talk()
    drain(conn, talk, accept)
    assert talk.replies == ["500 5.5.1", "502 5.5.1", "214 2.0.0", "252 2.5.0"]


def test_a_table_cannot_serve_what_there_is_no_command_for() -> None:
    with pytest.raises(LocalProtocolError, match="make it with select"):
        ServerConnection(table=COMMANDS)
    ServerConnection(table=select(Dialect.SMTP, frozenset(COMMANDS)))


def test_a_longer_command_line_is_a_setting() -> None:
    conn = greeted(max_command_line=2000)
    conn.receive_data(b"NOOP " + b"x" * 1993 + b"\r\nNOOP " + b"x" * 1994 + b"\r\n")
    talk = Talk()
    drain(conn, talk, accept)
    assert talk.replies == ["250 2.0.0", "500 5.5.2"]


def test_a_long_line_is_never_an_endless_one() -> None:
    conn = greeted(max_auth_line=512, max_line_drain=0)
    conn.receive_data(EHLO + b"NOOP " + b"x" * 1200 + b"\r\nNOOP\r\n")
    talk = Talk()
    drain(conn, talk, accept)
    assert talk.replies == ["250", "500 5.5.2", "250 2.0.0"]
