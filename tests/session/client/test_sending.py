"""A message on its way, from the greeting to the last reply."""

from __future__ import annotations

import pytest

from smtpcore import LocalProtocolError, Noop, Reply
from smtpcore.commands import Quit
from smtpcore.session import Close, Receive, Send
from smtpcore.session.client import Delivery, Result, Status

from .dialogue import EHLO, ENVELOPE, PLAIN, USUAL, Server, greeted, message, statuses

OK = (Status.ACCEPTED, "final")


def test_a_message_is_sent_and_the_server_takes_it() -> None:
    server = Server()
    delivery = server.session.submit(message())
    assert server.sees() == b""
    assert server.says(b"220 srv\r\n") == EHLO
    assert server.says(USUAL) == ENVELOPE
    assert not delivery.begun
    assert server.says(b"250 2.1.0 a\r\n250 2.1.5 b\r\n354 c\r\n") == b"x\r\n.\r\n"
    assert delivery.begun
    assert not delivery.done
    assert server.says(b"250 2.0.0 queued as 1\r\n") == b""
    assert statuses(delivery) == [OK]
    [result] = delivery.results
    assert result.accepted
    assert result.text == "250 2.0.0 queued as 1"
    assert str(result.enhanced) == "2.0.0"
    assert result.rcpt_reply == Reply(250, "b", "2.1.5")
    assert delivery.mail_reply == Reply(250, "a", "2.1.0")
    assert delivery.accepted == [result]
    assert delivery.refused == []
    assert server.session.idle


@pytest.mark.conformance("C076", "C077")
def test_the_end_is_a_quit_that_is_answered() -> None:
    server = greeted()
    server.session.quit()
    assert server.sees() == b"QUIT\r\n"
    assert type(server.step) is Receive
    assert server.session.deadline == server.now + server.config.timeouts.quit  # type: ignore[operator]
    assert server.says(b"221 bye\r\n") == b""
    assert server.ends()
    assert server.session.failure is None


@pytest.mark.parametrize("rest", [b"", b"500 what\r\n"])
def test_a_server_that_answers_quit_otherwise_is_left_all_the_same(rest: bytes) -> None:
    server = greeted()
    server.session.quit()
    server.sees()
    server.says(rest)
    assert server.ends()
    assert server.session.failure is None


def test_a_quit_that_is_not_answered_is_not_waited_for_long() -> None:
    server = greeted()
    server.session.quit()
    server.sees()
    server.waits(10)
    assert isinstance(server.step, Close)


def test_without_pipelining_each_command_waits() -> None:
    server = greeted(PLAIN)
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"))
    assert server.sees() == b"MAIL FROM:<a@b.example>\r\n"
    assert server.says(b"250 a\r\n") == b"RCPT TO:<c@d.example>\r\n"
    assert server.says(b"250 b\r\n") == b"RCPT TO:<e@d.example>\r\n"
    assert server.says(b"550 c\r\n") == b"DATA\r\n"
    assert server.says(b"354 d\r\n") == b"x\r\n.\r\n"
    assert server.says(b"250 e\r\n") == b""
    assert statuses(delivery) == [OK, (Status.PERMANENT, "rcpt")]
    assert [result.text for result in delivery.refused] == ["550 c"]


def test_pipelining_can_be_turned_off() -> None:
    server = greeted(pipelining=False)
    server.session.submit(message())
    assert server.sees() == b"MAIL FROM:<a@b.example> SIZE=3\r\n"
    assert server.says(b"250 a\r\n") == b"RCPT TO:<c@d.example>\r\n"
    assert server.says(b"250 b\r\n") == b"DATA\r\n"


@pytest.mark.conformance("C359")
def test_several_recipients_share_one_message() -> None:
    server = greeted()
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example", "f@d.example"))
    sent = server.sees()
    assert sent.count(b"MAIL") == sent.count(b"DATA") == 1
    assert sent.count(b"RCPT") == 3
    server.says(b"250 a\r\n250 b\r\n250 c\r\n250 d\r\n354 e\r\n")
    server.says(b"250 f\r\n")
    assert statuses(delivery) == [OK] * 3


@pytest.mark.conformance("C120")
def test_a_server_that_wants_content_for_nobody_gets_a_dot() -> None:
    server = greeted()
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"))
    server.sees()
    assert server.says(b"250 a\r\n550 b\r\n450 c\r\n354 d\r\n") == b".\r\n"
    assert server.says(b"250 e\r\n") == b""
    assert statuses(delivery) == [(Status.PERMANENT, "rcpt"), (Status.TEMPORARY, "rcpt")]
    assert server.session.idle


def test_when_all_recipients_are_refused_the_transaction_is_reset() -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.sees()
    assert server.says(b"250 a\r\n550 b\r\n503 c\r\n") == b"RSET\r\n"
    assert not delivery.done
    assert server.says(b"250 d\r\n") == b""
    assert statuses(delivery) == [(Status.PERMANENT, "rcpt")]


def test_a_server_that_refuses_rset_is_left() -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.sees()
    server.says(b"250 a\r\n550 b\r\n503 c\r\n")
    server.says(b"500 d\r\n")
    assert not server.ends()
    assert statuses(delivery) == [(Status.PERMANENT, "rcpt")]
    assert server.session.failure is not None
    assert server.session.failure.stage == "rset"


@pytest.mark.conformance("C111", "C188")
@pytest.mark.parametrize(
    ("reply", "status"), [(b"552 5.3.4 big", Status.PERMANENT), (b"452 4.3.1 full", Status.TEMPORARY)]
)
def test_a_refusal_of_mail_is_one_for_every_recipient(reply: bytes, status: Status) -> None:
    for ehlo in (USUAL, PLAIN):
        server = greeted(ehlo)
        delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"))
        server.sees()
        server.says(reply + b"\r\n" + (b"503 b\r\n503 c\r\n503 d\r\n" if ehlo is USUAL else b""))
        assert statuses(delivery) == [(status, "mail")] * 2
        assert delivery.results[0].reply is delivery.mail_reply
        assert server.session.idle
        # The next one is tried all the same.
        again = server.session.submit(message())
        assert server.sees().startswith(b"MAIL")
        assert not again.done


@pytest.mark.parametrize("end", [b"421 4.4.2 idle for too long\r\n", b""])
def test_a_message_whose_mail_was_not_taken_is_not_begun(end: bytes) -> None:
    server = greeted()
    told: list[Status] = []
    delivery = server.session.submit(message(), told=lambda result: told.append(result.status))
    assert server.sees() == ENVELOPE
    server.says(end)
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]
    assert not delivery.begun
    assert server.session.failure is not None
    assert told == [Status.TEMPORARY]


@pytest.mark.parametrize("end", [b"421 4.4.2 idle for too long\r\n", b"450 later\r\n503 a\r\n503 b\r\n"])
def test_a_message_that_some_have_got_stays_begun_whatever_its_next_transaction_is_told(end: bytes) -> None:
    server = greeted(USUAL.replace(b"250-PIPELINING\r\n", b"250-LIMITS RCPTMAX=1\r\n250-PIPELINING\r\n"))
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"))
    assert server.sees() == ENVELOPE
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    assert server.says(b"250 d\r\n").startswith(b"MAIL")
    server.says(end)
    assert statuses(delivery) == [OK, (Status.TEMPORARY, "mail")]
    assert delivery.begun


@pytest.mark.parametrize(("reply", "status"), [(b"554 no", Status.PERMANENT), (b"451 no", Status.TEMPORARY)])
def test_a_refusal_of_data_is_one_for_those_who_were_accepted(reply: bytes, status: Status) -> None:
    server = greeted()
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"))
    server.sees()
    assert server.says(b"250 a\r\n250 b\r\n550 c\r\n" + reply + b"\r\n") == b"RSET\r\n"
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(status, "data"), (Status.PERMANENT, "rcpt")]


@pytest.mark.parametrize(("reply", "status"), [(b"554 no", Status.PERMANENT), (b"451 no", Status.TEMPORARY)])
def test_a_refusal_of_the_message_is_one_for_those_who_were_accepted(reply: bytes, status: Status) -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    server.says(reply + b"\r\n")
    assert statuses(delivery) == [(status, "final")]
    assert server.session.idle


@pytest.mark.conformance("C361")
@pytest.mark.threat("T-CLIENT")
def test_a_path_in_a_reply_is_not_followed() -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.sees()
    server.says(b"250 a\r\n551 5.1.6 please try <x@y.example>\r\n503 c\r\n")
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "rcpt")]
    assert delivery.results[0].text == "551 5.1.6 please try <x@y.example>"
    assert server.session.idle


def test_messages_go_one_after_the_other() -> None:
    server = greeted()
    first, second = server.session.submit(message()), server.session.submit(message(b"yy\r\n"))
    assert server.sees() == ENVELOPE
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    assert server.says(b"250 d\r\n") == ENVELOPE.replace(b"=3", b"=4")
    assert first.done
    assert not second.done
    assert server.says(b"250 a\r\n250 b\r\n354 c\r\n") == b"yy\r\n.\r\n"
    server.says(b"250 d\r\n")
    assert statuses(second) == [OK]
    assert server.session.transactions == 2


def test_results_are_told_as_soon_as_they_are_known() -> None:
    server = greeted()
    told: list[str] = []
    server.session.submit(
        message(b"x\r\n", "c@d.example", "e@d.example"), told=lambda result: told.append(result.recipient.path.local)
    )
    server.sees()
    server.says(b"250 a\r\n250 b\r\n550 c\r\n")
    assert told == ["e"]
    server.says(b"354 d\r\n")
    server.says(b"250 f\r\n")
    assert told == ["e", "c"]


def test_who_is_told_and_fails_changes_no_result() -> None:
    told: list[Result] = []

    def fail(result: Result) -> None:
        told.append(result)
        raise ValueError("not my day")

    server = greeted()
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"), told=fail)
    server.sees()
    server.says(b"250 a\r\n250 b\r\n250 c\r\n354 d\r\n")
    server.says(b"250 e\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final")] * 2
    assert told == delivery.results[:1]
    assert str(delivery.fault) == "not my day"


@pytest.mark.parametrize("shut_down", [False, True])
def test_who_is_told_of_a_failure_may_submit_again_and_is_told_of_that(shut_down: bool) -> None:
    again: list[Delivery] = []

    def submit_again(result: Result) -> None:
        again.append(server.session.submit(message()))

    server = greeted()
    deliveries = [server.session.submit(message(), told=submit_again) for _ in range(3)]
    server.sees()
    if shut_down:
        server.session.shutdown(0)
        server.waits(1)
    else:
        server.closes()
    assert not server.ends()
    for delivery in (*deliveries, *again):
        assert [status for status, _ in statuses(delivery)] == [Status.TEMPORARY]
    assert len(again) == 3
    assert not any(delivery.begun for delivery in again)


def test_a_large_group_is_sent_in_parts() -> None:
    server = greeted()
    recipients = [f"r{number}@d.example" for number in range(1200)]
    delivery = server.session.submit(message(b"x\r\n", *recipients))
    sent = server.sees()
    assert sent.count(b"\r\n") == 500
    while b"DATA" not in sent:
        sent = server.says(b"250 ok\r\n" * 400)
        assert sent
    outstanding = len(server.session.connection.outstanding)
    assert server.says(b"250 ok\r\n" * (outstanding - 1) + b"354 go\r\n") == b"x\r\n.\r\n"
    server.says(b"250 ok\r\n")
    assert statuses(delivery) == [OK] * 1200


# Single commands.


def test_a_single_command_gets_its_reply() -> None:
    server = greeted()
    exchange = server.session.ask(Noop())
    assert server.sees() == b"NOOP\r\n"
    assert server.says(b"250 2.0.0 fine\r\n") == b""
    assert exchange.done
    assert exchange.reply == Reply(250, "fine", "2.0.0")
    assert server.session.idle


def test_a_single_command_that_cannot_be_sent_says_why() -> None:
    server = greeted()
    exchange = server.session.ask(Noop("a\r\nb"))
    assert server.sees() == b""
    assert exchange.done
    assert isinstance(exchange.error, LocalProtocolError)
    assert server.session.idle


def test_the_commands_of_the_session_are_its_own() -> None:
    with pytest.raises(LocalProtocolError, match="Quit is sent by the session itself"):
        greeted().session.ask(Quit())


def test_what_waits_for_a_reply_hears_of_the_end() -> None:
    server = greeted()
    asked, waiting, submitted = server.session.ask(Noop()), server.session.ask(Noop()), server.session.submit(message())
    server.sees()
    server.closes()
    for exchange in (asked, waiting):
        assert exchange.done
        assert exchange.reply is None
        assert str(exchange.error) == "command: the server closed the connection"
    assert statuses(submitted) == [(Status.TEMPORARY, "command")]
    assert not submitted.begun


def test_an_ended_session_takes_nothing_more() -> None:
    server = greeted()
    server.session.quit()
    delivery, exchange = server.session.submit(message()), server.session.ask(Noop())
    assert statuses(delivery) == [(Status.TEMPORARY, "quit")]
    assert exchange.done
    assert not server.session.idle


# Watching an idle session.


@pytest.mark.conformance("C169")
def test_a_421_while_idle_ends_the_session() -> None:
    server = greeted()
    server.says(b"421 4.4.2 too long\r\n")
    assert not server.ends()
    assert server.session.failure is not None
    assert server.session.failure.reply == Reply(421, "too long", "4.4.2")
    assert statuses(server.session.submit(message())) == [(Status.TEMPORARY, "idle")]


def test_a_session_that_was_idle_looks_before_it_sends() -> None:
    server = greeted()
    server.waits(5)
    delivery = server.session.submit(message())
    assert server.sees() == b""
    assert server.session.deadline == server.now
    server.says(b"421 4.4.2 too long\r\n")
    assert statuses(delivery) == [(Status.TEMPORARY, "idle")]
    assert not delivery.begun


def test_when_nothing_has_come_it_goes_on() -> None:
    server = greeted()
    server.waits(5)
    server.session.submit(message())
    server.sees()
    assert server.waits(0) == ENVELOPE


def test_a_surplus_reply_ends_the_session() -> None:
    server = greeted()
    server.says(b"250 what\r\n")
    assert not server.ends()
    assert server.session.failure is not None
    assert "nobody asked for" in str(server.session.failure)


# Shutdown.


def test_a_shutdown_ends_behind_what_is_being_done() -> None:
    server = greeted()
    first, second = server.session.submit(message()), server.session.submit(message())
    server.sees()
    server.session.shutdown(30)
    server.sees()
    assert statuses(second) == [(Status.TEMPORARY, "quit")]
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    assert server.says(b"250 d\r\n") == b"QUIT\r\n"
    assert statuses(first) == [OK]
    server.says(b"221 e\r\n")
    assert server.ends()


def test_a_shutdown_ends_anyway_when_the_grace_is_over() -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.sees()
    server.session.shutdown(30)
    server.waits(30)
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]


def test_steps_stand_until_they_are_settled() -> None:
    server = greeted()
    server.session.submit(message())
    step = server.session.next_step()
    assert isinstance(step, Send)
    assert server.session.next_step() is step
    # Input may come at any time, and what it says is understood before the step is done.
    server.session.receive_data(b"250 a\r\n250 b\r\n")
    assert server.session.next_step() is step
    assert server.session.connection.due is not None
    server.session.sent()
    assert server.says(b"354 c\r\n") == b"x\r\n.\r\n"
