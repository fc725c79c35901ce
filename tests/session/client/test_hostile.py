"""Whatever octets a server sends, a client session raises nothing, ends, and settles all that it was given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.commands import Noop
from smtpcore.errors import LocalProtocolError
from smtpcore.sasl import Credentials
from smtpcore.session import Close, Receive, Send, StartTls
from smtpcore.session.client import ClientConfig, ClientSession, ClientTimeouts, Message, Status, TlsMode
from smtpcore.spec import Dialect

from .dialogue import TLS

EHLO = b"250-srv\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 8BITMIME\r\n"
OK = b"250 2.0.0 ok\r\n"
COURSE = [b"220 srv\r\n", EHLO, OK, OK, OK, b"354 go\r\n", OK, OK, OK, b"354 go\r\n", OK, OK]
"""What a server says that is not hostile, to a client that asks for nothing."""

# Replies that lead on, replies that do not, and what is none; parts of them too, which chance puts together.
WORDS = st.sampled_from(
    [
        b"220 srv\r\n",
        b"250 ok\r\n",
        b"250 2.1.0 ok\r\n",
        b"354 go\r\n",
        b"334 \r\n",
        b"334 !\r\n",
        b"235 2.7.0 in\r\n",
        b"221 bye\r\n",
        b"421 closing\r\n",
        b"452 4.5.3 many\r\n",
        b"503 no\r\n",
        b"535 no\r\n",
        b"550 5.1.1 no\r\n",
        b"554 no\r\n",
        EHLO,
        b"250-srv\r\n250-AUTH PLAIN LOGIN SCRAM-SHA-256\r\n250 CHUNKING\r\n",
        b"250-srv\r\n250-STARTTLS\r\n250-LIMITS RCPTMAX=1 MAILMAX=x\r\n250 SIZE 1 2\r\n",
        b"250-",
        b"250 ",
        b"2",
        b"-",
        b" ",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\xff",
        b"STARTTLS",
        b"999 what\r\n",
        b"250-a\r\n251 b\r\n",
        b"x" * 600,
    ]
)
SAID = st.lists(WORDS | st.binary(min_size=1, max_size=8), max_size=25)


@pytest.mark.threat("T-CLIENT")
@given(
    course=st.integers(0, len(COURSE)),
    said=SAID,
    together=st.booleans(),
    tls=st.sampled_from(TlsMode),
    secured=st.booleans(),
    dialect=st.sampled_from(Dialect),
    chunking=st.booleans(),
    credentials=st.none() | st.just(Credentials(username="ann", password="secret")),
    waits=st.booleans(),
)
def test_a_hostile_server_gets_nothing_but_an_end(
    course: int,
    said: list[bytes],
    together: bool,
    tls: TlsMode,
    secured: bool,
    dialect: Dialect,
    chunking: bool,
    credentials: Credentials | None,
    waits: bool,
) -> None:
    now = 0.0
    config = ClientConfig(
        hostname="c.test",
        dialect=dialect,
        tls=tls,
        chunking=chunking,
        chunk_size=4,
        credentials=credentials,
        plaintext_auth_without_tls=True,
        timeouts=ClientTimeouts(transaction=1000.0),
    )
    session = ClientSession(config, monotonic=lambda: now, token_bytes=bytes)
    deliveries = [
        session.submit(Message.to("a@b.test", ["c@d.test", "e@d.test"], content))
        for content in (b"x\r\n.y\r\nz", iter([b"x\r\n", b"y"]))
    ]
    exchange = session.ask(Noop())
    session.quit()
    to_say = [*COURSE[:course], *([b"".join(said)] if together and said else said)]
    for _ in range(1000):
        match session.next_step():
            case None:
                break
            case Send():
                session.sent()
            case StartTls():
                if secured:
                    session.tls_started(TLS)
                else:
                    session.tls_failed(OSError("handshake"))
            case Close():
                session.closed()
            case Receive():
                if to_say:
                    session.receive_data(to_say.pop(0))
                elif waits and session.deadline is not None:
                    now = session.deadline
                    session.timed_out()
                else:
                    session.receive_data(b"")
    assert session.next_step() is None
    for delivery in deliveries:
        assert delivery.done
        assert all(result.status is not Status.PENDING for result in delivery.results)
    assert exchange.done
    assert (exchange.reply is None) is (exchange.error is not None)
    assert not isinstance(exchange.error, LocalProtocolError)
