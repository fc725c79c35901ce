"""LMTP: sinks that answer, sessions that end between two answers, and what the trace says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smtpcore import BodySink, Chain, Envelope, Handler, Reply, ServerSession, handler
from smtpcore.session import Send
from smtpcore.spec import State
from tests.session.driver import TLS, Dialogue
from tests.session.test_lmtp import FAULT, NO, YES, Slow, deliver, delivering, lmtp, wire
from tests.wire import codes


class Sink(BodySink):
    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.aborted = False

    def finish(self) -> Reply | None:
        return self.answer  # type: ignore[return-value]

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize("chunks", [False, True])
def test_a_sink_answers_for_each_recipient(chunks: bool) -> None:
    sink = Sink([YES, NO])
    assert deliver(lmtp(handler(data=lambda *_: sink)), chunks=chunks) == wire(YES) + wire(NO)
    assert not sink.aborted


def test_a_chain_passes_the_answers_on() -> None:
    chain = Chain(handler(rcpt=lambda *_: None), delivering([YES, NO]))
    assert deliver(lmtp(chain)) == wire(YES) + wire(NO)


@pytest.mark.parametrize("hook", ["message", "finish"])
def test_several_answers_are_a_fault_outside_lmtp(hook: str) -> None:
    application = delivering([YES]) if hook == "message" else handler(data=lambda *_: Sink([YES]))
    dialogue = Dialogue(handler=application).in_data()
    assert dialogue.say("hi", ".") == FAULT
    dialogue = Dialogue(handler=delivering(Slow())).in_data()
    assert dialogue.say("hi", ".") == FAULT


# Ends.


def test_a_client_that_is_gone_gets_no_more_answers() -> None:
    ends: list[BaseException | None] = []

    class Application(Handler):
        def message(self, session: ServerSession, envelope: Envelope) -> Slow:  # type: ignore[override]
            return Slow()

        def disconnect(self, session: ServerSession, cause: BaseException | None) -> None:
            ends.append(cause)

    dialogue = lmtp(Application())
    deliver(dialogue)
    assert dialogue.answer(YES) == wire(YES)
    dialogue.close(ConnectionResetError())
    dialogue.asked("recipient")
    assert ends == []
    assert dialogue.answer(YES) == ""
    assert dialogue.over
    assert [type(cause) for cause in ends] == [ConnectionResetError]


def test_a_client_that_has_ended_its_input_gets_all_answers() -> None:
    dialogue = lmtp(delivering(Slow()))
    deliver(dialogue)
    dialogue.end_input()
    assert dialogue.answer(YES) == wire(YES)
    assert dialogue.answer(NO) == wire(NO)
    assert dialogue.closing


def test_a_shutdown_waits_for_the_last_answer() -> None:
    dialogue = lmtp(delivering(Slow()))
    deliver(dialogue)
    assert dialogue.shut_down() == ""
    assert dialogue.answer(YES) == wire(YES)
    assert codes(dialogue.answer(NO).encode()) == ["550 5.1.1", "421 4.3.2"]
    assert dialogue.closing


def test_a_shutdown_ends_between_two_answers_when_the_grace_is_over() -> None:
    dialogue = lmtp(delivering(Slow()), recipients=3)
    deliver(dialogue)
    dialogue.answer(YES)
    dialogue.shut_down(5)
    assert codes(dialogue.wait(5).encode()) == ["421 4.3.2"]
    assert dialogue.closing


def test_a_transport_that_takes_nothing_stops_the_answers() -> None:
    pulled: list[int] = []

    def verdicts() -> Iterator[Reply]:
        for number in range(3):
            pulled.append(number)
            yield YES

    dialogue = lmtp(delivering(verdicts()), recipients=3)
    dialogue.say("DATA")
    dialogue.stalled = True
    dialogue.say("hi", ".")
    assert type(dialogue.step) is Send
    assert pulled == [0]
    dialogue.stalled = False
    assert dialogue.run() == wire(YES) * 3


def test_the_hook_reset_is_not_called_for_a_message_that_was_answered() -> None:
    class Application(Handler):
        resets = 0

        def reset(self, session: ServerSession) -> None:
            self.resets += 1

    application = Application()
    dialogue = lmtp(application)
    deliver(dialogue)
    assert application.resets == 0
    assert dialogue.session.state is State.READY


# The trace.


def with_clause(*, tls: bool = False, login: bool = False) -> str:
    traces: list[bytes] = []
    application = handler(message=lambda _, envelope: traces.append(envelope.trace), authenticate=lambda *_: None)
    settings: dict[str, object] = {"starttls": True, "mechanisms": ("ANONYMOUS",)}
    dialogue = lmtp(application, recipients=0, **settings)
    dialogue.say("RSET")
    if tls:
        assert dialogue.say("STARTTLS").startswith("220 ")
        dialogue.tls(TLS)
        dialogue.say("LHLO client.test")
    if login:
        assert dialogue.say("AUTH ANONYMOUS dGVzdA==").startswith("235 ")
    dialogue.say("MAIL FROM:<a@client.test>", "RCPT TO:<b@mx.test>", "DATA")
    dialogue.say("hi", ".")
    return traces[0].partition(b"with ")[2].split()[0].decode()


@pytest.mark.parametrize(
    ("tls", "login", "clause"),
    [(False, False, "LMTP"), (True, False, "LMTPS"), (False, True, "LMTPA"), (True, True, "LMTPSA")],
)
def test_the_trace_says_lmtp(tls: bool, login: bool, clause: str) -> None:
    assert with_clause(tls=tls, login=login) == clause
