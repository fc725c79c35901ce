"""A client's session against a server's: what one sends is what the other reads, and both stand at the same place."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Generator, Iterable, Iterator

import pytest
from smtpcore_memory import Clock, Cut, pair
from smtpcore_testing.adapter_kit.application import Recorder
from smtpcore_testing.users import Users
from smtpcore_tls import client_context, server_context

from smtpcore.commands import Mail, Noop, Rcpt, Vrfy
from smtpcore.handler import Handler
from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.paths import Path
from smtpcore.replies import Reply
from smtpcore.sasl import Credentials
from smtpcore.session import Envelope, Idle, ServerConfig, ServerSession, Timeouts
from smtpcore.session.client import ClientConfig, ClientTimeouts, Content, Message, Status, TlsMode
from smtpcore.spec import Dialect, State
from tests.conftest import TlsFiles

from .pairing import Record, recorded

MECHANISMS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")


class Choosy(Recorder):
    """Refuses who asks for it, and takes its time over others."""

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return {"no": Reply(550, "no such user", "5.1.1"), "later": Reply(450, "busy", "4.2.1")}.get(rcpt.path.local)

    async def vrfy(self, session: ServerSession, command: Vrfy) -> Reply:
        return Reply(252, "perhaps", "2.1.5")


class Members(Handler):
    """Knows one user by every mechanism, and keeps who has sent something."""

    credentials = Users({"ann": "secret"})

    def __init__(self) -> None:
        self.senders: list[str | None] = []

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        assert session.identity is not None
        self.senders.append(session.identity.username)


def by_octet(octets: bytes) -> Iterable[bytes]:
    return (octets[index : index + 1] for index in range(len(octets)))


def by_threes(octets: bytes) -> Iterable[bytes]:
    return (octets[index : index + 3] for index in range(0, len(octets), 3))


def client(**settings: object) -> ClientConfig:
    return ClientConfig(**{"hostname": "c.test", "tls": TlsMode.NONE, **settings})  # type: ignore[arg-type]


def server(**settings: object) -> ServerConfig:
    return ServerConfig(**{"hostname": "mx.test", **settings})  # type: ignore[arg-type]


def message(*recipients: str, content: Content = b"Subject: x\r\n\r\n.dotted\r\nlast\r\n") -> Message:
    return Message.to("ann@a.test", recipients or ["bob@b.test"], content)


@pytest.fixture
def record() -> Iterator[Record]:
    with recorded() as record:
        yield record


@pytest.mark.parametrize("cut", [None, by_octet, by_threes])
@pytest.mark.parametrize("chunking", [True, False])
@pytest.mark.parametrize("pipelining", [True, False])
def test_every_event_arrives_equal_and_the_states_agree(
    cut: Cut | None, chunking: bool, pipelining: bool, record: Record
) -> None:
    handler = Choosy()
    both = pair(client(chunking=chunking, pipelining=pipelining, chunk_size=10), server(dsn=True), handler, cut=cut)
    first = both.send(message("bob@b.test", "no@b.test", '"a b"@c.test'))
    assert [result.status for result in first.results] == [Status.ACCEPTED, Status.PERMANENT, Status.ACCEPTED]
    second = both.send(message("no@b.test", "later@b.test"))
    assert [result.status for result in second.results] == [Status.PERMANENT, Status.TEMPORARY]
    mail = Mail(Path("", ""), {"RET": Ret.HDRS, "ENVID": Envid("a b")})
    rcpt = Rcpt(Path("bob", "b.test"), {"NOTIFY": Notify.SUCCESS | Notify.DELAY})
    third = both.send(Message(mail, [rcpt], [b"piece ", b"by piece\r\n"]))
    assert [result.status for result in third.results] == [Status.ACCEPTED]
    verified = both.session.ask(Vrfy("bob"))
    both.run()
    assert verified.reply is not None
    assert verified.reply.code == 252
    both.quit()
    assert both.session.failure is None
    assert both.client.closed
    assert both.server.closed
    assert handler.causes == [None]
    assert handler.messages == [b"Subject: x\r\n\r\n.dotted\r\nlast\r\n", b"piece by piece\r\n"]
    record.agrees()
    assert record.answered[-1][:2] == (221, State.CLOSED)
    assert [code for code, _, extensions in record.answered if not extensions] == [220]


@pytest.mark.parametrize("cut", [None, by_octet])
@pytest.mark.parametrize("mode", [TlsMode.STARTTLS, TlsMode.IMPLICIT])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_they_agree_through_tls_and_authentication(
    cut: Cut | None, mode: TlsMode, mechanism: str, record: Record, tls_files: TlsFiles
) -> None:
    handler = Members()
    credentials = Credentials(username="ann", password="secret")
    both = pair(
        client(tls=mode, credentials=credentials, mechanisms=(mechanism,)),
        server(
            starttls=mode is TlsMode.STARTTLS,
            implicit_tls=mode is TlsMode.IMPLICIT,
            mechanisms=MECHANISMS,
            sasl_secret=bytes(16),
        ),
        handler,
        tls_context=server_context(tls_files.cert, tls_files.key),
        client_tls_context=client_context(tls_files.ca),
        server_name="mx.test",
        cut=cut,
    )
    delivery = both.send(message())
    assert [result.status for result in delivery.results] == [Status.ACCEPTED]
    assert handler.senders == ["ann"]
    assert both.session.mechanism == mechanism
    assert both.session.tls is not None
    assert both.session.tls.peer_verified
    both.quit()
    record.agrees()


def test_both_are_at_one_about_a_wrong_password(record: Record) -> None:
    handler = Recorder()
    credentials = Credentials(username="ann", password="wrong")
    both = pair(
        client(credentials=credentials, plaintext_auth_without_tls=True),
        server(mechanisms=("PLAIN",), plaintext_auth_without_tls=True),
        handler,
    )
    delivery = both.send(message())
    assert delivery.error is not None
    assert delivery.error.stage == "auth"
    assert both.server.closed
    record.agrees()


def test_a_certificate_for_another_name_is_not_taken(
    server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    handler = Recorder()
    both = pair(
        client(tls=TlsMode.IMPLICIT),
        server(implicit_tls=True),
        handler,
        tls_context=server_ssl_context,
        client_tls_context=client_ssl_context,
        server_name="other.test",
    )
    both.run()
    assert both.session.failure is not None
    assert both.session.failure.stage == "tls"
    assert both.client.closed
    assert both.server.closed


def test_lmtp_has_a_reply_for_each_recipient(record: Record) -> None:
    class Lists(Choosy):
        def message(self, session: ServerSession, envelope: Envelope) -> object:  # type: ignore[override]
            return [Reply(250, "kept"), Reply(452, "full", "4.2.2")]

    both = pair(client(dialect=Dialect.LMTP), server(dialect=Dialect.LMTP), Lists())
    delivery = both.send(message("bob@b.test", "no@b.test", "carl@b.test"))
    assert [result.stage for result in delivery.results] == ["final", "rcpt", "final"]
    assert [result.status for result in delivery.results] == [Status.ACCEPTED, Status.PERMANENT, Status.TEMPORARY]
    both.quit()
    record.agrees()


def test_small_windows_hold_neither_up(record: Record) -> None:
    handler = Recorder()
    both = pair(client(), server(), handler, window=1, client_window=1)
    delivery = both.send(message(*(f"{number}@b.test" for number in range(600))))
    assert len(delivery.accepted) == 600
    record.agrees()


# Time.


def test_both_live_on_one_clock() -> None:
    clock = Clock(100.0)
    timeouts = Timeouts(idle=50.0)
    both = pair(client(), server(timeouts=timeouts), Recorder(), clock=clock)
    assert both.clock is clock
    both.run()
    assert isinstance(both.session.next_step(), Idle)
    both.advance(49.0)
    assert clock.now == 149.0
    assert not both.server.closed
    both.advance(10.0)
    assert clock.now == 159.0
    assert both.client.closed
    assert both.session.failure is not None
    assert "421" in str(both.session.failure)


def test_a_client_that_waits_in_vain_gives_up_in_its_own_time() -> None:
    class Slow(Recorder):
        async def rcpt(self, session: ServerSession, rcpt: Rcpt) -> None:
            await Forever()

    both = pair(client(timeouts=ClientTimeouts(mail=5.0, rcpt=5.0)), server(), Slow())
    delivery = both.send(message())
    assert not delivery.done
    assert both.server.pending is not None
    both.advance(5.0)
    assert delivery.done
    assert [result.status for result in delivery.results] == [Status.TEMPORARY]
    assert both.client.closed


class Forever:
    def __await__(self) -> Generator[None, None, None]:
        for _ in itertools.repeat(None):
            yield


def test_time_stands_still_for_sessions_without_deadlines() -> None:
    both = pair(client(), server(), Recorder())
    both.quit()
    both.advance(10.0)
    assert both.clock.now == 10.0


# Commands that cross.


def test_a_server_that_shuts_down_is_heard_by_an_idle_client() -> None:
    both = pair(client(), server(), Recorder())
    both.run()
    both.server.shutdown(10.0)
    both.run()
    assert both.client.closed
    exchange = both.session.ask(Noop())
    both.run()
    assert exchange.error is not None
