"""C035 to C073: hello, the order of the commands, and the end."""

from __future__ import annotations

import pytest

from smtpcore.commands import Ehlo, Helo
from smtpcore.events import ConnectionClosed
from smtpcore.replies import Reply
from smtpcore.spec import Dialect, State
from tests.wire import EHLO, HELO, MAIL, RCPT, STRICT, connection, converse, hold, last, refuse, replies


@pytest.mark.conformance("C024", "C025")
def test_the_greeting_has_no_enhanced_code() -> None:
    assert connection().send(Reply(220, "mx.example.org ESMTP")) == b"220 mx.example.org ESMTP\r\n"
    assert connection().send(Reply(554, "mx.example.org")) == b"554 mx.example.org\r\n"


@pytest.mark.conformance("C026", "C027")
def test_after_a_refusing_greeting_only_quit_is_served() -> None:
    talk = converse(b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nNOOP\r\nQUIT\r\n", greeting=Reply(554, "mx.example.org"))
    assert talk.replies == ["503", "503 5.5.1", "503 5.5.1", "221 2.0.0"]
    assert talk.state is State.CLOSED


@pytest.mark.conformance("C035", "C036", "C047")
def test_helo_is_answered_in_one_line_without_enhanced_code() -> None:
    assert converse(b"HELO x\r\n").output == b"250 mx.example.org\r\n"


@pytest.mark.conformance("C040", "C047", "C056")
def test_ehlo_and_lhlo_list_what_is_announced() -> None:
    wire = (
        b"250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
        b"250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN LOGIN\r\n"
    )
    assert converse(b"EHLO x\r\n").output == wire
    assert converse(b"LHLO x\r\n", dialect=Dialect.LMTP).output == wire


@pytest.mark.conformance("C047")
def test_a_refused_hello_has_no_enhanced_code_either() -> None:
    assert replies(b"EHLO x", b"HELO x", answer=refuse(Ehlo, Helo)) == ["550", "550"]


@pytest.mark.conformance("C041")
@pytest.mark.parametrize("hello", [EHLO, HELO])
def test_a_hello_ends_the_transaction(hello: bytes) -> None:
    assert replies(EHLO, MAIL, RCPT, hello, b"DATA", MAIL)[3:] == ["250", "503 5.5.1", "250 2.1.0"]


@pytest.mark.conformance("C042", "C043")
@pytest.mark.parametrize("hello", [b"EHLO", b"HELO", b"EHLO \x01"])
def test_a_hello_that_is_wrong_leaves_the_transaction(hello: bytes) -> None:
    assert replies(EHLO, MAIL, hello, RCPT)[2:] == ["501", "250 2.1.5"]


@pytest.mark.conformance("C042")
def test_a_hello_that_is_refused_leaves_the_transaction_and_what_was_announced() -> None:
    assert replies(EHLO, MAIL, HELO, RCPT, answer=refuse(Helo))[2:] == ["550", "250 2.1.5"]
    assert last(EHLO, HELO, MAIL + b" SIZE=1", answer=refuse(Helo)) == "250 2.1.0"


@pytest.mark.conformance("C044", "C045", "C046")
@pytest.mark.parametrize("verb", [b"EHLO", b"HELO"])
@pytest.mark.parametrize(
    ("name", "valid"),
    [
        (b"[192.0.2.1]", True),
        (b"[IPv6:2001:db8::1]", True),
        (b"other.example", True),
        (b"localhost", True),
        (b"my_pc", False),
        (b"a.b.", False),
        (b"192.0.2.1.", False),
        (b"[192.0.2.1] foo", False),
        (b"[192.0.2.256]", False),
        (b"<a@b.c>", False),
    ],
)
def test_any_name_is_taken_and_told_apart_and_strict_takes_only_valid_ones(
    verb: bytes, name: bytes, valid: bool
) -> None:
    [event] = converse(verb + b" " + name + b"\r\n").events
    assert isinstance(event, Ehlo | Helo)
    assert event.domain == name.decode()
    assert event.helo_valid is valid
    assert replies(verb + b" " + name, leniencies=STRICT) == ["250" if valid else "501"]


@pytest.mark.conformance("C055")
def test_lmtp_knows_no_helo_and_no_ehlo_and_smtp_no_lhlo() -> None:
    assert replies(b"EHLO x", b"HELO x", MAIL, dialect=Dialect.LMTP) == ["500 5.5.1", "500 5.5.1", "503 5.5.1"]
    assert replies(b"LHLO x", MAIL) == ["500 5.5.1", "503 5.5.1"]


@pytest.mark.conformance("C063", "C066")
def test_what_is_out_of_order_changes_nothing() -> None:
    assert replies(EHLO, MAIL, b"DATA", MAIL, b"STARTTLS", b"AUTH PLAIN", RCPT, b"DATA")[2:] == [
        "503 5.5.1", "503 5.5.1", "503 5.5.1", "503 5.5.1", "250 2.1.5", "354",
    ]  # fmt: skip


@pytest.mark.conformance("C067", "C068", "C069")
def test_rset_drops_the_transaction_and_nothing_else() -> None:
    assert replies(b"RSET", EHLO, b"RSET", MAIL, RCPT, b"RSET", b"DATA", RCPT, MAIL, b"RSET", b"NOOP") == [
        "250 2.0.0", "250", "250 2.0.0", "250 2.1.0", "250 2.1.5", "250 2.0.0", "503 5.5.1", "503 5.5.1", "250 2.1.0",
        "250 2.0.0", "250 2.0.0",
    ]  # fmt: skip
    assert converse(b"RSET\r\n").state is State.GREETED


@pytest.mark.conformance("C072", "C073")
def test_quit_is_the_last_thing_that_is_answered() -> None:
    talk = converse(b"EHLO x\r\n" + MAIL + b"\r\nQUIT\r\nNOOP\r\n")
    assert talk.replies == ["250", "250 2.1.0", "221 2.0.0"]
    assert talk.events[-1] == ConnectionClosed()
    assert talk.state is State.CLOSED


@pytest.mark.conformance("C070")
def test_quit_with_an_argument_stays() -> None:
    assert replies(b"QUIT now", b"NOOP") == ["501 5.5.4", "250 2.0.0"]


@pytest.mark.conformance("C075")
@pytest.mark.parametrize("rest", [b"", b"RCPT TO:<half@", b"DATA", b"QUIT\r"])
def test_the_end_of_the_input_comes_behind_all_that_came_before(rest: bytes) -> None:
    talk = hold([EHLO + b"\r\n" + MAIL + b"\r\n" + RCPT + b"\r\n" + rest, b""])
    assert talk.replies == ["250", "250 2.1.0", "250 2.1.5"]
    assert talk.events[-1] == ConnectionClosed()
    assert talk.state is State.CLOSED


@pytest.mark.conformance("C081")
def test_a_session_has_as_many_transactions_as_it_likes() -> None:
    message = MAIL + b"\r\n" + RCPT + b"\r\nDATA\r\nx\r\n.\r\n"
    assert converse(EHLO + b"\r\n" + 3 * message).content == [b"x\r\n"] * 3


@pytest.mark.conformance("C212", "C213", "C228", "C229")
def test_tls_begins_the_dialogue_anew_and_authentication_ends_its_own() -> None:
    assert hold([b"EHLO x\r\nSTARTTLS\r\n", b"MAIL FROM:<a@b.c>\r\nSTARTTLS\r\nEHLO x\r\nSTARTTLS\r\n"]).replies == [
        "250", "220 2.0.0", "503 5.5.1", "503 5.5.1", "250", "503 5.5.1",
    ]  # fmt: skip
    assert replies(EHLO, b"AUTH PLAIN AGEAYg==", b"AUTH PLAIN AGEAYg==") == ["250", "235 2.7.0", "503 5.5.1"]


@pytest.mark.conformance("C328", "C329", "C332")
def test_starttls_and_auth_need_ehlo_and_no_transaction() -> None:
    assert replies(b"STARTTLS", b"AUTH PLAIN", HELO, b"STARTTLS", b"AUTH PLAIN", EHLO, MAIL, b"STARTTLS", RCPT) == [
        "503 5.5.1", "503 5.5.1", "250", "503 5.5.1", "503 5.5.1", "250", "250 2.1.0", "503 5.5.1", "250 2.1.5",
    ]  # fmt: skip
    assert last(EHLO, MAIL, b"RSET", b"STARTTLS") == "220 2.0.0"
