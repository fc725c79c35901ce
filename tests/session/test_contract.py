"""The contract of a session: everything may be told at any time, and only ``next_step()`` acts."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore import Handler, LocalProtocolError, Reply, ServerSession, handler
from smtpcore.session import RECEIVE, Ask, Close, Receive, Send, StartTls
from tests.session.driver import TLS, Dialogue, Recorder, config, later


def test_nothing_happens_before_the_first_step() -> None:
    asked: list[str] = []
    recorder = Recorder()
    dialogue = Dialogue(handler=handler(connect=lambda *_: asked.append("connect")), observer=recorder)
    dialogue.session.receive_data(b"QUIT\r\n")
    dialogue.session.timed_out()
    assert asked == []
    assert recorder.told == []


def test_a_session_runs_whole_inside_a_callback_with_plain_hooks() -> None:
    calls: list[str] = []
    hooks: dict[str, Any] = {
        name: (lambda *_, name=name: calls.append(name)) for name in ("connect", "helo", "mail", "rcpt", "message")
    }
    session = Dialogue(handler=handler(**hooks)).session
    assert session.next_step() is RECEIVE
    session.timed_out()
    assert isinstance(session.next_step(), Send)
    session.sent()
    assert session.next_step() is RECEIVE
    session.receive_data(b"EHLO client.test\r\n")
    assert isinstance(session.next_step(), Send)
    session.sent()
    session.receive_data(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@mx.test>\r\nDATA\r\n")
    assert isinstance(session.next_step(), Send)
    session.sent()
    session.receive_data(b"hi\r\n.\r\n")
    assert isinstance(session.next_step(), Send)
    session.sent()
    assert session.next_step() is RECEIVE
    assert calls == ["connect", "helo", "mail", "rcpt", "message"]


def test_receive_is_one_constant() -> None:
    dialogue = Dialogue().greeted()
    other = Dialogue().greeted()
    assert dialogue.step is other.step is RECEIVE
    assert isinstance(RECEIVE, Receive)


def test_send_stands_until_it_was_sent() -> None:
    dialogue = Dialogue().greeted()
    dialogue.stalled = True
    dialogue.say("NOOP")
    send = dialogue.step
    assert isinstance(send, Send)
    dialogue.session.receive_data(b"QUIT\r\n")
    assert dialogue.session.next_step() is send
    dialogue.session.sent()
    assert isinstance(dialogue.session.next_step(), Send)


def test_ask_stands_until_it_is_answered() -> None:
    dialogue = Dialogue(handler=handler(mail=later)).ready()
    dialogue.say("MAIL FROM:<a@b.example>")
    ask = dialogue.asked("mail")
    dialogue.session.receive_data(b"NOOP\r\n")
    dialogue.session.timed_out()
    assert dialogue.session.next_step() is ask


def test_start_tls_stands_until_the_handshake_is_over() -> None:
    dialogue = Dialogue(config(starttls=True)).ready()
    dialogue.say("STARTTLS")
    assert isinstance(dialogue.step, StartTls)
    assert dialogue.session.next_step() is dialogue.step


def test_close_stands_until_it_was_done() -> None:
    dialogue = Dialogue().greeted()
    dialogue.say("QUIT")
    assert isinstance(dialogue.step, Close)
    dialogue.session.receive_data(b"NOOP\r\n")
    dialogue.session.shutdown(1)
    dialogue.session.timed_out()
    assert dialogue.session.next_step() is dialogue.step
    assert dialogue.close() == ""
    assert dialogue.over
    assert dialogue.session.next_step() is None


def test_sent_is_about_send_and_nothing_else() -> None:
    dialogue = Dialogue(handler=handler(mail=later)).ready()
    dialogue.session.sent()
    assert dialogue.session.next_step() is RECEIVE
    dialogue.say("MAIL FROM:<a@b.example>")
    ask = dialogue.asked()
    dialogue.session.sent()
    assert dialogue.session.next_step() is ask


def test_a_handshake_nobody_asked_for_is_ignored() -> None:
    dialogue = Dialogue(config(starttls=True)).ready()
    dialogue.session.tls_started(TLS)
    assert dialogue.session.next_step() is RECEIVE
    assert dialogue.session.tls is None
    dialogue.session.tls_failed(OSError())
    assert dialogue.session.next_step() is RECEIVE
    assert dialogue.session.cause is None
    # Nor does it count for the handshake that comes later.
    dialogue.say("STARTTLS")
    assert isinstance(dialogue.step, StartTls)


def test_next_step_inside_a_hook_is_the_hooks_own_fault() -> None:
    caught: list[LocalProtocolError] = []

    def mail(session: ServerSession, *_: object) -> None:
        try:
            session.next_step()
        except LocalProtocolError as error:
            caught.append(error)
            raise

    recorder = Recorder()
    dialogue = Dialogue(handler=handler(mail=mail), observer=recorder).ready()
    assert dialogue.say("MAIL FROM:<a@b.example>") == "451 4.3.0 Local error in processing\r\n"
    assert "return from it first" in str(caught[0])
    assert recorder.named("fault") == [("mail", LocalProtocolError)]
    assert dialogue.receiving


def test_a_hook_may_tell_the_session_things_since_that_only_records() -> None:
    def mail(session: ServerSession, *_: object) -> None:
        session.shutdown(30)
        session.timed_out()

    dialogue = Dialogue(handler=handler(mail=mail)).ready()
    written = dialogue.say("MAIL FROM:<a@b.example>")
    assert written.startswith("250 ")
    dialogue.run()
    assert dialogue.receiving
    assert dialogue.say("RSET").splitlines()[1].startswith("421 4.3.2 ")


def test_an_answer_to_a_settled_ask_is_ignored() -> None:
    dialogue = Dialogue(handler=handler(mail=later)).ready()
    dialogue.say("MAIL FROM:<a@b.example>")
    first = dialogue.asked()
    assert dialogue.answer(Reply(550, "No")) == "550 5.7.1 No\r\n"
    dialogue.session.answer(first, None)
    dialogue.session.failed(first, KeyError())
    assert dialogue.run() == ""
    dialogue.say("MAIL FROM:<b@b.example>")
    dialogue.session.answer(first, None)
    assert dialogue.run() == ""
    assert dialogue.answer().startswith("250 ")


def test_only_the_first_answer_to_an_ask_counts() -> None:
    dialogue = Dialogue(handler=handler(mail=later)).ready()
    dialogue.say("MAIL FROM:<a@b.example>")
    dialogue.session.answer(dialogue.asked(), Reply(550, "No"))
    dialogue.session.answer(dialogue.asked(), None)
    dialogue.session.failed(dialogue.asked(), KeyError())
    assert dialogue.run() == "550 5.7.1 No\r\n"


def test_a_plain_session_asks_nothing() -> None:
    steps: list[object] = []
    session = Dialogue(handler=handler(mail=lambda *_: None)).greeted().session
    session.receive_data(b"EHLO x.test\r\nMAIL FROM:<>\r\nNOOP\r\n")
    while (step := session.next_step()) is not RECEIVE:
        steps.append(step)
        session.sent()
    assert not [step for step in steps if isinstance(step, Ask)]


@pytest.mark.parametrize("answering", ["plain", "async"])
def test_a_thousand_recipients_need_no_deep_stack(answering: str) -> None:
    hook = later if answering == "async" else lambda *_: None
    dialogue = Dialogue(handler=handler(rcpt=hook)).ready()
    written = dialogue.say("MAIL FROM:<a@b.example>", *(f"RCPT TO:<r{n}@mx.test>" for n in range(1000)))
    while isinstance(dialogue.step, Ask):
        written += dialogue.answer()
    assert written.count("250 2.1.5 ") == 1000
    assert dialogue.session.envelope is not None
    assert len(dialogue.session.envelope.recipients) == 1000


def test_a_hook_that_is_not_overridden_is_not_called() -> None:
    class Counting(Handler):
        def rcpt(self, session: ServerSession, rcpt: object) -> None:
            """Only this one."""

    session = Dialogue(handler=Counting()).session
    assert session.overridden == {"rcpt"}
    assert Dialogue().session.overridden == set()


def test_the_session_has_a_name_and_a_place_for_the_application() -> None:
    session = Dialogue().session
    assert session.id == "000102030405"
    assert session.context is None
    session.context = {"user": 1}
    assert session.context == {"user": 1}


@pytest.mark.conformance("C023")
@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO x.test\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@mx.test>\r\nDATA\r\n..a\r\nb\r\n.\r\nNOOP\r\nQUIT\r\n",
        b"HELO x.test\r\nRCPT TO:<c@mx.test>\r\nXYZZY\r\nN\rOOP\r\nRSET\r\n\r\nQUIT\r\n",
    ],
)
def test_replies_are_the_same_however_the_octets_are_cut(octets: bytes) -> None:
    def replies(pieces: list[bytes]) -> str:
        dialogue = Dialogue().greeted()
        written = "".join(dialogue.feed(piece) for piece in pieces)
        assert dialogue.closing
        return written

    whole = replies([octets])
    assert replies([octets[n : n + 1] for n in range(len(octets))]) == whole
    for cut in range(1, len(octets)):
        assert replies([octets[:cut], octets[cut:]]) == whole
