"""A dialogue with a ServerConnection: octets in, every event answered, in every cutting with one result."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from smtpcore import refusals
from smtpcore.commands import (
    Auth,
    Bdat,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    SaslCancel,
    SaslResponse,
    StartTls,
    Vrfy,
    Xclient,
    Xforward,
)
from smtpcore.dialogue import select
from smtpcore.events import BodyChunk, ConnectionClosed, EarlyTalk, EndOfBody, EndOfChunk, Event, Pause, Rejected
from smtpcore.extensions import Extensions
from smtpcore.leniencies import Leniencies
from smtpcore.replies import EhloReply, Reply
from smtpcore.server import ServerConnection
from smtpcore.spec import Dialect, State
from tests.feeding import cuttings

STRICT = Leniencies.strict()
SERVED = frozenset((b"STARTTLS", b"AUTH", b"EXPN", b"HELP"))
ANNOUNCED = Extensions(
    {"PIPELINING": "", "SIZE": "1000", "8BITMIME": "", "ENHANCEDSTATUSCODES": "", "AUTH": "PLAIN LOGIN"}
)

POSITIVE: dict[type[Event], Reply] = {
    Ehlo: EhloReply("mx.example.org", ANNOUNCED),
    Lhlo: EhloReply("mx.example.org", ANNOUNCED),
    Helo: Reply(250, "mx.example.org"),
    Mail: Reply(250, "OK", "2.1.0"),
    Rcpt: Reply(250, "OK", "2.1.5"),
    Data: Reply(354, "Go on"),
    EndOfChunk: Reply(250, "OK"),
    EndOfBody: Reply(250, "OK"),
    Rset: Reply(250, "OK"),
    Noop: Reply(250, "OK"),
    Quit: Reply(221, "Bye"),
    Vrfy: Reply(252, "Who knows"),
    Expn: Reply(252, "Who knows"),
    Help: Reply(214, "Help yourself"),
    StartTls: Reply(220, "Go on"),
    Etrn: Reply(250, "OK"),
    Xclient: Reply(220, "mx.example.org"),
    Xforward: Reply(250, "OK"),
    SaslResponse: Reply(235, "OK"),
    SaslCancel: Reply(501, "Cancelled", "5.7.0"),
}

Answers = Callable[[Event], Reply | None]


def accept(event: Event) -> Reply | None:
    """Yes to everything; None for what wants no reply."""
    if isinstance(event, Rejected):
        return event.reply
    if isinstance(event, Auth):
        if event.malformed:
            return Reply(501, "No base64", "5.5.2")
        return Reply(334) if event.initial is None else Reply(235, "OK")
    return POSITIVE.get(type(event))


def refuse(*kinds: type[Event], reply: Reply | None = None) -> Answers:
    """No to these, yes to all else."""

    def answer(event: Event) -> Reply | None:
        if isinstance(event, kinds):
            return reply if reply is not None else Reply(550, "No", "5.7.1")
        return accept(event)

    return answer


@dataclass
class Talk:
    """What came of a dialogue."""

    events: list[Event] = field(default_factory=list)
    output: bytes = b""
    state: State = State.CONNECTED

    @property
    def replies(self) -> list[str]:
        """Each reply as its code with its enhanced code, as in ``250 2.0.0``."""
        return codes(self.output)

    @property
    def content(self) -> list[bytes]:
        """The content of each message that was complete."""
        contents = []
        collected = b""
        for event in self.events:
            if isinstance(event, BodyChunk):
                collected += event.data
            elif isinstance(event, EndOfBody):
                contents.append(collected)
                collected = b""
            elif isinstance(event, (Rset, Ehlo, Lhlo, Helo)):
                collected = b""
        return contents


def codes(output: bytes) -> list[str]:
    """The last line of each reply as its code with its enhanced code, which all its lines must share."""
    found = []
    before: tuple[bytes, bytes] | None = None
    for line in output.split(b"\r\n")[:-1]:
        match = re.fullmatch(rb"([2-5][0-9]{2})([ -])(?:([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: .*)?)?.*", line)
        assert match, f"no reply line: {line!r}"
        code, separator, enhanced = match[1], match[2], match[3] or b""
        assert before in (None, (code, enhanced)), f"one reply, two codes: {output!r}"
        before = (code, enhanced) if separator == b"-" else None
        if separator == b" ":
            found.append((code + b" " + enhanced).decode().rstrip())
    assert before is None
    assert output.endswith(b"\r\n") or not output
    return found


def connection(
    *, served: Iterable[bytes] = SERVED, dialect: Dialect = Dialect.SMTP, **settings: object
) -> ServerConnection:
    """A connection that serves these optional verbs."""
    return ServerConnection(table=select(dialect, frozenset(served)), dialect=dialect, **settings)  # type: ignore[arg-type]


def drain(conn: ServerConnection, talk: Talk, answer: Answers) -> None:
    """Work on events and answer them until the connection pauses; that it is closed is told once."""
    if ConnectionClosed() in talk.events:
        return
    while not isinstance(event := conn.next_event(), Pause):
        if isinstance(event, BodyChunk) and talk.events and isinstance(talk.events[-1], BodyChunk):
            talk.events[-1] = BodyChunk(talk.events[-1].data + event.data)
        else:
            talk.events.append(event)
        if isinstance(event, ConnectionClosed):
            return
        reply = answer(event)
        assert (reply is None) == isinstance(event, (Bdat, BodyChunk, EarlyTalk)), f"nothing to answer {event} with"
        while reply is not None and conn.owed is not None:
            talk.output += conn.send(reply)
        if conn.state is State.TLS_HANDSHAKE:
            conn.start_tls()


def hold(
    pieces: Sequence[bytes],
    *,
    answer: Answers = accept,
    greeting: Reply | None = None,
    barrier: refusals.Barrier | None = None,
    **settings: object,
) -> Talk:
    """Greet, feed the pieces one by one, and answer what comes of each. The greeting is no part of the output."""
    conn = connection(**settings)  # type: ignore[arg-type]
    conn.barrier = barrier
    conn.send(greeting or Reply(220, "mx.example.org"))
    talk = Talk()
    for piece in pieces:
        conn.receive_data(piece)
        drain(conn, talk, answer)
    talk.state = conn.state
    return talk


def converse(data: bytes, **how: object) -> Talk:
    """Hold the dialogue in every cutting and demand one result (C023)."""
    result = hold([data], **how)  # type: ignore[arg-type]
    for pieces in cuttings(data):
        assert hold(pieces, **how) == result, f"another result when cut as {pieces!r}"  # type: ignore[arg-type]
    return result


def replies(*lines: bytes, **how: object) -> list[str]:
    """What the last of these lines are answered with, one reply a line; see ``codes``."""
    return converse(b"".join(line + b"\r\n" for line in lines), **how).replies


def last(*lines: bytes, **how: object) -> str:
    """What the last of these lines is answered with."""
    return replies(*lines, **how)[-1]


EHLO = b"EHLO client.example"
HELO = b"HELO client.example"
MAIL = b"MAIL FROM:<ann@client.example>"
RCPT = b"RCPT TO:<bob@mx.example.org>"
