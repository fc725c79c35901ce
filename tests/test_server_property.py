"""Any octets at all: no exception, valid replies, one for each line, whatever the cuts."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings, inputs

from smtpcore.commands import Auth, SaslResponse
from smtpcore.events import BodyChunk, ConnectionClosed, EarlyTalk, Event, Pause, Rejected
from smtpcore.replies import Reply
from smtpcore.spec import Dialect, State
from tests.wire import Talk, accept, connection

LINE = re.compile(rb"[2-5][0-9]{2}[ -][\t -~]*\r\n")

REFUSALS = (Reply(550, "No"), Reply(451, "Later"), Reply(502, "No", close=True))


class Peer:
    """Answers each event as chance will have it, from a seed, so that the same events get the same answers."""

    def __init__(self, seed: int | None) -> None:
        self._random = None if seed is None else Random(seed)
        self.waiting = 0

    def __call__(self, event: Event) -> Reply:
        chance = self._random.random() if self._random is not None else 1.0
        if isinstance(event, Rejected):
            return event.reply
        if isinstance(event, Auth | SaslResponse) and chance > 0.8:
            return Reply(334, "AAAA")
        if chance < 0.3:
            return REFUSALS[int(chance * 10) if chance < 0.25 else 0]
        return accept(event) or Reply(250, "OK")


def hold(pieces: list[bytes], dialect: Dialect, greeting: Reply, seed: int | None, *, early: bool) -> Talk:
    conn = connection(dialect=dialect)
    answer = Peer(seed)
    talk = Talk()
    wants_reply = 0
    if not early:
        talk.output += conn.send(greeting)
    for number, piece in enumerate([*pieces, b""]):
        conn.receive_data(piece)
        if early and number == 0:
            assert conn.next_event() == (EarlyTalk() if piece else Pause.NEED_REPLY)
            talk.output += conn.send(greeting)
        while not isinstance(event := conn.next_event(), Pause):
            if isinstance(event, BodyChunk):
                assert event.data
                before = talk.events[-1] if talk.events else None
                if isinstance(before, BodyChunk):
                    before.data += event.data
                    continue
            talk.events.append(event)
            if isinstance(event, ConnectionClosed):
                break
            if isinstance(event, BodyChunk):
                continue
            assert conn.owed is not None
            assert conn.next_event() is Pause.NEED_REPLY
            replies = max(conn.dialogue.accepted, 1) if conn.owed.verb == b"." and dialect is Dialect.LMTP else 1
            reply = answer(event)
            for _ in range(replies):
                wants_reply += 1
                if conn.state is State.READY and conn.owed.verb == b"STARTTLS" and reply.positive and conn.buffered:
                    reply = Reply(454, "Later")
                if not reply.close or conn.state is not State.CLOSED:
                    talk.output += conn.send(reply)
                if conn.owed is None:
                    break
            assert conn.owed is None
            if conn.state is State.TLS_HANDSHAKE:
                conn.start_tls()
        assert conn.buffered <= 12288 + 2 or conn.state is State.CLOSED
        if conn.state is State.CLOSED:
            break
    talk.state = conn.state
    lines = talk.output.split(b"\r\n")
    assert lines.pop() == b""
    assert all(LINE.fullmatch(line + b"\r\n") and len(line) <= 510 for line in lines)
    assert sum(line[3:4] == b" " for line in lines) == wants_reply + 1
    return talk


@pytest.mark.conformance("C003", "C015", "C023", "C324")
@given(
    data=inputs(),
    dialect=st.sampled_from(Dialect),
    greeting=st.sampled_from([Reply(220, "mx"), Reply(220, "mx"), Reply(554, "mx")]),
    seed=st.one_of(st.none(), st.integers(0, 2**32)),
    cut=chunkings(),
    early=st.booleans(),
)
def test_no_octets_are_too_much(
    data: bytes, dialect: Dialect, greeting: Reply, seed: int | None, cut: Chunking, early: bool
) -> None:
    # Clear text behind STARTTLS is one of the three things that ask what is already there.
    data = data.replace(b"STARTTLS", b"STARTTL")
    whole = hold([data] if data else [], dialect, greeting, seed, early=early)
    assert whole.state is State.CLOSED
    pieces = cut(data)
    assert hold(pieces, dialect, greeting, seed, early=early) == whole
    if len(data) < 300:
        assert hold([data[i : i + 1] for i in range(len(data))], dialect, greeting, seed, early=early) == whole


@given(data=inputs(), seed=st.integers(0, 2**32), cut=chunkings())
def test_starttls_among_them_is_no_trouble_either(data: bytes, seed: int, cut: Chunking) -> None:
    hold([b"EHLO x\r\nSTARTTLS\r\n", *cut(data)], Dialect.SMTP, Reply(220, "mx"), seed, early=False)
