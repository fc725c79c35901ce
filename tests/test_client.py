"""The client's end of the wire: what may be sent when, and what each reply answers."""

from __future__ import annotations

import pytest

from smtpcore import (
    Auth,
    BodyChunk,
    ClientConnection,
    ConnectionClosed,
    Custom,
    CustomExtension,
    CustomVerb,
    Data,
    Dialect,
    Ehlo,
    EhloReply,
    EndOfBody,
    Expn,
    Helo,
    Lhlo,
    LocalProtocolError,
    Mail,
    Noop,
    Path,
    Pause,
    Quit,
    Rcpt,
    RemoteProtocolError,
    Reply,
    ReplyLimits,
    Rset,
    SaslCancel,
    SaslResponse,
    StartTls,
    State,
    Vrfy,
)
from smtpcore.client import Answer
from smtpcore.commands import Bdat, Etrn, Xclient
from smtpcore.params import BodyType

MAIL = Mail(Path("a", "b.example"), {})
RCPT = Rcpt(Path("c", "d.example"), {})
EVERYTHING = (
    b"250-srv\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"
)


def client(ehlo: bytes = EVERYTHING, dialect: Dialect = Dialect.SMTP) -> ClientConnection:
    """A client that was greeted and has said EHLO."""
    connection = ClientConnection(dialect=dialect)
    answers(connection, b"220 srv\r\n")
    connection.send(Lhlo("me.example") if dialect is Dialect.LMTP else Ehlo("me.example"))
    answers(connection, ehlo)
    return connection


def state(connection: ClientConnection) -> State:
    """Where the dialogue stands; a type checker would take it for granted that nothing changes it."""
    return connection.state


def predicted(connection: ClientConnection) -> State:
    """Where the dialogue will stand."""
    return connection.predicted


def answers(connection: ClientConnection, data: bytes) -> list[Answer]:
    """What the octets are, the end of the dialogue apart."""
    return [event for event in connection.receive_data(data) if not isinstance(event, ConnectionClosed)]


def codes(connection: ClientConnection, data: bytes) -> list[tuple[str, int]]:
    """What the octets are, in short."""
    return [(type(event).__name__, reply.code) for event, reply in answers(connection, data)]


def in_transaction(connection: ClientConnection) -> ClientConnection:
    """The connection with a recipient accepted."""
    connection.send(MAIL)
    connection.send(RCPT)
    answers(connection, b"250 ok\r\n250 ok\r\n")
    return connection


def in_data(connection: ClientConnection) -> ClientConnection:
    """The connection behind a 354."""
    in_transaction(connection).send(Data())
    answers(connection, b"354 go\r\n")
    return connection


def test_a_message_from_the_greeting_to_the_end() -> None:
    connection = ClientConnection()
    assert state(connection) is State.CONNECTED
    assert answers(connection, b"220 srv ESMTP\r\n") == [(None, Reply.read(220, ["srv ESMTP"], None))]
    assert connection.send(Ehlo("me.example")) == b"EHLO me.example\r\n"
    [(command, reply)] = answers(connection, b"250-srv\r\n250-PIPELINING\r\n250 SIZE 1000\r\n")
    assert command == Ehlo("me.example")
    assert isinstance(reply, EhloReply)
    assert reply.extensions is connection.extensions
    assert dict(connection.extensions) == {"PIPELINING": "", "SIZE": "1000"}
    octets = b"".join(connection.send(event) for event in (MAIL, RCPT, Data()))
    assert octets == b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
    assert connection.outstanding == [MAIL, RCPT, Data()]
    assert predicted(connection) is State.DATA
    assert state(connection) is State.READY
    assert codes(connection, b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n") == [
        ("Mail", 250),
        ("Rcpt", 250),
        ("Data", 354),
    ]
    assert state(connection) is State.DATA
    assert connection.send(BodyChunk(b".x\r\n")) + connection.send(EndOfBody()) == b"..x\r\n.\r\n"
    assert codes(connection, b"250 2.0.0 ok\r\n") == [("EndOfBody", 250)]
    assert state(connection) is State.READY
    assert connection.send(Quit()) == b"QUIT\r\n"
    assert codes(connection, b"221 bye\r\n") == [("Quit", 221)]
    assert state(connection) is State.CLOSED
    assert connection.next_event() == ConnectionClosed()


@pytest.mark.conformance("C029", "C033")
@pytest.mark.parametrize(
    ("greeting", "command", "words"),
    [
        (b"", Ehlo("a.example"), "has to wait for the reply to"),
        (b"220 x\r\n", MAIL, "introduce yourself with EHLO"),
        (b"554 x\r\n", Ehlo("a.example"), "not in order in the state REFUSED$"),
    ],
)
def test_nothing_is_sent_before_its_time(greeting: bytes, command: Mail | Ehlo, words: str) -> None:
    connection = ClientConnection()
    if greeting:
        answers(connection, greeting)
    with pytest.raises(LocalProtocolError, match=words):
        connection.send(command)
    assert connection.outstanding == []


@pytest.mark.conformance("C031")
def test_a_greeting_of_any_2yz_is_a_welcome_and_any_other_is_not() -> None:
    for greeting, expected in ((b"250 x", State.GREETED), (b"554 x", State.REFUSED), (b"421 x", State.CLOSED)):
        connection = ClientConnection()
        assert answers(connection, greeting + b"\r\n") == [(None, Reply.read(int(greeting[:3]), ["x"], None))]
        assert connection.state is expected


@pytest.mark.conformance("C176", "C177")
def test_groups_are_those_of_rfc_2920() -> None:
    lock_step = client(b"250 srv\r\n")
    lock_step.send(MAIL)
    assert not lock_step.may_send
    with pytest.raises(LocalProtocolError, match="RCPT has to wait for the reply to MAIL"):
        lock_step.send(RCPT)
    for last in (Ehlo("a.example"), Vrfy("x"), Noop(), Quit(), StartTls(), Auth("PLAIN")):
        connection = client()
        connection.send(last)
        with pytest.raises(LocalProtocolError, match="has to wait"):
            connection.send(Rset())


@pytest.mark.conformance("C178")
def test_replies_are_paired_by_their_order() -> None:
    connection = client()
    for event in (MAIL, RCPT, RCPT, Data()):
        connection.send(event)
    found = codes(connection, b"250 go\r\n550 no\r\n250-x\r\n250 550 y\r\n354 z\r\n")
    assert found == [("Mail", 250), ("Rcpt", 550), ("Rcpt", 250), ("Data", 354)]


def test_a_354_behind_a_refused_mail_still_leads_to_data() -> None:
    connection = client()
    for event in (MAIL, RCPT, Data()):
        connection.send(event)
    assert codes(connection, b"550 no\r\n503 no\r\n354 go\r\n") == [("Mail", 550), ("Rcpt", 503), ("Data", 354)]
    assert state(connection) is State.DATA
    assert connection.send(EndOfBody()) == b".\r\n"


def test_a_refused_mail_leaves_the_state_and_the_prediction() -> None:
    connection = client()
    for event in (MAIL, RCPT, Data()):
        connection.send(event)
    assert predicted(connection) is State.DATA
    codes(connection, b"550 no\r\n503 no\r\n503 no\r\n")
    assert predicted(connection) is State.READY
    assert state(connection) is State.READY
    connection.send(MAIL)


def test_a_server_that_takes_a_recipient_behind_a_refused_mail_is_believed() -> None:
    connection = client()
    connection.send(MAIL)
    connection.send(RCPT)
    codes(connection, b"550 no\r\n250 ok\r\n")
    assert state(connection) is State.RCPT
    with pytest.raises(LocalProtocolError, match="end the open transaction with RSET"):
        connection.send(MAIL)


def test_a_positive_reply_out_of_a_state_that_it_cannot_tell_leaves_the_state() -> None:
    connection = client()
    connection.send(MAIL)
    connection.send(Rset())
    codes(connection, b"550 no\r\n250 ok\r\n")
    assert state(connection) is State.READY


@pytest.mark.conformance("C145", "C164")
@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize(
    ("command", "reply"),
    [(Data(), b"250 ok\r\n"), (RCPT, b"354 go\r\n"), (Rset(), b"334 x\r\n")],
)
def test_a_reply_that_its_command_cannot_have_is_the_end(command: Data | Rcpt | Rset, reply: bytes) -> None:
    connection = in_transaction(client())
    connection.send(command)
    with pytest.raises(RemoteProtocolError, match="cannot answer"):
        answers(connection, reply)
    assert state(connection) is State.CLOSED
    assert connection.next_event() == ConnectionClosed()
    with pytest.raises(LocalProtocolError):
        connection.send(Noop())


@pytest.mark.conformance("C168")
@pytest.mark.threat("T-CLIENT")
def test_a_reply_that_nobody_asked_for_is_the_end() -> None:
    connection = client()
    connection.send(Noop())
    with pytest.raises(RemoteProtocolError, match="nobody asked for"):
        answers(connection, b"250 ok\r\n250 surplus\r\n")
    assert state(connection) is State.CLOSED


@pytest.mark.threat("T-CLIENT")
def test_a_surplus_reply_never_answers_a_later_command() -> None:
    connection = client()
    connection.send(Noop())
    connection.receive_data(b"250 ok\r\n250 sur")
    connection.next_event()
    with pytest.raises(LocalProtocolError, match="something came that was not read"):
        connection.send(Noop())


@pytest.mark.conformance("C169")
def test_a_421_may_come_at_any_time() -> None:
    connection = client()
    assert answers(connection, b"421 4.3.2 bye\r\n") == [(None, Reply(421, "bye", "4.3.2"))]
    assert state(connection) is State.CLOSED


@pytest.mark.conformance("C360")
def test_a_421_to_one_command_leaves_the_others_unanswered() -> None:
    connection = client()
    for event in (MAIL, RCPT, RCPT, Data()):
        connection.send(event)
    assert codes(connection, b"250 ok\r\n421 bye\r\n250 x\r\n") == [("Mail", 250), ("Rcpt", 421)]
    assert connection.outstanding == [RCPT, Data()]
    assert connection.next_event() == ConnectionClosed()


def test_a_421_may_have_many_lines() -> None:
    connection = client()
    assert codes(connection, b"421-a\r\n421-b\r\n421 c\r\n") == [("NoneType", 421)]


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize("code", [b"452", b"552", b"421"])
def test_a_refusal_while_content_is_sent_ends_the_dialogue(code: bytes) -> None:
    connection = in_data(client())
    connection.send(BodyChunk(b"x\r\n"))
    assert codes(connection, code + b" no\r\n") == [("NoneType", int(code))]
    assert state(connection) is State.CLOSED


def test_a_success_while_content_is_sent_is_the_end() -> None:
    connection = in_data(client())
    with pytest.raises(RemoteProtocolError, match="nobody asked for"):
        answers(connection, b"250 ok\r\n")


def test_what_is_no_reply_is_the_end() -> None:
    connection = ClientConnection(limits=ReplyLimits(max_lines=2))
    with pytest.raises(RemoteProtocolError):
        answers(connection, b"220-a\r\n" * 3)
    assert connection.next_event() == ConnectionClosed()


def test_the_end_of_the_input_comes_behind_what_came_before_it() -> None:
    connection = client()
    connection.send(Noop())
    connection.receive_data(b"250 ok\r\n250 half")
    events = list(connection.receive_data(b""))
    assert [type(event) for event in events] == [tuple, ConnectionClosed]
    assert state(connection) is State.CLOSED
    with pytest.raises(LocalProtocolError, match="end of input"):
        connection.receive_data(b"x")


def test_what_comes_behind_the_end_of_the_dialogue_is_dropped() -> None:
    connection = client()
    connection.send(Quit())
    answers(connection, b"221 bye\r\n")
    connection.receive_data(b"250 more\r\n")
    assert connection.buffered == 0


# Content.


def test_content_has_its_place() -> None:
    connection = in_transaction(client())
    with pytest.raises(LocalProtocolError, match="no content is due"):
        connection.send(BodyChunk(b"x"))
    with pytest.raises(LocalProtocolError, match="no content is being sent"):
        connection.send(EndOfBody())
    connection.send(Data())
    with pytest.raises(LocalProtocolError, match="no content is due"):
        connection.send(BodyChunk(b"x"))
    answers(connection, b"354 go\r\n")
    with pytest.raises(LocalProtocolError, match="end it with EndOfBody"):
        connection.send(Rset())


@pytest.mark.conformance("C147")
def test_content_has_no_bare_line_ends_unless_they_are_to_be_converted() -> None:
    connection = in_data(client())
    with pytest.raises(LocalProtocolError, match="lone CR or LF"):
        connection.send(BodyChunk(b"a\nb"))
    assert connection.send(BodyChunk(b"a\r\n")) == b"a\r\n"
    converting = ClientConnection(bare_newlines="convert", allow_nul=True)
    answers(converting, b"220 x\r\n")
    converting.send(Helo("me.example"))
    answers(converting, b"250 x\r\n")
    for event in (MAIL, RCPT, Data()):
        converting.send(event)
        answers(converting, b"354 x\r\n" if event == Data() else b"250 x\r\n")
    assert converting.send(BodyChunk(b"a\nb\0")) == b"a\r\nb\0"


def test_a_recipient_needs_a_transaction() -> None:
    with pytest.raises(LocalProtocolError, match=r"RCPT is not in order in the state READY$"):
        client().send(RCPT)


def test_chunks_have_the_octets_that_they_say() -> None:
    connection = in_transaction(client())
    assert connection.send(Bdat(5)) == b"BDAT 5\r\n"
    with pytest.raises(LocalProtocolError, match="lacks 5 octets"):
        connection.send(Bdat(1, last=True))
    with pytest.raises(LocalProtocolError, match="room for 5 octets"):
        connection.send(BodyChunk(b"123456"))
    assert connection.send(BodyChunk(b"a\nb")) == b"a\nb"
    assert connection.send(BodyChunk(b".\r")) == b".\r"
    assert predicted(connection) is State.BDAT
    assert connection.send(Bdat(0, last=True)) == b"BDAT 0 LAST\r\n"
    assert predicted(connection) is State.READY
    assert codes(connection, b"250 ok\r\n250 ok\r\n") == [("Bdat", 250), ("Bdat", 250)]
    assert state(connection) is State.READY


@pytest.mark.conformance("C206")
def test_behind_a_refused_chunk_comes_rset_and_nothing_else() -> None:
    connection = in_transaction(client())
    connection.send(Bdat(1))
    connection.send(BodyChunk(b"x"))
    codes(connection, b"552 no\r\n")
    assert state(connection) is State.BDAT_FAILED
    for command in (Bdat(1), Bdat(0, last=True), MAIL):
        with pytest.raises(LocalProtocolError, match="end the open transaction with RSET"):
            connection.send(command)
    connection.send(Rset())
    codes(connection, b"250 ok\r\n")
    assert state(connection) is State.READY


def test_binary_content_goes_by_chunks() -> None:
    connection = client()
    connection.send(Mail(MAIL.path, {"BODY": BodyType.BINARY_MIME}))
    connection.send(RCPT)
    with pytest.raises(LocalProtocolError, match="DATA is not in order"):
        connection.send(Data())
    answers(connection, b"250 x\r\n250 x\r\n")
    with pytest.raises(LocalProtocolError, match="DATA is not in order"):
        connection.send(Data())


@pytest.mark.conformance("C209", "C283", "C284", "C285", "C351")
def test_lmtp_has_a_reply_for_each_recipient_that_was_accepted() -> None:
    for by_chunks in (False, True):
        connection = client(dialect=Dialect.LMTP)
        for command in (MAIL, RCPT, RCPT, RCPT):
            connection.send(command)
        codes(connection, b"250 x\r\n250 x\r\n550 x\r\n250 x\r\n")
        if by_chunks:
            connection.send(Bdat(0))
            assert codes(connection, b"250 x\r\n") == [("Bdat", 250)]
            connection.send(Bdat(0, last=True))
        else:
            connection.send(Data())
            codes(connection, b"354 x\r\n")
            connection.send(EndOfBody())
        assert [code for _, code in codes(connection, b"250 x\r\n")] == [250]
        assert connection.due is not None
        assert [code for _, code in codes(connection, b"450-y\r\n450 z\r\n")] == [450]
        assert connection.due is None
        assert state(connection) is State.READY


def test_a_421_ends_the_replies_of_lmtp() -> None:
    connection = client(dialect=Dialect.LMTP)
    for command in (MAIL, RCPT, RCPT):
        connection.send(command)
    codes(connection, b"250 x\r\n" * 3)
    connection.send(Data())
    codes(connection, b"354 x\r\n")
    connection.send(EndOfBody())
    assert codes(connection, b"421 x\r\n250 y\r\n") == [("EndOfBody", 421)]
    assert state(connection) is State.CLOSED


def test_under_lmtp_a_354_without_a_recipient_is_the_end() -> None:
    connection = client(dialect=Dialect.LMTP)
    for command in (MAIL, RCPT, Data()):
        connection.send(command)
    with pytest.raises(RemoteProtocolError, match="354 without a recipient"):
        codes(connection, b"250 x\r\n550 x\r\n354 go\r\n")


# Extensions.


@pytest.mark.conformance("C054", "C110")
def test_what_is_not_announced_is_not_sent() -> None:
    connection = client(b"250 srv\r\n")
    for command, keyword in (
        (StartTls(), "STARTTLS"),
        (Auth("PLAIN"), "AUTH"),
        (Etrn("x.example"), "ETRN"),
        (Xclient({"PORT": 25}), "XCLIENT"),
    ):
        with pytest.raises(LocalProtocolError, match=f"has not announced {keyword}"):
            connection.send(command)
    connection.send(Expn("list"))
    codes(connection, b"502 no\r\n")
    with pytest.raises(LocalProtocolError):
        connection.send(Mail(MAIL.path, {"SIZE": 1}))
    connection.send(Helo("me.example"))
    assert codes(connection, b"250-x\r\n250 SIZE\r\n") == [("Helo", 250)]
    assert not connection.extensions


def test_verbs_of_the_other_dialect_and_those_of_old_are_none() -> None:
    connection = client(dialect=Dialect.LMTP)
    with pytest.raises(LocalProtocolError, match="EHLO is no verb of LMTP"):
        connection.send(Ehlo("me.example"))


def test_verbs_of_the_application_are_sent_where_they_are_announced() -> None:
    extension = CustomExtension(keyword="X-PING", verbs=[CustomVerb(name="PING")])
    connection = ClientConnection(custom=[extension])
    answers(connection, b"220 x\r\n")
    connection.send(Ehlo("me.example"))
    answers(connection, b"250-x\r\n250 X-PING\r\n")
    assert connection.send(Custom("PING", "now")) == b"PING now\r\n"
    assert codes(connection, b"250 pong\r\n") == [("Custom", 250)]


@pytest.mark.threat("T-CLIENT")
def test_too_many_keywords_are_not_looked_at() -> None:
    connection = ClientConnection(limits=ReplyLimits(max_keywords=2))
    answers(connection, b"220 x\r\n")
    connection.send(Ehlo("me.example"))
    answers(connection, b"250-x\r\n250-A\r\n250-B\r\n250 C\r\n")
    assert list(connection.extensions) == ["A", "B"]


def test_xclient_begins_anew() -> None:
    connection = client(b"250-srv\r\n250-PIPELINING\r\n250 XCLIENT NAME\r\n")
    connection.send(Xclient({"NAME": "x.example"}))
    assert codes(connection, b"220 srv\r\n") == [("Xclient", 220)]
    assert state(connection) is State.GREETED
    assert not connection.extensions


# AUTH.


def test_the_lines_of_an_exchange_are_answered_one_by_one() -> None:
    connection = client()
    assert connection.send(Auth("PLAIN")) == b"AUTH PLAIN\r\n"
    assert codes(connection, b"334 \r\n") == [("Auth", 334)]
    assert state(connection) is State.AUTH
    with pytest.raises(LocalProtocolError, match="not in order in the state AUTH"):
        connection.send(Noop())
    assert connection.send(SaslResponse(b"\0a\0b")) == b"AGEAYg==\r\n"
    assert codes(connection, b"334 eA==\r\n") == [("SaslResponse", 334)]
    assert connection.send(SaslCancel()) == b"*\r\n"
    assert codes(connection, b"501 ok\r\n") == [("SaslCancel", 501)]
    assert state(connection) is State.READY
    connection.send(Auth("PLAIN", b"\0a\0b"))
    assert codes(connection, b"235 ok\r\n") == [("Auth", 235)]
    assert connection.dialogue.authenticated
    with pytest.raises(LocalProtocolError):
        connection.send(Auth("PLAIN"))


# TLS.


@pytest.mark.conformance("C219", "C221", "C330")
def test_tls_begins_anew() -> None:
    connection = client()
    assert connection.send(StartTls()) == b"STARTTLS\r\n"
    assert codes(connection, b"220 go\r\n") == [("StartTls", 220)]
    assert state(connection) is State.TLS_HANDSHAKE
    assert connection.next_event() is Pause.NEED_DATA
    with pytest.raises(LocalProtocolError):
        connection.send(Ehlo("me.example"))
    connection.start_tls()
    assert state(connection) is State.GREETED
    assert not connection.extensions
    connection.send(Ehlo("me.example"))
    answers(connection, EVERYTHING)
    with pytest.raises(LocalProtocolError, match="STARTTLS is not in order"):
        connection.send(StartTls())


@pytest.mark.conformance("C220")
@pytest.mark.threat("T-TLS")
@pytest.mark.parametrize("reply", [b"220 go\r\n250 evil\r\n", b"220 go\r\nx", b"250 ok\r\n", b"235 ok\r\n"])
def test_an_answer_to_starttls_is_a_plain_220_or_the_end(reply: bytes) -> None:
    connection = client()
    connection.send(StartTls())
    with pytest.raises(RemoteProtocolError, match="no plain 220"):
        answers(connection, reply)


@pytest.mark.threat("T-TLS")
def test_clear_text_behind_the_220_is_never_taken_for_tls() -> None:
    connection = client()
    connection.send(StartTls())
    answers(connection, b"220 go\r\n")
    connection.receive_data(b"250 evil\r\n")
    with pytest.raises(RemoteProtocolError, match="clear text"):
        connection.start_tls()
    assert state(connection) is State.CLOSED


def test_tls_does_not_begin_unasked() -> None:
    with pytest.raises(LocalProtocolError, match="behind a 220 to STARTTLS"):
        client().start_tls()


def test_a_refused_starttls_changes_nothing() -> None:
    connection = client()
    connection.send(StartTls())
    codes(connection, b"454 later\r\n")
    assert state(connection) is State.READY
    connection.send(MAIL)
