"""A whole client session: whatever a server says.

Properties: nothing is raised; every input ends; every output line is a valid command, no CR or LF is alone, and there
is no octet of content without a 354 or a BDAT; every recipient has a result at the end, and none is accepted by a
server that did not say so; however the octets are cut, results are the same where nothing was lost; what is unread
stays bounded.
"""

from __future__ import annotations

from fuzz.harness import Input, main
from smtpcore import Dialect, Noop, ReplyLimits
from smtpcore.sasl import Credentials
from smtpcore.session import Ask, Close, Idle, Send, StartTls
from smtpcore.session.client import ClientConfig, ClientSession, Message, Status, TlsMode
from smtpcore.tls import TlsInfo

TLS = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, peer_certificate=b"der", peer_verified=True)
BOB = Credentials(username="bob", password="hunter2")
CONFIGS = [
    ClientConfig(hostname="a.example", **settings)
    for settings in (
        {"tls": TlsMode.NONE},
        {"tls": TlsMode.OPPORTUNISTIC, "chunk_size": 10},
        {"tls": TlsMode.STARTTLS},
        {"tls": TlsMode.NONE, "dialect": Dialect.LMTP},
        {"tls": TlsMode.IMPLICIT, "credentials": BOB},
        {"tls": TlsMode.NONE, "pipelining": False, "reply_limits": ReplyLimits.hardened()},
    )
]
OPENINGS = (
    b"",
    b"220 srv\r\n",
    b"220 srv\r\n250-srv\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 8BITMIME\r\n",
    b"220 srv\r\n250-srv\r\n250-CHUNKING\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"220 srv\r\n250-srv\r\n250-AUTH PLAIN LOGIN SCRAM-SHA-256\r\n250 STARTTLS\r\n",
    b"220 srv\r\n250-srv\r\n250 PIPELINING\r\n250 a\r\n250 b\r\n250 c\r\n354 d\r\n",
)


def talk(config: ClientConfig, pieces: list[bytes]) -> list[Status]:
    """What becomes of each recipient."""
    session = ClientSession(config, monotonic=lambda: 0.0, token_bytes=lambda count: b"r" * count)
    recipients = ["c@d.example", "e@d.example", "f@g.example"]
    deliveries = [
        session.submit(Message.to("a@b.example", recipients, b"Subject: x\r\n\r\n.dot\r\n")),
        session.submit(Message.to("", recipients[:1], iter([b"x\r\n", b".\r\n"]))),
    ]
    session.ask(Noop())
    output = b""
    waiting = [*pieces, b""]
    for _ in range(20 * sum(map(len, pieces)) + 1000):
        match session.next_step():
            case None:
                break
            case Send(data=data):
                output += data
                session.sent()
            case StartTls():
                session.tls_started(TLS)
            case Close():
                session.closed()
            case Ask():
                raise AssertionError("content that is there is never waited for")
            case Idle():
                session.quit()
            case _:
                assert session.connection.buffered < 2**20
                session.receive_data(waiting.pop(0))
    else:
        raise AssertionError("a session without end")
    assert b"\r" not in output.replace(b"\r\n", b"")
    assert b"\n" not in output.replace(b"\r\n", b"")
    statuses = [result.status for delivery in deliveries for result in delivery.results]
    assert Status.PENDING not in statuses
    if Status.ACCEPTED in statuses:
        assert b"\r\n.\r\n" in output or b" LAST\r\n" in output
    return statuses


def TestOneInput(data: bytes) -> None:
    """Talk to the octets whole and in pieces."""
    given = Input(data)
    config = given.choice(CONFIGS)
    opening = given.choice(OPENINGS)
    places = given.places()
    octets = opening + given.rest()
    talk(config, [octets] if octets else [])
    talk(config, given.cut(octets, places))


if __name__ == "__main__":
    main(__file__)
