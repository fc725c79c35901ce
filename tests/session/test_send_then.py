"""``Send.then``: an adapter that takes it stands where one stands that asks for the next step."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtpcore_testing.strategies import Chunking, chunkings

from smtpcore.commands import Rcpt
from smtpcore.handler import BodySink, Handler
from smtpcore.session import RECEIVE, Envelope, Limits, Receive, Send, ServerSession, Timeouts
from tests.session.driver import Dialogue, config

ENVELOPE = "MAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\n"
LINES = st.lists(
    st.sampled_from(
        [
            ENVELOPE, ENVELOPE + "DATA\r\n", ENVELOPE + "DATA\r\nhi\r\n.\r\n", "DATA\r\n", "hi\r\n", ".\r\n",
            "NOOP\r\n", "RSET\r\n", "MAIL FROM:<a@client.test> SIZE=1\r\n", "mail from:<>\r\n", "HELP\r\n",
            "BDAT 4\r\n", "BDAT 0 LAST\r\n", "BDAT 2 LAST\r\nhi", "EHLO again\r\n", "AUTH PLAIN\r\n", "*\r\n", "X\r\n",
            "QUIT\r\n",
        ]
    ),
    max_size=8,
)  # fmt: skip


def seen(pieces: list[bytes], pauses: list[float], *, hurried: bool) -> list[object]:
    """Where a session stands behind each piece and each pause."""
    chosen = config(
        timeouts=Timeouts.hardened(), limits=Limits.hardened(), mechanisms=("PLAIN",), plaintext_auth_without_tls=True
    )
    dialogue = Dialogue(chosen).ready()
    dialogue.hurried = hurried
    session = dialogue.session
    stands: list[object] = []
    for number, piece in enumerate(filter(None, pieces)):
        written = dialogue.feed(piece)
        stands.append((written, type(dialogue.step), session.state, session.deadline, dict(session.timers)))
        if pauses:
            stands.append((dialogue.wait(pauses[number % len(pauses)]), type(dialogue.step), session.wants_data))
    return stands


@settings(max_examples=300)
@given(LINES, chunkings() | st.just(Chunking()), st.lists(st.sampled_from([0.0, 1.0, 100.0, 400.0]), max_size=3))
def test_who_takes_it_sees_what_others_see(lines: list[str], cut: Chunking, pauses: list[float]) -> None:
    pieces = cut("".join(lines).encode())
    assert seen(pieces, pauses, hurried=True) == seen(pieces, pauses, hurried=False)


def test_it_is_there_behind_a_command_that_was_not_pipelined() -> None:
    dialogue = Dialogue().ready()
    for line in ("MAIL FROM:<a@client.test>", "RCPT TO:<b@mx.test>", "DATA", "hi\r\n."):
        dialogue.session.receive_data(f"{line}\r\n".encode())
        step = dialogue.session.next_step()
        assert isinstance(step, Send)
        assert step.then is RECEIVE
        dialogue.session.sent()


def test_what_a_hook_tells_its_session_is_heard_at_once() -> None:
    class Closing(Handler):
        def rcpt(self, session: ServerSession, rcpt: Rcpt) -> None:
            session.shutdown(0)

    dialogue = Dialogue(handler=Closing()).ready()
    dialogue.hurried = True
    dialogue.say("MAIL FROM:<a@client.test>")
    assert dialogue.say("RCPT TO:<b@mx.test>").startswith("250 ")
    assert dialogue.wait(0).startswith("421 ")


def test_what_a_sink_tells_its_session_is_heard_at_once() -> None:
    class Closing(BodySink):
        def write(self, chunk: bytes) -> None:
            dialogue.session.shutdown(0)

    class Streaming(Handler):
        def data(self, session: ServerSession, envelope: Envelope) -> BodySink:
            return Closing()

    dialogue = Dialogue(handler=Streaming()).ready()
    dialogue.hurried = True
    dialogue.say("MAIL FROM:<a@client.test>", "RCPT TO:<b@mx.test>", "DATA")
    dialogue.say("hi")
    assert dialogue.wait(0).startswith("421 ")


@pytest.mark.parametrize("hurried", [False, True])
def test_the_time_to_speak_begins_behind_a_send_that_took_long(hurried: bool) -> None:
    # An adapter that writes without waiting for anything else does not look at the deadline meanwhile.
    dialogue = Dialogue(config(timeouts=Timeouts.hardened())).ready()
    session = dialogue.session
    for line in ("MAIL FROM:<a@client.test>", "RCPT TO:<b@mx.test>", "DATA"):
        session.receive_data(f"{line}\r\n".encode())
        step = session.next_step()
        assert isinstance(step, Send)
        dialogue.now += 200
        session.sent()
        if not hurried:
            assert session.next_step() is RECEIVE
        kept = {name: at - dialogue.now for name, at in session.timers.items() if name in ("idle", "block", "rate")}
        assert kept == ({"block": 180, "rate": 60} if line == "DATA" else {"idle": 300})


def test_it_is_withdrawn_when_the_transport_does_not_take_all_at_once() -> None:
    dialogue = Dialogue(config(timeouts=Timeouts(idle=300.0, write=60.0))).ready()
    session = dialogue.session
    session.receive_data(b"MAIL FROM:<a@client.test>\r\n")
    step = session.next_step()
    assert isinstance(step, Send)
    # Whoever looks at the deadline now waits for the transport.
    assert session.deadline == dialogue.now + 60
    assert step.then is None
    dialogue.now += 50
    session.sent()
    assert isinstance(session.next_step(), Receive)
    assert session.deadline == dialogue.now + 300
