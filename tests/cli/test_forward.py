"""Forwarding: the next hop's verdict is ours, recipient by recipient, and nothing is accepted before it is."""

from __future__ import annotations

import contextlib
import queue
import socket
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.from_thread
import pytest
from smtpcore_anyio import Server, listen_tcp
from smtpcore_blocking import Client, connect
from smtpcore_cli.forward import ForwardHandler
from smtpcore_cli.hop import Hop
from smtpcore_cli.places import Place
from smtpcore_testing import SmtpSink

from smtpcore import Dialect, Limits, Mail, Path, Rcpt, ServerConfig
from smtpcore.params import Notify
from smtpcore.session.client import ClientConfig, Content, Delivery, Message, Status, TlsMode

CLIENT = ClientConfig(hostname="sender.test", tls=TlsMode.NONE, long_lines="pass")


class Front:
    """A server that forwards, in a thread of its own.

    Args:
        hop: A server in the test's hands.
        settings: Those of the forwarding server.
    """

    def __init__(self, hop: SmtpSink, *, lmtp_hop: bool = False, options: dict[str, Any], **settings: Any) -> None:
        self.log: list[str] = []
        self.port = 0
        self._started: queue.Queue[int] = queue.Queue()
        config = ClientConfig(
            hostname="front.test",
            dialect=Dialect.LMTP if lmtp_hop else Dialect.SMTP,
            tls=TlsMode.NONE,
            long_lines="pass",
            chunking=options.pop("chunking", True),
        )
        self._handler = ForwardHandler(Hop(Place(hop.host, hop.port), config, **options), self.log.append)
        self._config = ServerConfig(hostname="front.test", **settings)

    @contextlib.contextmanager
    def running(self) -> Iterator[Front]:
        """Serve."""
        with anyio.from_thread.start_blocking_portal() as portal:
            server = Server(self._config, self._handler)
            listener = portal.call(listen_tcp, "127.0.0.1", 0)
            address = listener.addresses[0]
            assert isinstance(address, tuple)
            self.port = address[1]
            served = portal.start_task_soon(server.serve, listener)
            try:
                yield self
            finally:
                portal.call(server.stop, 5.0)
                served.result()

    def client(self) -> contextlib.AbstractContextManager[Client]:
        """A client of it."""
        config = ClientConfig(hostname="sender.test", tls=TlsMode.NONE, dialect=self._config.dialect, long_lines="pass")
        return connect("127.0.0.1", self.port, config)

    def send(self, content: Content = b"Subject: x\r\n\r\nhello\r\n", *recipients: str, **params: Any) -> Delivery:
        """Send one message through it."""
        with self.client() as client:
            return client.send(Message.to("a@b.example", recipients or ["c@d.example"], content, **params))


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    """The next hop."""
    with SmtpSink() as hop:
        yield hop


@pytest.fixture
def front(sink: SmtpSink) -> Iterator[Callable[..., Front]]:
    """Makes servers that forward to it."""
    with contextlib.ExitStack() as stack:

        def make(
            hop: SmtpSink = sink, *, lmtp_hop: bool = False, options: dict[str, Any] | None = None, **settings: Any
        ) -> Front:
            made = Front(hop, lmtp_hop=lmtp_hop, options=options or {}, **settings)
            return stack.enter_context(made.running())

        yield make


def outcome(delivery: Delivery) -> list[tuple[Status, str]]:
    """What became of each recipient, and what it was told."""
    return [(result.status, result.text) for result in delivery.results]


def test_a_message_goes_through_and_the_answer_comes_back(front: Callable[..., Front], sink: SmtpSink) -> None:
    delivery = front().send(b"Subject: x\r\n\r\n.dot\r\n", "c@d.example", "e@d.example")
    [(status, text), _] = outcome(delivery)
    assert status is Status.ACCEPTED
    assert text.startswith("250 2.0.0 Forwarded: ")
    [message] = sink.messages
    assert message.sender == "a@b.example"
    assert list(message.recipients) == ["c@d.example", "e@d.example"]
    received, _, content = message.content.partition(b"Subject")
    assert received.startswith(b"Received: from sender.test ([127.0.0.1])\r\n\tby front.test with ESMTP id ")
    assert content == b": x\r\n\r\n.dot\r\n"


@pytest.mark.parametrize("chunking", [True, False])
def test_large_content_is_streamed(front: Callable[..., Front], sink: SmtpSink, chunking: bool) -> None:
    content = b"Subject: x\r\n\r\n" + b"0123456789abcde\r\n" * 200_000
    assert front(options={"chunking": chunking}).send(content).accepted
    [message] = sink.messages
    assert message.content.endswith(content)


def test_several_messages_share_a_connection(front: Callable[..., Front], sink: SmtpSink) -> None:
    with front().client() as client:
        for number in range(3):
            assert client.send(Message.to("a@b.example", ["c@d.example"], b"%d\r\n" % number)).accepted
    assert len(sink.messages) == 3
    assert sink.transcript.count("EHLO front.test") == 1


def test_refusals_come_back_as_they_are(front: Callable[..., Front], sink: SmtpSink) -> None:
    server = front()
    sink.on_rcpt("bad@*").reply(550, "no such user", "5.1.1")
    sink.on_rcpt("busy@*").reply(450, "later", "4.2.1")
    delivery = server.send(b"x\r\n", "bad@d.example", "c@d.example", "busy@d.example")
    assert outcome(delivery)[0] == (Status.PERMANENT, "550 5.1.1 no such user")
    assert outcome(delivery)[1][0] is Status.ACCEPTED
    assert outcome(delivery)[2] == (Status.TEMPORARY, "450 4.2.1 later")
    sink.on_mail().reply(553, "not from you", "5.1.8").times(1)
    assert outcome(server.send()) == [(Status.PERMANENT, "553 5.1.8 not from you")]
    sink.on_data().reply(452, "full", "4.3.1").times(1)
    assert outcome(server.send()) == [(Status.TEMPORARY, "452 4.3.1 full")]
    sink.on_message().reply(554, "spam", "5.7.1").times(1)
    assert outcome(server.send()) == [(Status.PERMANENT, "554 5.7.1 spam")]
    assert len(sink.messages) == 1
    assert server.log == []


def test_a_hop_that_closes_does_not_close_our_own_connection(front: Callable[..., Front], sink: SmtpSink) -> None:
    server = front()
    sink.on_rcpt("c@*").reply(421, "bye", "4.3.2").times(1)
    with server.client() as client:
        assert outcome(client.send(Message.to("a@b.example", ["c@d.example"], b"x\r\n"))) == [
            (Status.TEMPORARY, "451 4.3.2 localhost bye")
        ]
        assert client.send(Message.to("a@b.example", ["c@d.example"], b"x\r\n")).accepted


def test_what_the_hop_refuses_while_it_comes_is_refused_at_its_end(front: Callable[..., Front]) -> None:
    with SmtpSink(ServerConfig(limits=Limits(max_message_size=100_000))) as small:
        for chunking in (True, False):
            delivery = front(small, options={"chunking": chunking}).send(b"0123456789abcde\r\n" * 100_000)
            assert outcome(delivery) == [(Status.PERMANENT, "552 5.3.4 The message is too big for the next hop")]
            # Where nothing is said of the size beforehand, the hop says it.
            delivery = front(small, options={"chunking": chunking}).send(iter([b"0123456789abcde\r\n" * 1_000] * 10))
            assert outcome(delivery)[0][1].startswith("552 5.3.4 ")


def test_a_hop_that_is_not_there_is_a_temporary_failure(front: Callable[..., Front]) -> None:
    with SmtpSink() as gone:
        pass
    server = front(gone)
    assert outcome(server.send()) == [(Status.TEMPORARY, "451 4.4.1 The next hop is not to be had now")]
    assert "connect: cannot connect to 127.0.0.1" in server.log[0]


def test_a_hop_that_lets_nobody_in_is_a_temporary_failure(front: Callable[..., Front], sink: SmtpSink) -> None:
    sink.on_connect().reply(554, "go away")
    assert outcome(front().send())[0][0] is Status.TEMPORARY


@pytest.mark.parametrize("stage", ["on_mail", "on_rcpt", "on_data"])
def test_a_connection_that_is_lost_is_a_temporary_failure(
    front: Callable[..., Front], sink: SmtpSink, stage: str
) -> None:
    getattr(sink, stage)().drop()
    delivery = front().send()
    assert outcome(delivery)[0][0] is Status.TEMPORARY
    assert outcome(delivery)[0][1].startswith("451 4.4.")
    assert sink.messages == []


def test_a_connection_that_is_lost_behind_the_content_goes_on_record(
    front: Callable[..., Front], sink: SmtpSink
) -> None:
    server = front()
    sink.on_message().drop().times(1)
    delivery = server.send()
    assert outcome(delivery) == [(Status.TEMPORARY, "451 4.4.2 It is not known whether the next hop has the message")]
    [line] = server.log
    assert " uncertain: c@d.example " in line
    assert server.send().accepted


def test_a_hop_of_lmtp_that_is_lost_behind_the_content_goes_on_record_too(front: Callable[..., Front]) -> None:
    with SmtpSink(lmtp=True) as hop:
        server = front(hop, lmtp_hop=True)
        hop.on_message().drop().times(1)
        delivery = server.send()
    assert outcome(delivery) == [(Status.TEMPORARY, "451 4.4.2 It is not known whether the next hop has the message")]
    [line] = server.log
    assert " uncertain: c@d.example " in line


def test_a_kept_connection_that_has_gone_is_made_anew(front: Callable[..., Front], sink: SmtpSink) -> None:
    server = front()
    with server.client() as client:
        assert client.send(Message.to("a@b.example", ["c@d.example"], b"1\r\n")).accepted
        sink.on_mail().reply(421, "idle for too long").times(1)
        assert client.send(Message.to("a@b.example", ["c@d.example"], b"2\r\n")).accepted
    assert [message.content.rpartition(b"\r\n\r\n")[2][-3:] for message in sink.messages] == [b"1\r\n", b"2\r\n"]


@pytest.mark.parametrize("announced", [False, True])
def test_a_hop_gets_no_more_messages_over_a_connection_than_it_takes(
    front: Callable[..., Front], announced: bool
) -> None:
    settings = ServerConfig(limits=Limits(max_transactions=2), announce_limits=announced)
    with SmtpSink(settings) as hop, front(hop).client() as client:
        for _ in range(5):
            assert client.send(Message.to("a@b.example", ["c@d.example"], b"x\r\n")).accepted
        assert hop.transcript.count("C: EHLO") == 3


def test_a_message_that_is_given_up_is_given_up_at_the_hop(front: Callable[..., Front], sink: SmtpSink) -> None:
    with front().client() as client:
        opened = client.open(Mail(Path("a", "b.example"), {}))
        opened.add(Rcpt(Path("c", "d.example"), {}))
        opened.cancel()
        assert client.send(Message.to("a@b.example", ["e@d.example"], b"x\r\n")).accepted
    [message] = sink.messages
    assert list(message.recipients) == ["e@d.example"]
    assert "RSET" in sink.transcript


def test_a_message_that_is_cut_off_never_arrives(front: Callable[..., Front], sink: SmtpSink) -> None:
    def broken() -> Iterator[bytes]:
        yield b"Subject: x\r\n\r\n" + b"y\r\n" * 100_000
        raise OSError("gone")

    server = front()
    with server.client() as client:
        delivery = client.send(Message.to("a@b.example", ["c@d.example"], broken()))
    assert delivery.results[0].status is Status.TEMPORARY
    assert server.send().accepted
    assert len(sink.messages) == 1


# What a message asks for.


def test_what_a_message_asks_for_is_passed_on_or_refused(front: Callable[..., Front], sink: SmtpSink) -> None:
    asked: dict[str, Any] = {"rcpt": {"NOTIFY": Notify.NEVER}}
    assert front(dsn=True).send(b"x\r\n", **asked).accepted
    assert "RCPT TO:<c@d.example> NOTIFY=NEVER" in sink.transcript
    with SmtpSink(ServerConfig()) as plain:
        server = front(plain, dsn=True)
        delivery = server.send(b"x\r\n", **asked)
        assert outcome(delivery) == [(Status.PERMANENT, "550 5.3.3 The next hop cannot do what the message asks for")]
        assert plain.messages == []
        server = front(plain, smtputf8=True)
        delivery = server.send(b"x\r\n", "c@d.example", mail={"SMTPUTF8": True})
        assert outcome(delivery)[0][1].startswith("550 5.6.7")


def test_what_only_informs_is_left_out_where_it_is_not_read(front: Callable[..., Front], sink: SmtpSink) -> None:
    server = front(mechanisms=("PLAIN",), plaintext_auth_without_tls=True)
    assert server.send(b"x\r\n", mail={"AUTH": Path("", "")}).accepted
    assert "AUTH=" not in sink.transcript


# LMTP.


def test_a_server_of_smtp_takes_one_recipient_at_a_time_for_a_hop_with_many_verdicts(
    front: Callable[..., Front],
) -> None:
    with SmtpSink(lmtp=True) as hop:
        server = front(hop, lmtp_hop=True)
        hop.on_message("bad@*").reply(552, "full", "5.2.2")
        delivery = server.send(b"x\r\n", "c@d.example", "bad@d.example", "e@d.example")
        assert [status for status, _ in outcome(delivery)] == [Status.ACCEPTED, Status.PERMANENT, Status.ACCEPTED]
        assert outcome(delivery)[1][1] == "552 5.2.2 full"


def test_a_server_of_lmtp_gives_each_recipient_its_verdict(front: Callable[..., Front]) -> None:
    with SmtpSink(lmtp=True) as hop:
        server = front(hop, lmtp_hop=True, dialect=Dialect.LMTP)
        hop.on_message("bad@*").reply(552, "full", "5.2.2")
        delivery = server.send(b"x\r\n", "c@d.example", "bad@d.example", "e@d.example")
        assert [status for status, _ in outcome(delivery)] == [Status.ACCEPTED, Status.PERMANENT, Status.ACCEPTED]


def test_a_server_of_lmtp_gives_all_the_one_verdict_of_a_hop_of_smtp(
    front: Callable[..., Front], sink: SmtpSink
) -> None:
    server = front(dialect=Dialect.LMTP)
    sink.on_message().reply(554, "spam", "5.7.1")
    delivery = server.send(b"x\r\n", "c@d.example", "e@d.example")
    assert outcome(delivery) == [(Status.PERMANENT, "554 5.7.1 spam")] * 2


# XFORWARD and XCLIENT.


def test_a_hop_is_told_who_is_served(front: Callable[..., Front]) -> None:
    networks = ("127.0.0.0/8",)
    with SmtpSink(ServerConfig(xforward_networks=networks, xclient_networks=networks)) as hop:
        assert front(hop, options={"xforward": True}).send().accepted
        assert "XFORWARD NAME=[UNAVAILABLE] ADDR=127.0.0.1 PORT=" in hop.transcript
        assert "PROTO=ESMTP HELO=sender.test" in hop.transcript
        assert front(hop, options={"xclient": True}).send().accepted
        assert "XCLIENT" in hop.transcript


def test_a_hop_that_decides_by_who_is_served_is_told_when_that_changes(front: Callable[..., Front]) -> None:
    networks = ("127.0.0.0/8",)
    with SmtpSink(ServerConfig(xclient_networks=networks)) as hop:
        server = front(hop, options={"xclient": True}, xclient_networks=networks)
        message = ["MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA", "x\r\n."]
        lines = ["EHLO one.test", *message, *message, "XCLIENT ADDR=192.0.2.7", "EHLO two.test", *message, "QUIT"]
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection, connection.makefile("rwb") as file:
            for line in ["", *lines]:
                if line:
                    file.write(line.encode() + b"\r\n")
                    file.flush()
                while (reply := file.readline())[3:4] == b"-":
                    pass
                assert reply[:1] in (b"2", b"3")
        assert [str(message.peer.host) for message in hop.messages] == ["127.0.0.1", "127.0.0.1", "192.0.2.7"]
        assert hop.transcript.count("C: XCLIENT") == 2
