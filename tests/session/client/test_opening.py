"""From the greeting to where mail can be sent: EHLO, STARTTLS, XCLIENT."""

from __future__ import annotations

import pytest

from smtpcore import Dialect, Reply
from smtpcore.session import Close, Receive, StartTls
from smtpcore.session.client import ClientConfig, ClientTimeouts, Status, TlsMode
from smtpcore.tls import TlsInfo

from .dialogue import EHLO, ENVELOPE, PLAIN, TLS, USUAL, Server, greeted, message, statuses

OFFER = b"250-srv\r\n250-PIPELINING\r\n250 STARTTLS\r\n"


def failure(server: Server) -> tuple[str, bool]:
    """Where the session failed, and whether trying again may help."""
    assert server.session.failure is not None
    return server.session.failure.stage, server.session.failure.temporary


@pytest.mark.conformance("C029")
def test_nothing_is_sent_before_the_greeting() -> None:
    server = Server()
    server.session.submit(message())
    assert server.sees() == b""
    assert type(server.step) is Receive
    assert server.says(b"220-srv one\r\n") == b""
    assert server.says(b"220 two\r\n") == EHLO
    assert server.session.greeting == Reply.read(220, ["srv one", "two"], None)


@pytest.mark.conformance("C031")
@pytest.mark.parametrize(
    ("greeting", "temporary"), [(b"554 no", False), (b"521 no", False), (b"450 later", True), (b"421 later", True)]
)
def test_a_greeting_that_is_a_refusal_ends_the_session(greeting: bytes, temporary: bool) -> None:
    server = Server()
    delivery = server.session.submit(message())
    server.sees()
    sent = server.says(greeting + b"\r\n")
    if not greeting.startswith(b"421"):
        assert sent == b"QUIT\r\n"
        server.says(b"221 bye\r\n")
    server.ends()
    assert failure(server) == ("greeting", temporary)
    assert statuses(delivery) == [(Status.TEMPORARY if temporary else Status.PERMANENT, "greeting")]
    assert not delivery.begun


def test_a_greeting_of_another_2yz_is_a_welcome() -> None:
    server = Server()
    server.sees()
    assert server.says(b"250 hello\r\n") == EHLO


@pytest.mark.conformance("C049", "C054")
def test_a_server_that_does_not_know_ehlo_gets_helo() -> None:
    server = Server()
    server.session.submit(message())
    server.sees()
    server.says(b"220 srv\r\n")
    assert server.says(b"502 what\r\n") == b"HELO me.example\r\n"
    assert server.says(b"250 srv\r\n") == b"MAIL FROM:<a@b.example>\r\n"


def test_a_server_that_knows_neither_is_left() -> None:
    server = Server()
    server.sees()
    server.says(b"220 srv\r\n")
    server.says(b"502 what\r\n")
    assert server.says(b"502 what\r\n") == b"QUIT\r\n"
    assert failure(server) == ("hello", False)


def test_a_temporary_refusal_of_ehlo_is_no_reason_for_helo() -> None:
    server = Server()
    server.sees()
    server.says(b"220 srv\r\n")
    assert server.says(b"451 later\r\n") == b"QUIT\r\n"
    assert failure(server) == ("hello", True)


def test_what_only_ehlo_can_give_is_not_done_without() -> None:
    for settings in ({"tls": TlsMode.STARTTLS}, {"xclient": {"PORT": 25}}, {"dialect": Dialect.LMTP}):
        server = Server(**settings)
        server.sees()
        server.says(b"220 srv\r\n")
        assert server.says(b"500 what\r\n") == b"QUIT\r\n"


def test_lmtp_says_lhlo() -> None:
    server = Server(dialect=Dialect.LMTP)
    server.sees()
    assert server.says(b"220 srv\r\n") == b"LHLO me.example\r\n"


@pytest.mark.conformance("C219", "C221", "C222")
def test_starttls_begins_anew() -> None:
    server = Server(tls=TlsMode.STARTTLS)
    delivery = server.session.submit(message())
    server.sees()
    server.says(b"220 srv\r\n")
    assert server.says(OFFER) == b"STARTTLS\r\n"
    assert server.says(b"220 go\r\n") == b""
    assert isinstance(server.step, StartTls)
    assert not server.session.wants_data
    assert server.starts_tls() == EHLO
    assert server.session.tls == TLS
    # What is announced again inside is not used again.
    assert server.says(USUAL + b"") == ENVELOPE
    assert not delivery.done


@pytest.mark.threat("T-CLIENT")
def test_starttls_that_is_announced_inside_tls_is_not_used() -> None:
    server = Server(tls=TlsMode.STARTTLS)
    server.sees()
    server.says(b"220 srv\r\n")
    server.says(OFFER)
    server.says(b"220 go\r\n")
    server.starts_tls()
    assert server.says(OFFER) == b""
    assert server.session.idle


@pytest.mark.conformance("C223")
@pytest.mark.threat("T-TLS")
def test_tls_that_is_required_and_not_offered_ends_the_session() -> None:
    server = Server(tls=TlsMode.STARTTLS)
    delivery = server.session.submit(message())
    server.sees()
    server.says(b"220 srv\r\n")
    assert server.says(PLAIN) == b"QUIT\r\n"
    assert failure(server) == ("starttls", False)
    assert statuses(delivery) == [(Status.PERMANENT, "starttls")]


@pytest.mark.threat("T-TLS")
@pytest.mark.parametrize(("reply", "temporary"), [(b"454 later", True), (b"502 no", False)])
def test_tls_that_is_required_and_refused_ends_the_session(reply: bytes, temporary: bool) -> None:
    server = Server(tls=TlsMode.STARTTLS)
    server.sees()
    server.says(b"220 srv\r\n")
    server.says(OFFER)
    assert server.says(reply + b"\r\n") == b"QUIT\r\n"
    assert failure(server) == ("starttls", temporary)


def test_opportunistic_tls_goes_on_without() -> None:
    for offer, refusal in ((PLAIN, b""), (OFFER, b"454 later\r\n")):
        server = Server(tls=TlsMode.OPPORTUNISTIC)
        server.sees()
        server.says(b"220 srv\r\n")
        server.says(offer)
        if refusal:
            server.says(refusal)
        assert server.session.idle
        assert server.session.tls is None


def test_without_tls_it_is_not_asked_for() -> None:
    assert greeted(OFFER).session.idle


@pytest.mark.conformance("C220")
@pytest.mark.threat("T-TLS")
@pytest.mark.parametrize("reply", [b"220 go\r\n250-evil\r\n", b"250 ok\r\n", b"235 ok\r\n"])
def test_an_answer_to_starttls_that_is_no_plain_220_ends_the_session(reply: bytes) -> None:
    server = Server(tls=TlsMode.OPPORTUNISTIC)
    server.sees()
    server.says(b"220 srv\r\n")
    server.says(OFFER)
    assert server.says(reply) == b""
    assert not server.ends()
    assert failure(server) == ("starttls", True)


@pytest.mark.threat("T-TLS")
def test_clear_text_behind_the_220_belongs_to_tls() -> None:
    server = Server(tls=TlsMode.STARTTLS)
    server.sees()
    server.says(b"220 srv\r\n")
    server.says(OFFER)
    server.session.receive_data(b"220 go\r\n")
    server.sees()
    server.session.receive_data(b"250 evil\r\n")
    assert isinstance(server.step, StartTls)
    server.session.tls_started(TLS)
    server.session.receive_data(b"")
    assert server.sees() == EHLO or isinstance(server.step, Close)


@pytest.mark.conformance("C224")
def test_a_handshake_that_fails_ends_the_session() -> None:
    server = Server(tls=TlsMode.OPPORTUNISTIC)
    delivery = server.session.submit(message())
    server.sees()
    server.says(b"220 srv\r\n")
    server.says(OFFER)
    server.says(b"220 go\r\n")
    server.session.tls_failed(OSError("certificate verify failed"))
    server.sees()
    assert not server.ends()
    assert failure(server) == ("tls", True)
    assert "certificate verify failed" in str(server.session.failure)
    assert statuses(delivery) == [(Status.TEMPORARY, "tls")]


def test_a_handshake_that_takes_too_long_ends_the_session() -> None:
    server = Server(tls=TlsMode.STARTTLS)
    server.sees()
    server.says(b"220 srv\r\n")
    server.says(OFFER)
    server.says(b"220 go\r\n")
    assert server.session.deadline == server.now + 60
    server.waits(60)
    assert not server.ends()
    assert failure(server) == ("tls", True)


@pytest.mark.conformance("C225")
def test_implicit_tls_comes_before_everything() -> None:
    server = Server(tls=TlsMode.IMPLICIT)
    assert server.sees() == b""
    assert server.starts_tls() == b""
    assert server.says(b"220 srv\r\n") == EHLO
    assert server.says(OFFER) == b""
    assert server.session.idle


def test_a_handshake_of_implicit_tls_that_fails_has_its_name() -> None:
    server = Server(tls=TlsMode.IMPLICIT)
    server.sees()
    server.session.tls_failed(OSError("no"))
    server.sees()
    server.ends()
    assert failure(server) == ("tls", True)


@pytest.mark.conformance("C331")
@pytest.mark.parametrize("mode", [TlsMode.IMPLICIT, TlsMode.STARTTLS])
def test_tls_that_is_not_good_enough_is_left_with_quit(mode: TlsMode) -> None:
    def verified(info: TlsInfo) -> bool:
        return info.peer_verified

    server = Server(tls=mode, accept_tls=verified)
    server.sees()
    unverified = TlsInfo("TLSv1.3", "TLS_AES_128_GCM_SHA256", 128)
    if mode is TlsMode.STARTTLS:
        server.says(b"220 srv\r\n")
        server.says(OFFER)
        server.says(b"220 go\r\n")
        assert server.starts_tls(unverified) == b"QUIT\r\n"
    else:
        server.starts_tls(unverified)
        assert server.says(b"220 srv\r\n") == b"QUIT\r\n"
    assert failure(server) == ("tls", True)
    server.says(b"221 bye\r\n")
    server.ends()


@pytest.mark.parametrize("mode", [TlsMode.IMPLICIT, TlsMode.STARTTLS])
def test_tls_that_nobody_can_judge_is_not_good_enough(mode: TlsMode) -> None:
    def judge(info: TlsInfo) -> bool:
        raise ValueError("out of judges")

    server = Server(tls=mode, accept_tls=judge)
    server.sees()
    if mode is TlsMode.IMPLICIT:
        server.starts_tls()
        assert server.says(b"220 srv\r\n") == b"QUIT\r\n"
    else:
        server.says(b"220 srv\r\n")
        server.says(OFFER)
        server.says(b"220 go\r\n")
        assert server.starts_tls() == b"QUIT\r\n"
    assert str(server.session.failure) == "tls: the TLS layer was not accepted"
    assert str(server.session.cause) == "out of judges"


def test_tls_that_is_good_enough_is_used() -> None:
    server = Server(tls=TlsMode.IMPLICIT, accept_tls=lambda info: info.peer_verified)
    server.sees()
    server.starts_tls()
    assert server.says(b"220 srv\r\n") == EHLO


def test_xclient_is_told_before_anything_else() -> None:
    server = Server(tls=TlsMode.NONE, xclient={"ADDR": "192.0.2.1"})
    server.sees()
    server.says(b"220 srv\r\n")
    assert server.says(b"250-srv\r\n250 XCLIENT ADDR\r\n") == b"XCLIENT ADDR=192.0.2.1\r\n"
    assert server.says(b"220 srv\r\n") == EHLO
    assert server.says(PLAIN) == b""
    assert server.session.idle


def test_a_server_that_does_not_want_xclient_is_left() -> None:
    server = Server(tls=TlsMode.NONE, xclient={"ADDR": "192.0.2.1"})
    server.sees()
    server.says(b"220 srv\r\n")
    server.says(b"250-srv\r\n250 XCLIENT ADDR\r\n")
    assert server.says(b"550 no\r\n") == b"QUIT\r\n"
    assert failure(server) == ("xclient", False)


def test_a_server_that_does_not_know_xclient_is_left() -> None:
    server = Server(tls=TlsMode.NONE, xclient={"ADDR": "192.0.2.1"})
    server.sees()
    server.says(b"220 srv\r\n")
    assert server.says(PLAIN) == b"QUIT\r\n"
    assert failure(server) == ("xclient", False)


@pytest.mark.conformance("C080")
def test_a_connection_that_is_lost_is_a_temporary_failure() -> None:
    server = Server()
    delivery = server.session.submit(message())
    server.sees()
    server.closes()
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "greeting")]
    assert str(delivery.error) == "greeting: the server closed the connection"


def test_a_transport_that_breaks_is_a_temporary_failure() -> None:
    server = Server()
    delivery = server.session.submit(message())
    server.sees()
    server.session.closed(ConnectionResetError("reset"))
    assert server.sees() == b""
    assert server.step is None
    assert statuses(delivery) == [(Status.TEMPORARY, "greeting")]
    assert isinstance(server.session.failure.__cause__, ConnectionResetError)  # type: ignore[union-attr]


def test_a_quit_before_the_greeting_is_an_end_without_a_word() -> None:
    server = Server()
    server.session.quit()
    server.sees()
    assert server.says(b"220 srv\r\n") == EHLO
    assert server.says(PLAIN) == b"QUIT\r\n"


# Timeouts.


@pytest.mark.conformance("C032", "C317", "C318")
def test_the_timeouts_are_what_the_rfc_asks_for() -> None:
    timeouts = ClientTimeouts()
    assert timeouts.greeting == timeouts.hello == timeouts.mail == timeouts.rcpt == 300
    assert timeouts.data == 120
    assert timeouts.write == 180
    assert timeouts.final == 600
    # What a client's application is waited for has one limit, and nothing that can be sent waits for it.
    assert timeouts.message_hook == timeouts.hook
    assert timeouts.reply_wait == 0


def test_a_timeout_is_not_negative() -> None:
    with pytest.raises(ValueError, match="rcpt"):
        ClientTimeouts(rcpt=-1)


def test_each_reply_has_its_time() -> None:
    timeouts = ClientTimeouts(greeting=1, hello=2, mail=3, rcpt=4, data=5, final=6, command=7, write=8)
    server = Server(tls=TlsMode.NONE, timeouts=timeouts)
    server.session.submit(message())

    def left() -> float:
        assert server.session.deadline is not None
        return server.session.deadline - server.now

    server.sees()
    assert left() == 1
    server.says(b"220 srv\r\n")
    assert left() == 2
    server.says(USUAL)
    assert left() == 3
    server.now += 2
    server.says(b"250 a\r\n")
    assert left() == 4
    server.now += 1
    server.says(b"250 b")
    assert left() == 3
    server.says(b"\r\n")
    assert left() == 5
    server.says(b"354 c\r\n")
    assert left() == 6
    server.says(b"250 d\r\n")
    assert server.session.deadline is None


@pytest.mark.parametrize(
    ("replies", "stage", "status"),
    [
        ([], "mail", Status.TEMPORARY),
        ([b"250 a\r\n"], "rcpt", Status.TEMPORARY),
        ([b"250 a\r\n250 b\r\n"], "data", Status.TEMPORARY),
        ([b"250 a\r\n250 b\r\n354 c\r\n"], "final", Status.UNCERTAIN),
    ],
)
def test_a_reply_that_does_not_come_in_time_ends_the_session(replies: list[bytes], stage: str, status: Status) -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.sees()
    for reply in replies:
        server.says(reply)
    server.waits(600)
    assert not server.ends()
    assert statuses(delivery) == [(status, stage)]
    assert "too long" in delivery.results[0].text


def test_a_message_as_a_whole_may_have_its_time() -> None:
    server = greeted(timeouts=ClientTimeouts(transaction=10))
    delivery = server.session.submit(message())
    server.sees()
    server.waits(5)
    server.says(b"250 a\r\n250 b\r\n")
    server.waits(5)
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "data")]


def test_a_transport_that_takes_nothing_ends_the_session() -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.session.next_step()
    server.waits(180)
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]


# Settings.


@pytest.mark.conformance("C051")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hostname": "h\u00e9.example"}, "A-labels"),
        ({"hostname": "a b"}, "no domain"),
        ({"hostname": "me.example", "chunk_size": 0}, "chunk_size"),
        ({"hostname": "me.example", "mechanisms": "PLAIN"}, "sequence"),
        ({"hostname": "me.example", "mechanisms": ["WHAT"]}, "no SASL mechanism"),
        ({"hostname": "me.example", "long_lines": "what"}, "long_lines"),
        ({"hostname": "me.example", "bare_newlines": "what"}, "bare_newlines"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ClientConfig(**settings)  # type: ignore[arg-type]


def test_an_address_literal_is_a_name() -> None:
    server = Server(hostname="[192.0.2.1]", mechanisms=["PLAIN"])
    server.sees()
    assert server.says(b"220 x\r\n") == b"EHLO [192.0.2.1]\r\n"
