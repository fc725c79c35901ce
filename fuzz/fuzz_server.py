"""A whole server session: whatever octets come, with hooks that answer as the input decides.

Properties: nothing is raised; every input ends; every output line is a valid reply, and no CR or LF is alone; there
is one final reply for each command, at the end of data in LMTP one for each recipient; however the octets are cut, and
with the express lane open or closed, the same octets come out; the buffers stay bounded.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fuzz.harness import Input, main
from smtpcore import Dialect, Handler, Leniencies, Limits, Reply, ServerConfig, ServerSession
from smtpcore.session import Ask, Close, Peer, Send, StartTls
from smtpcore.tls import TlsInfo

LINE = re.compile(rb"[2-5][0-9]{2}[ -][\t -~]*\r\n")
TLS = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
REFUSALS = (None, None, None, Reply(550, "No"), Reply(451, "Later"), Reply(421, "Bye"), Reply(354, "What"), "no reply")
NETWORK = ("192.0.2.0/24",)
LIMITS = Limits(
    max_message_size=2000,
    max_recipients=3,
    max_errors=30,
    max_input_buffer=4096,
    max_auth_line=2048,
    max_line_drain=600,
)


class Decides(Handler):
    """Answers by the input; the answers do not depend on the cuts, since each hook counts for itself."""

    def __init__(self, answers: bytes) -> None:
        self._answers = answers or b"\0"
        self._asked = 0

    def _answer(self, *_: object) -> object:
        self._asked += 1
        return REFUSALS[self._answers[self._asked % len(self._answers)] % len(REFUSALS)]

    connect = helo = starttls = secured = mail = rcpt = message = vrfy = expn = help = etrn = _answer  # type: ignore[assignment]


def configs() -> list[ServerConfig]:
    """Servers of several kinds."""
    common = {
        "hostname": "mx.example", "limits": LIMITS, "starttls": True, "mechanisms": ("PLAIN", "LOGIN", "SCRAM-SHA-256"),
        "sasl_secret": b"s" * 32, "plaintext_auth_without_tls": True, "smtputf8": True, "dsn": True, "chunking": True,
        "xclient_networks": NETWORK, "xforward_networks": NETWORK,
    }  # fmt: skip
    return [
        ServerConfig(**common),  # type: ignore[arg-type]
        ServerConfig(**common, dialect=Dialect.LMTP),  # type: ignore[arg-type]
        ServerConfig(**common, leniencies=Leniencies.strict(), require_auth=True),  # type: ignore[arg-type]
        ServerConfig(hostname="mx.example", proxy_networks=NETWORK, limits=LIMITS),
    ]


CONFIGS = configs()


def serve(config: ServerConfig, answers: bytes, pieces: list[bytes], *, express: bool = True) -> bytes:
    """All that the server says."""
    session = ServerSession(
        config,
        Peer("192.0.2.1", 1, "192.0.2.2", 25),
        Decides(answers),
        monotonic=lambda: 0.0,
        utcnow=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        token_bytes=lambda count: b"r" * count,
    )
    session.express = session.express and express
    output: list[bytes] = []
    waiting = [*pieces, b""]
    for _ in range(20 * sum(map(len, pieces)) + 1000):
        match session.next_step():
            case None:
                return b"".join(output)
            case Send(data=data):
                output.append(data)
                session.sent()
            case StartTls():
                session.tls_started(TLS)
            case Close():
                session.closed()
            case Ask():
                raise AssertionError("a plain hook is never waited for")
            case _:
                assert session.connection.buffered <= LIMITS.max_input_buffer + 12288
                if session.deadline == 0.0:
                    session.timed_out()  # nobody has talked before the greeting
                else:
                    session.receive_data(waiting.pop(0))
    raise AssertionError("a session without end")


def TestOneInput(data: bytes) -> None:
    """Serve the octets whole and in pieces."""
    given = Input(data)
    config = given.choice(CONFIGS)
    answers = given.octets(20)
    places = given.places()
    # Clear text behind STARTTLS is one of the three things that ask what is already there.
    octets = re.sub(rb"(?i)STARTTLS", b"STARTTL", given.rest())
    opening = given.choice(
        (b"", b"EHLO a.example\r\n", b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n")
    )
    octets = (opening.replace(b"EHLO", b"LHLO") if config.dialect is Dialect.LMTP else opening) + octets
    pieces = given.cut(octets, places)
    output = serve(config, answers, [octets] if octets else [])
    assert output == serve(config, answers, pieces)
    assert output == serve(config, answers, pieces, express=False)
    lines = output.split(b"\r\n")
    assert lines.pop() == b""
    assert all(LINE.fullmatch(line + b"\r\n") for line in lines)


if __name__ == "__main__":
    main(__file__)
