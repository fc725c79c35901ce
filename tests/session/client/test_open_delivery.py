"""Deliveries whose recipients and content come one by one, as a forwarding server has them; and who watches."""

from __future__ import annotations

import pytest

from smtpcore import LocalProtocolError, Mail, Rcpt, Reply
from smtpcore.session import IDLE
from smtpcore.session.client import (
    ClientObserver,
    ClientSession,
    ClientTranscript,
    Delivery,
    Feed,
    Message,
    Result,
    Status,
    TlsMode,
)
from smtpcore.tls import TlsInfo

from .dialogue import PLAIN, TLS, USUAL, Server, greeted, message, path, statuses

CHUNKING = USUAL.replace(b"250-8BITMIME", b"250-CHUNKING\r\n250-8BITMIME")
MAIL = Mail(path("a@b.example"), {})


def rcpt(name: str) -> Rcpt:
    """A recipient."""
    return Rcpt(path(f"{name}@d.example"), {})


def opened(ehlo: bytes = USUAL, chunk_size: int = 1000) -> tuple[Server, Delivery]:
    """A server that has accepted MAIL."""
    server = greeted(ehlo, chunk_size=chunk_size)
    delivery = server.session.open(MAIL, size=3)
    sent = server.sees()
    assert sent.startswith(b"MAIL FROM:<a@b.example>")
    assert server.says(b"250 a\r\n") == b""
    assert server.step is IDLE
    assert not server.session.idle
    return server, delivery


@pytest.mark.parametrize("ehlo", [USUAL, PLAIN, CHUNKING])
def test_recipients_are_answered_one_by_one_and_the_content_follows(ehlo: bytes) -> None:
    server, delivery = opened(ehlo)
    assert delivery.mail_reply == Reply.read(250, ["a"], None)
    good, bad = delivery.add(rcpt("good")), delivery.add(rcpt("bad"))
    octets = server.sees() + server.says(b"250 2.1.5 b\r\n")
    assert octets == b"RCPT TO:<good@d.example>\r\nRCPT TO:<bad@d.example>\r\n"
    assert server.says(b"550 5.1.1 c\r\n") == b""
    assert good.rcpt_reply == Reply(250, "b", "2.1.5")
    assert good.status is Status.PENDING
    assert bad.status is Status.PERMANENT
    delivery.complete(b"x\r\n")
    if ehlo is CHUNKING:
        assert server.sees() == b"BDAT 3 LAST\r\nx\r\n"
    else:
        assert server.sees() == b"DATA\r\n"
        assert server.says(b"354 d\r\n") == b"x\r\n.\r\n"
    server.says(b"250 e\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final"), (Status.PERMANENT, "rcpt")]
    assert server.session.idle


@pytest.mark.parametrize("ehlo", [USUAL, PLAIN, CHUNKING])
def test_content_may_be_written_when_it_is_there(ehlo: bytes) -> None:
    server, delivery = opened(ehlo, chunk_size=4)
    delivery.add(rcpt("one"))
    server.sees()
    server.says(b"250 b\r\n")
    feed = Feed()
    delivery.complete(feed)
    octets = server.sees()
    if ehlo is not CHUNKING:
        octets += server.says(b"354 go\r\n")
    assert server.step is IDLE
    for piece in (b"abc\r\n", b"def\r", b"\n"):
        feed.write(piece)
        octets += server.sees()
        while server.step is not IDLE:
            octets += server.says(b"250 chunk\r\n")
    feed.finish()
    octets += server.sees()
    while not delivery.done:
        octets += server.says(b"250 fine\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final")]
    if ehlo is CHUNKING:
        assert octets == b"BDAT 4\r\nabc\rBDAT 4\r\n\ndefBDAT 2 LAST\r\n\r\n"
    else:
        assert octets == b"DATA\r\nabc\r\ndef\r\n.\r\n"
    with pytest.raises(LocalProtocolError, match="was ended"):
        feed.write(b"more")


def test_a_feed_is_the_content_of_one_message() -> None:
    server = greeted(CHUNKING)
    feed = Feed()
    feed.write(b"x\r\n")
    feed.finish()
    deliveries = [server.session.submit(Message(MAIL, [rcpt("one")], feed)) for _ in range(2)]
    server.sees()
    assert server.says(b"250 a\r\n250 b\r\n") == b"BDAT 3 LAST\r\nx\r\n"
    server.says(b"250 c\r\n")
    assert server.says(b"250 a\r\n250 b\r\n") == b"RSET\r\n"
    server.says(b"250 c\r\n")
    assert [statuses(delivery) for delivery in deliveries] == [
        [(Status.ACCEPTED, "final")],
        [(Status.TEMPORARY, "content")],
    ]
    assert "for one message" in deliveries[1].results[0].text


def test_a_feed_is_not_waited_for_where_nobody_gets_the_message() -> None:
    server = greeted()
    delivery = server.session.submit(Message(MAIL, [rcpt("one")], Feed()))
    server.sees()
    assert server.says(b"250 a\r\n550 b\r\n354 c\r\n") == b".\r\n"
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "rcpt")]


def test_content_that_is_refused_while_it_is_written_ends_it() -> None:
    server, delivery = opened(CHUNKING, chunk_size=4)
    delivery.add(rcpt("one"))
    server.sees()
    server.says(b"250 b\r\n")
    feed = Feed()
    delivery.complete(feed)
    server.sees()
    feed.write(b"abc\r\n")
    assert server.sees() == b"BDAT 4\r\nabc\r"
    assert server.says(b"552 5.3.4 big\r\n") == b"RSET\r\n"
    server.says(b"250 c\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "content")]


def test_a_recipient_for_whom_there_is_no_room_is_left_to_the_application() -> None:
    server, delivery = opened()
    delivery.add(rcpt("one"))
    two = delivery.add(rcpt("two"))
    server.sees()
    server.says(b"250 a\r\n452 4.5.3 many\r\n")
    assert two.status is Status.TEMPORARY


def test_a_delivery_that_is_given_up_before_it_was_begun_is_never_begun() -> None:
    server = greeted()
    delivery = server.session.open(MAIL)
    delivery.add(rcpt("one"))
    delivery.cancel()
    assert server.sees() == b""
    assert server.step is IDLE
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]
    assert not delivery.begun


@pytest.mark.parametrize("ehlo", [USUAL, PLAIN])
def test_what_was_not_sent_of_a_delivery_that_is_given_up_stays_so(ehlo: bytes) -> None:
    server, delivery = opened(ehlo)
    delivery.add(rcpt("one"))
    delivery.cancel()
    assert server.sees() == b"RSET\r\n"
    server.says(b"250 b\r\n")
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]


def test_a_recipient_who_is_added_while_mail_is_refused_is_refused_with_it() -> None:
    server = greeted()
    delivery = server.session.open(MAIL)
    server.sees()
    delivery.add(rcpt("one"))
    assert server.says(b"450 4.7.1 later\r\n") == b""
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]
    assert delivery.results[0].reply == Reply(450, "later", "4.7.1")


def test_a_refused_mail_ends_it() -> None:
    server = greeted()
    delivery = server.session.open(MAIL)
    server.sees()
    server.says(b"550 no\r\n")
    assert delivery.done
    assert delivery.mail_reply == Reply.read(550, ["no"], None)
    with pytest.raises(LocalProtocolError, match="takes nothing more"):
        delivery.add(rcpt("one"))


def test_it_can_be_given_up() -> None:
    server, delivery = opened()
    result = delivery.add(rcpt("one"))
    server.sees()
    server.says(b"250 b\r\n")
    delivery.cancel()
    delivery.cancel()
    assert server.sees() == b"RSET\r\n"
    server.says(b"250 c\r\n")
    assert delivery.done
    assert result.status is Status.TEMPORARY
    assert server.session.idle


def test_content_that_cannot_be_sent_ends_it() -> None:
    server, delivery = opened()
    delivery.add(rcpt("one"))
    server.sees()
    server.says(b"250 b\r\n")
    delivery.complete(b"a\nb")
    assert server.sees() == b"RSET\r\n"
    server.says(b"250 c\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "content")]


def test_without_a_recipient_there_is_no_content() -> None:
    server, delivery = opened()
    delivery.complete(b"x")
    assert server.sees() == b"RSET\r\n"
    server.says(b"250 c\r\n")
    assert delivery.done


def test_a_mail_that_cannot_be_said_ends_it() -> None:
    server = greeted()
    delivery = server.session.open(Mail(path("a@b.example"), {"ENVID": "x"}))
    assert server.sees() == b""
    assert delivery.done
    assert delivery.error is not None


def test_a_session_that_has_failed_takes_none() -> None:
    server = greeted()
    server.closes()
    delivery = server.session.open(MAIL)
    assert delivery.done
    assert delivery.error is not None


# Watching.


class Recorder(ClientObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def sent(self, session: ClientSession, line: str) -> None:
        """Keep it."""
        self.seen.append(line)

    def settled(self, session: ClientSession, result: Result) -> None:
        """Keep it."""
        self.seen.append(f"{result.recipient.path} {result.status.value}")

    def closed(self, session: ClientSession, cause: BaseException | None) -> None:
        """Keep it."""
        self.seen.append(f"closed {cause}")


def test_an_observer_is_told_of_lines_and_results_and_the_end() -> None:
    recorder = Recorder()
    server = greeted(PLAIN, observer=recorder)
    server.session.submit(message())
    server.sees()
    server.says(b"550 no\r\n")
    server.session.quit()
    server.sees()
    server.says(b"221 bye\r\n")
    server.ends()
    assert recorder.seen == [
        "EHLO me.example",
        "MAIL FROM:<a@b.example>",
        "c@d.example permanent",
        "QUIT",
        "closed None",
    ]


def test_an_observer_that_wants_nothing_sees_everything() -> None:
    server = greeted(observer=ClientObserver())
    server.session.submit(message())
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    server.says(b"250 d\r\n")
    server.closes()
    server.ends()


def test_a_transcript_shows_the_dialogue() -> None:
    lines: list[str] = []
    server = Server(observer=ClientTranscript(lines.append), tls=TlsMode.IMPLICIT)
    server.session.submit(message())
    server.sees()
    server.starts_tls(TLS)
    server.says(b"220-srv\r\n220 \x1b[2J\r\n")
    server.says(USUAL)
    server.says(b"250 2.1.0 a\r\n250 2.1.5 b\r\n354 c\r\n")
    server.says(b"250 2.0.0 d\r\n")
    server.closes()
    server.ends()
    assert lines == [
        "-- TLSv1.3 TLS_AES_128_GCM_SHA256",
        "S: 220-srv",
        r"S: 220 \x{1b}[2J",
        "C: EHLO me.example",
        "S: 250-srv",
        "S: 250-PIPELINING",
        "S: 250-SIZE 100000",
        "S: 250-8BITMIME",
        "S: 250 ENHANCEDSTATUSCODES",
        "C: MAIL FROM:<a@b.example> SIZE=3",
        "C: RCPT TO:<c@d.example>",
        "C: DATA",
        "S: 250 2.1.0 a",
        "S: 250 2.1.5 b",
        "S: 354 c",
        "C: <3 octets of content>",
        "S: 250 2.0.0 d",
        "-- closed: idle: the server closed the connection",
    ]


def test_a_transcript_says_what_is_not_verified() -> None:
    lines: list[str] = []
    server = Server(observer=ClientTranscript(lines.append), tls=TlsMode.IMPLICIT)
    server.sees()
    server.starts_tls(TlsInfo("TLSv1.3", "X", 128))
    server.session.quit()
    server.says(b"220 srv\r\n")
    server.says(PLAIN)
    server.says(b"221 bye\r\n")
    server.ends()
    assert lines[0] == "-- TLSv1.3 X, certificate not verified"
    assert lines[-1] == "-- closed"


def test_the_transcript_shows_any_reason_of_the_end() -> None:
    lines: list[str] = []
    server = greeted(observer=ClientTranscript(lines.append))
    server.session.submit(message())
    server.sees()
    server.session.closed(OSError("no file \udce9"))
    server.sees()
    assert lines[-1] == r"-- closed: mail: no file \udce9"
