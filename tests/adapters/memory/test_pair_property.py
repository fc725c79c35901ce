"""Whatever a client accepts for sending arrives unchanged, over DATA and BDAT and however the octets are cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st
from smtpcore_memory import Cut, pair

from smtpcore.commands import Mail, Rcpt
from smtpcore.errors import LocalProtocolError
from smtpcore.handler import Handler
from smtpcore.params.body import BodyType
from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.paths import Path
from smtpcore.session import Envelope, ServerConfig, ServerSession
from smtpcore.session.client import ClientConfig, Message, SessionError, TlsMode

from .pairing import recorded

# What is good is drawn more often than what may be anything, or hardly a message would be sent.
LINES = st.sampled_from(
    [
        b"\r\n",
        b".\r\n",
        b"..\r\n",
        b".x\r\n",
        b"x.\r\n",
        b"Subject: x\r\n",
        "grün\r\n".encode(),
        b"\xff\r\n",
        b"x" * 996 + b"\r\n",
    ]
)
OCTETS = st.sampled_from([b"\r\n", b".", b"\r\n.\r\n", b"\r", b"\n", b"\0", b"a", b"\xc3\xa9", b"\xff", b"x" * 997])
GOOD_CONTENT = st.tuples(st.lists(LINES, max_size=8), st.sampled_from([b"", b"", b".", b"last"])).map(
    lambda parts: b"".join([*parts[0], parts[1]])
)
WILD_CONTENT = st.lists(OCTETS, max_size=6).map(b"".join) | st.binary(max_size=20)
CONTENTS = GOOD_CONTENT | GOOD_CONTENT | GOOD_CONTENT | WILD_CONTENT

TEXTS = st.text(st.sampled_from('ab.@ "\\<>,;:-_+=é\r\n\t\0\x7f\u2028日') | st.characters(), max_size=12)
GOOD_PATHS = st.builds(
    Path,
    st.sampled_from(
        ["ann", "a b", "a.b", "a@b", '"', "\\ ", ".a..b.", "jürgen", "日本", "postmaster", "a" * 64, "=+-_%$"]
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12),
    st.sampled_from(["a.test", "[192.0.2.1]", "[IPv6:2001:db8::1]", "bücher.test", "A.TEST", "x_y.test"]),
)
WILD_PATHS = st.builds(Path, TEXTS, TEXTS)
NULL = st.just(Path("", ""))
GOOD_ENVIDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)
MAILS = st.builds(
    Mail,
    GOOD_PATHS | GOOD_PATHS | GOOD_PATHS | NULL | WILD_PATHS,
    st.fixed_dictionaries(
        {},
        optional={"RET": st.sampled_from(Ret), "ENVID": st.builds(Envid, GOOD_ENVIDS | GOOD_ENVIDS | TEXTS)},
    ),
)
RCPTS = st.builds(
    Rcpt,
    GOOD_PATHS | GOOD_PATHS | GOOD_PATHS | st.just(Path("Postmaster", "")) | NULL | WILD_PATHS,
    st.fixed_dictionaries({}, optional={"NOTIFY": st.sampled_from([Notify.NEVER, Notify.FAILURE | Notify.DELAY])}),
)
SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=5)


@dataclass
class Keeper(Handler):
    """Takes everything and keeps it."""

    envelope: Envelope | None = None

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        self.envelope = envelope


def cutting(sizes: list[int]) -> Cut:
    """Cut into pieces of these sizes, again and again."""
    lengths = cycle(sizes)

    def cut(octets: bytes) -> Iterator[bytes]:
        start = 0
        while start < len(octets):
            end = start + next(lengths)
            yield octets[start:end]
            start = end

    return cut


@given(
    mail=MAILS,
    rcpts=st.lists(RCPTS, min_size=1, max_size=4),
    content=CONTENTS,
    piece=st.none() | st.integers(1, 20),
    chunking=st.booleans(),
    pipelining=st.booleans(),
    chunk_size=st.integers(1, 100),
    sizes=SIZES,
    window=st.none() | st.integers(1, 100),
)
def test_what_a_client_accepts_arrives_unchanged(
    mail: Mail,
    rcpts: list[Rcpt],
    content: bytes,
    piece: int | None,
    chunking: bool,
    pipelining: bool,
    chunk_size: int,
    sizes: list[int],
    window: int | None,
) -> None:
    keeper = Keeper()
    with recorded() as record:
        both = pair(
            ClientConfig(
                hostname="c.test",
                tls=TlsMode.NONE,
                chunking=chunking,
                pipelining=pipelining,
                chunk_size=chunk_size,
            ),
            ServerConfig(dsn=True, smtputf8=True),
            keeper,
            cut=cutting(sizes),
            window=window,
            client_window=window,
        )
        delivery = both.send(Message(mail, rcpts, content if piece is None else cutting([piece])(content)))
        assert delivery.done
        accepted = [result.recipient for result in delivery.accepted]
        # What was not accepted was refused by the client itself, before an octet of it was sent.
        for result in delivery.refused:
            assert result.reply is None
            assert isinstance(result.error, LocalProtocolError | SessionError)
        if accepted:
            envelope = keeper.envelope
            assert envelope is not None
            assert envelope.mail.path == mail.path
            assert mail.params.items() <= envelope.mail.params.items()
            assert envelope.recipients == accepted
            assert envelope.content == content + (b"\r\n" if lacks_its_end(content, chunking) else b"")
        else:
            assert keeper.envelope is None
        if both.session.failure is None:
            both.quit()
            assert both.client.closed
            assert both.server.closed
            assert record.received == record.sent
            assert record.answered == record.replied


def lacks_its_end(content: bytes, chunking: bool) -> bool:
    """Whether DATA has to end the last line."""
    return not chunking and content != b"" and not content.endswith(b"\r\n")


@given(content=CONTENTS, sizes=SIZES, chunking=st.booleans())
def test_binary_content_arrives_octet_by_octet(content: bytes, sizes: list[int], chunking: bool) -> None:
    keeper = Keeper()
    both = pair(
        ClientConfig(hostname="c.test", tls=TlsMode.NONE, chunking=chunking, chunk_size=64),
        ServerConfig(binarymime=True, bare_newlines_bdat="pass"),
        keeper,
        cut=cutting(sizes),
    )
    message = Message.to("ann@a.test", ["bob@b.test"], content, mail={"BODY": BodyType.BINARY_MIME})
    assert len(both.send(message).accepted) == 1
    assert keeper.envelope is not None
    assert keeper.envelope.content == content
