"""Servers that do what they should not, and connections that break (T-CLIENT)."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore import Reply, ReplyLimits
from smtpcore.session import Close, Send
from smtpcore.session.client import Delivery, Status

from .dialogue import PLAIN, USUAL, Server, greeted, message, statuses

CHUNKING = USUAL.replace(b"250-8BITMIME", b"250-CHUNKING\r\n250-8BITMIME")


def sending(ehlo: bytes = USUAL, content: bytes = b"x\r\n", **settings: Any) -> tuple[Server, Delivery]:
    """A server that was sent an envelope."""
    server = greeted(ehlo, **settings)
    delivery = server.session.submit(message(content))
    server.sees()
    return server, delivery


@pytest.mark.conformance("C167")
@pytest.mark.threat("T-CLIENT")
def test_an_endless_reply_ends_the_session() -> None:
    server, delivery = sending(reply_limits=ReplyLimits(max_lines=5))
    server.says(b"250-x\r\n" * 6)
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]
    assert "more than 5 lines" in delivery.results[0].text


@pytest.mark.conformance("C145")
@pytest.mark.threat("T-CLIENT")
def test_a_2yz_to_data_ends_the_session() -> None:
    server, delivery = sending()
    server.says(b"250 a\r\n250 b\r\n250 c\r\n")
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "data")]


@pytest.mark.conformance("C360")
def test_a_421_in_a_group_is_a_temporary_failure_of_the_rest() -> None:
    server = greeted()
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"))
    server.sees()
    server.says(b"250 a\r\n421 4.3.2 bye\r\n")
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "rcpt")] * 2
    assert [result.reply for result in delivery.results] == [Reply(421, "bye", "4.3.2")] * 2


@pytest.mark.parametrize("farewell", [True, False])
@pytest.mark.parametrize(
    ("ehlo", "replies", "stage"),
    [
        (USUAL, [], "mail"),
        (USUAL, [b"250 mail\r\n"], "rcpt"),
        (USUAL, [b"250 mail\r\n250 rcpt\r\n"], "data"),
        (USUAL, [b"250 mail\r\n250 rcpt\r\n354 data\r\n"], "final"),
        (USUAL, [b"250 mail\r\n250 rcpt\r\n450 data\r\n"], "rset"),
        (CHUNKING, [b"250 mail\r\n250 rcpt\r\n"], "content"),
        (CHUNKING, [b"250 mail\r\n250 rcpt\r\n", b"450 bdat\r\n"], "content"),
        (CHUNKING, [b"250 mail\r\n250 rcpt\r\n", b"250 bdat\r\n" * 4], "final"),
    ],
    ids=["mail", "rcpt", "data", "dot", "rset", "chunk", "refused chunk", "last chunk"],
)
def test_a_session_that_ends_says_where(ehlo: bytes, replies: list[bytes], stage: str, farewell: bool) -> None:
    server, delivery = sending(ehlo, b"x\r\n" * 5, chunk_size=3)
    for reply in replies:
        server.says(reply)
    if farewell:
        server.says(b"421 4.3.2 bye\r\n")
    else:
        server.closes()
    assert not server.ends()
    assert delivery.done
    assert server.session.failure is not None
    assert server.session.failure.stage == stage
    assert (server.session.failure.reply is None) is not farewell


@pytest.mark.threat("T-CLIENT")
def test_a_connection_that_is_lost_behind_the_dot_leaves_it_open_what_became_of_the_message() -> None:
    server, delivery = sending()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    server.closes()
    assert not server.ends()
    assert statuses(delivery) == [(Status.UNCERTAIN, "final")]


def test_a_connection_that_is_lost_in_the_middle_of_the_content_is_a_temporary_failure() -> None:
    server, delivery = sending(content=b"x\r\n" * 200_000, ehlo=PLAIN)
    server.says(b"250 a\r\n")
    server.says(b"250 b\r\n")
    server.session.receive_data(b"354 c\r\n")
    step = server.session.next_step()
    assert isinstance(step, Send)
    server.session.receive_data(b"")
    # The step is not done, and no longer wanted.
    assert isinstance(server.session.next_step(), Close)
    server.sees()
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize(
    ("reply", "status"),
    [(b"552 5.3.4 big", Status.PERMANENT), (b"452 4.3.1 full", Status.TEMPORARY), (b"421 4.3.2 bye", Status.TEMPORARY)],
)
def test_a_reply_in_the_middle_of_the_content_stops_it(reply: bytes, status: Status) -> None:
    server, delivery = sending(content=b"x\r\n" * 200_000, ehlo=PLAIN)
    server.says(b"250 a\r\n")
    server.says(b"250 b\r\n")
    server.session.receive_data(b"354 c\r\n")
    assert isinstance(server.session.next_step(), Send)
    server.session.receive_data(reply + b"\r\n")
    assert isinstance(server.session.next_step(), Close)
    server.sees()
    assert not server.ends()
    [result] = delivery.results
    assert (result.status, result.stage) == (status, "content")
    assert result.reply is not None
    assert result.reply.code == int(reply[:3])


@pytest.mark.parametrize("refused", [False, True])
def test_what_is_wrong_with_one_message_is_no_fault_of_those_behind_it(refused: bool) -> None:
    server = greeted()
    content = [b"x\r\n" * 200_000, b"a lone\nLF"]
    first, second = server.session.submit(message(content)), server.session.submit(message())
    server.sees()
    if refused:
        server.session.receive_data(b"250 a\r\n250 b\r\n354 c\r\n")
        assert isinstance(server.session.next_step(), Send)
        server.says(b"554 5.7.1 spam\r\n")
    else:
        server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    server.ends()
    third = server.session.submit(message())
    assert [status for status, _ in statuses(first)] == [Status.PERMANENT]
    for other in (second, third):
        assert [status for status, _ in statuses(other)] == [Status.TEMPORARY]
        assert other.results[0].reply is None


def test_a_broken_transport_in_the_middle_of_the_content_is_a_temporary_failure() -> None:
    server, delivery = sending(content=b"x\r\n" * 200_000, ehlo=PLAIN)
    server.says(b"250 a\r\n")
    server.says(b"250 b\r\n")
    server.session.receive_data(b"354 c\r\n")
    server.session.next_step()
    server.session.closed(BrokenPipeError("broken"))
    assert server.sees() == b""
    assert server.step is None
    assert statuses(delivery) == [(Status.TEMPORARY, "content")]
    assert server.session.peer_gone


def test_a_reply_in_front_of_a_broken_transport_counts() -> None:
    server, delivery = sending()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    server.session.receive_data(b"250 d\r\n")
    server.session.closed(ConnectionResetError("reset"))
    assert server.sees() == b""
    assert server.step is None
    assert statuses(delivery) == [(Status.ACCEPTED, "final")]


def test_a_transport_that_breaks_while_nothing_is_done_is_a_failure_too() -> None:
    server = greeted()
    server.session.closed(ConnectionResetError("reset"))
    assert server.sees() == b""
    assert server.step is None
    delivery = server.session.submit(message())
    assert delivery.error is server.session.failure
    assert str(delivery.error) == "idle: reset"


@pytest.mark.parametrize("cut", [0, 1, 20])
def test_nothing_is_sent_to_a_server_that_says_good_bye_in_the_same_breath(cut: int) -> None:
    farewell = b"421 4.3.2 shutting down\r\n"
    server = Server()
    delivery = server.session.submit(message())
    server.sees()
    assert server.says(b"220 srv\r\n" + farewell[:cut] if cut else b"220 srv\r\n" + farewell) == b""
    if cut:
        assert server.session.deadline == server.now + 300
        assert server.says(farewell[cut:]) == b""
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "greeting")]
    assert not delivery.begun


def test_what_comes_behind_the_end_of_the_session_is_dropped() -> None:
    server, _ = sending()
    server.says(b"what\r\n")
    assert isinstance(server.step, Close)
    assert not server.session.wants_data
    server.session.receive_data(b"250 more\r\n")
    server.session.receive_data(b"")
    assert not server.ends()


def test_a_shutdown_behind_the_end_changes_nothing() -> None:
    server, _ = sending()
    server.says(b"what\r\n")
    server.session.shutdown(0)
    server.waits(1)
    assert not server.ends()


@pytest.mark.conformance("C206")
def test_a_refused_chunk_stops_the_content_and_the_transaction_is_reset() -> None:
    server, delivery = sending(CHUNKING, b"x\r\n" * 100, chunk_size=30)
    sent = server.says(b"250 a\r\n250 b\r\n")
    assert sent.count(b"BDAT") == 4
    assert server.says(b"552 5.3.4 big\r\n") == b""
    assert server.says(b"503 a\r\n503 b\r\n503 c\r\n") == b"RSET\r\n"
    server.says(b"250 ok\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "content")]
    assert server.session.idle


def test_a_refused_last_chunk_is_the_refusal_of_the_message() -> None:
    server, delivery = sending(CHUNKING)
    assert server.says(b"250 a\r\n250 b\r\n") == b"BDAT 3 LAST\r\nx\r\n"
    assert server.says(b"554 5.6.0 no\r\n") == b""
    assert statuses(delivery) == [(Status.PERMANENT, "final")]
    assert server.session.idle


@pytest.mark.conformance("C344")
def test_no_chunk_is_sent_before_the_envelope_was_answered() -> None:
    server = greeted(CHUNKING)
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"))
    assert b"BDAT" not in server.sees()
    assert server.says(b"250 a\r\n250 b\r\n") == b""
    assert server.says(b"250 c\r\n") == b"BDAT 3 LAST\r\nx\r\n"
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final")] * 2
    refused = server.session.submit(message())
    server.sees()
    assert server.says(b"250 a\r\n550 b\r\n") == b"RSET\r\n"
    assert not refused.done


@pytest.mark.parametrize("announced", [False, True])
def test_chunks_wait_for_their_replies_without_pipelining(announced: bool) -> None:
    ehlo = CHUNKING if announced else CHUNKING.replace(b"250-PIPELINING\r\n", b"")
    server, delivery = sending(ehlo, b"x\r\n" * 20, chunk_size=40, pipelining=not announced)
    server.says(b"250 a\r\n")
    assert server.says(b"250 b\r\n") == b"BDAT 40\r\n" + (b"x\r\n" * 20)[:40]
    assert server.says(b"250 c\r\n") == b"BDAT 20 LAST\r\n" + (b"x\r\n" * 20)[40:]
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final")]


# Too many recipients.


@pytest.mark.conformance("C118")
@pytest.mark.parametrize("ehlo", [USUAL, CHUNKING])
def test_recipients_that_the_server_has_no_room_for_get_a_transaction_of_their_own(ehlo: bytes) -> None:
    server = greeted(ehlo)
    delivery = server.session.submit(message(b"x\r\n", *(f"r{number}@d.example" for number in range(300))))
    sizes = []
    for _ in range(3):
        sent = server.sees()
        sizes.append(sent.count(b"RCPT"))
        replies = b"250 a\r\n" + b"250 b\r\n" * 100 + b"452 4.5.3 many\r\n" * (sizes[-1] - 100)
        if ehlo is USUAL:
            replies += b"354 c\r\n"
        assert server.says(replies) in (b"x\r\n.\r\n", b"BDAT 3 LAST\r\nx\r\n")
        server.session.receive_data(b"250 d\r\n")
    server.sees()
    assert sizes == [300, 200, 100]
    assert statuses(delivery) == [(Status.ACCEPTED, "final")] * 300


@pytest.mark.conformance("C117")
@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (b"552 too many", Status.TEMPORARY),
        (b"552 5.5.3 too many", Status.TEMPORARY),
        (b"452 4.5.3 too many", Status.TEMPORARY),
        (b"452 too many", Status.TEMPORARY),
        (b"552 5.2.2 full", Status.PERMANENT),
        (b"552 5.2.3 big", Status.PERMANENT),
        (b"552 5.3.4 big", Status.PERMANENT),
        (b"452 4.2.2 full", Status.TEMPORARY),
        (b"550 5.1.1 no", Status.PERMANENT),
    ],
)
def test_what_a_552_means_goes_by_what_it_says(reply: bytes, status: Status) -> None:
    server = greeted()
    # Content that cannot be had twice, so that nothing is tried again.
    delivery = server.session.submit(message(iter([b"x\r\n"]), "c@d.example", "e@d.example"))
    server.sees()
    assert server.says(b"250 a\r\n250 b\r\n" + reply + b"\r\n354 c\r\n") == b"x\r\n.\r\n"
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.ACCEPTED, "final"), (status, "rcpt")]


def test_a_552_to_the_first_recipient_is_permanent() -> None:
    server, delivery = sending()
    server.says(b"250 a\r\n552 too many\r\n503 c\r\n")
    server.says(b"250 d\r\n")
    assert statuses(delivery) == [(Status.PERMANENT, "rcpt")]


@pytest.mark.conformance("C281", "C356")
def test_the_limits_that_a_server_announces_are_kept_to() -> None:
    limits = b"250-LIMITS FOO=1 RCPTMAX=10 MAILMAX=0 RCPTDOMAINMAX=x\r\n250-PIPELINING\r\n"
    server = greeted(USUAL.replace(b"250-PIPELINING\r\n", limits))
    delivery = server.session.submit(message(b"x\r\n", *(f"r{number}@d.example" for number in range(25))))
    sizes = []
    while not delivery.done:
        sent = server.sees()
        sizes.append(sent.count(b"RCPT"))
        server.says(b"250 a\r\n" + b"250 b\r\n" * sizes[-1] + b"354 c\r\n")
        server.session.receive_data(b"250 d\r\n")
        server.session.next_step()
    assert sizes == [10, 10, 5]
    assert statuses(delivery) == [(Status.ACCEPTED, "final")] * 25


@pytest.mark.conformance("C281")
@pytest.mark.parametrize("limits", [b"RCPTMAX=1 RCPTMAX=2", b"RCPTMAX=2 rcptmax=1", b"RCPTMAX=1 RCPTMAX=x"])
def test_a_limit_that_is_named_twice_is_none(limits: bytes) -> None:
    server = greeted(USUAL.replace(b"250-PIPELINING\r\n", b"250-LIMITS " + limits + b"\r\n250-PIPELINING\r\n"))
    server.session.submit(message(b"x\r\n", "a@d.example", "b@d.example", "c@d.example"))
    assert server.sees().count(b"RCPT") == 3


def test_the_domains_of_a_transaction_are_counted_too() -> None:
    server = greeted(USUAL.replace(b"250-PIPELINING\r\n", b"250-LIMITS RCPTDOMAINMAX=1\r\n250-PIPELINING\r\n"))
    server.session.submit(message(b"x\r\n", "a@d.example", "b@D.example", "c@e.example"))
    assert server.sees().count(b"RCPT") == 2


def test_content_that_cannot_be_had_twice_goes_to_no_more_than_the_server_takes_at_once() -> None:
    server = greeted(USUAL.replace(b"250-PIPELINING\r\n", b"250-LIMITS RCPTMAX=1\r\n250-PIPELINING\r\n"))
    delivery = server.session.submit(message(iter([b"x\r\n"]), "a@d.example", "b@d.example"))
    assert server.sees().count(b"RCPT") == 1
    assert server.says(b"250 a\r\n250 b\r\n354 c\r\n") == b"x\r\n.\r\n"
    assert server.says(b"250 d\r\n") == b""
    assert statuses(delivery) == [(Status.ACCEPTED, "final"), (Status.TEMPORARY, "rcpt")]
    assert "no more in one transaction" in delivery.results[1].text


def test_a_message_that_is_split_takes_no_more_transactions_than_the_server_takes() -> None:
    server = greeted(USUAL.replace(b"250-PIPELINING\r\n", b"250-LIMITS RCPTMAX=1 MAILMAX=1\r\n250-PIPELINING\r\n"))
    delivery = server.session.submit(message(b"x\r\n", "c@d.example", "e@d.example"))
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    assert server.says(b"250 d\r\n") == b""
    assert statuses(delivery) == [(Status.ACCEPTED, "final"), (Status.TEMPORARY, "mail")]


def test_a_session_has_no_more_messages_than_the_server_takes() -> None:
    server = greeted(USUAL.replace(b"250-PIPELINING\r\n", b"250-LIMITS MAILMAX=1\r\n250-PIPELINING\r\n"))
    first, second = server.session.submit(message()), server.session.submit(message())
    server.sees()
    server.says(b"250 a\r\n250 b\r\n354 c\r\n")
    assert server.says(b"250 d\r\n") == b""
    assert first.accepted
    assert statuses(second) == [(Status.TEMPORARY, "mail")]
    assert not second.begun
