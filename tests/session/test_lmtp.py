"""LMTP (RFC 2033): a reply for each recipient, each as soon as it is known."""

from __future__ import annotations

from asyncio import Future, new_event_loop
from collections.abc import AsyncIterator, Iterator

import pytest

from smtpcore import Handler, Limits, LocalProtocolError, Reply, Timeouts, handler
from smtpcore.spec import Dialect, State
from tests.session.driver import Dialogue, Later, Recorder, config, later
from tests.wire import codes

YES = Reply(250, "Delivered", "2.1.5")
FULL = Reply(452, "Mailbox full", "4.2.2")
NO = Reply(550, "No such user here", "5.1.1")
ACCEPTED = "250 2.0.0 Message accepted\r\n"
FAULT = "451 4.3.0 Local error in processing\r\n"


def lmtp(application: Handler | None = None, *, recipients: int = 2, **settings: object) -> Dialogue:
    """A dialogue with some recipients accepted."""
    observer = settings.pop("observer", None)
    dialogue = Dialogue(config(dialect=Dialect.LMTP, **settings), application, observer=observer).greeted()  # type: ignore[arg-type]
    assert dialogue.say("LHLO client.test").startswith("250-")
    assert dialogue.say("MAIL FROM:<a@client.test>").startswith("250 ")
    for number in range(recipients):
        assert dialogue.say(f"RCPT TO:<user{number}@mx.test>").startswith("250 ")
    return dialogue


def delivering(answer: object) -> Handler:
    return handler(message=lambda *_: answer)


def deliver(dialogue: Dialogue, *, chunks: bool = False) -> str:
    """Send a message, by DATA or by BDAT, and give what is answered to it."""
    if chunks:
        return dialogue.feed(b"BDAT 4 LAST\r\nhi\r\n")
    assert dialogue.say("DATA").startswith("354 ")
    return dialogue.say("hi", ".")


def wire(reply: Reply) -> str:
    return reply.to_wire().decode()


# The greeting and the order of things.


@pytest.mark.conformance("C055", "C056", "C058", "C059")
def test_lhlo_is_its_greeting() -> None:
    dialogue = Dialogue(config(dialect=Dialect.LMTP))
    dialogue.greeted()
    assert dialogue.writes == [b"220 mx.test LMTP\r\n"]
    assert codes(dialogue.say("EHLO client.test", "HELO client.test").encode()) == ["500 5.5.1", "500 5.5.1"]
    offered = dialogue.say("LHLO client.test")
    for keyword in ("PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "CHUNKING"):
        assert f"250-{keyword}\r\n" in offered


@pytest.mark.conformance("C057")
def test_lhlo_is_unknown_to_smtp() -> None:
    assert Dialogue().greeted().say("LHLO client.test").startswith("500 5.5.1 ")


@pytest.mark.conformance("C124", "C282")
def test_data_needs_a_recipient_and_lmtp_knows_only_503() -> None:
    dialogue = lmtp(handler(rcpt=lambda *_: NO), recipients=0)
    assert dialogue.say("RCPT TO:<x@mx.test>").startswith("550 ")
    assert codes(dialogue.say("DATA", "NOOP").encode()) == ["503 5.5.1", "250 2.0.0"]


@pytest.mark.conformance("C350")
def test_a_last_chunk_without_a_recipient_is_one_503() -> None:
    dialogue = lmtp(recipients=0)
    assert codes(dialogue.feed(b"BDAT 3 LAST\r\nabcNOOP\r\n").encode()) == ["503 5.5.1", "250 2.0.0"]


def test_lmtp_has_enhanced_codes_always() -> None:
    with pytest.raises(ValueError, match="RFC 2033 5"):
        config(dialect=Dialect.LMTP, enhanced_codes=False)
    with pytest.raises(ValueError, match="submission"):
        config(dialect=Dialect.LMTP, submission=True)


@pytest.mark.conformance("C060")
def test_lmtp_is_not_for_port_25() -> None:
    with pytest.raises(ValueError, match="port 25"):
        config(dialect=Dialect.LMTP).check_port(25)
    config(dialect=Dialect.LMTP, lmtp_on_port_25=True).check_port(25)
    config(dialect=Dialect.LMTP).check_port(24)
    config(dialect=Dialect.LMTP).check_port(None)
    config().check_port(25)


# One answer for all.


@pytest.mark.conformance("C209", "C283")
@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize(("answer", "replied"), [(None, ACCEPTED), (YES, wire(YES)), (NO, wire(NO)), (7, FAULT)])
def test_one_answer_is_for_each_recipient(answer: object, replied: str, chunks: bool) -> None:
    dialogue = lmtp(delivering(answer), recipients=3)
    assert deliver(dialogue, chunks=chunks) == replied * 3
    assert dialogue.session.state is State.READY
    assert dialogue.session.envelope is None
    assert dialogue.say("MAIL FROM:<>").startswith("250 ")


@pytest.mark.conformance("C284")
def test_a_recipient_that_was_named_twice_is_answered_twice() -> None:
    dialogue = lmtp(recipients=1)
    dialogue.say("RCPT TO:<user0@mx.test>")
    assert deliver(dialogue) == ACCEPTED * 2


@pytest.mark.conformance("C283")
def test_recipients_that_were_refused_are_not_answered() -> None:
    dialogue = lmtp(handler(rcpt=lambda _, rcpt: NO if rcpt.path.local == "user1" else None), recipients=1)
    dialogue.say("RCPT TO:<user1@mx.test>", "RCPT TO:<user2@mx.test>")
    assert deliver(dialogue) == ACCEPTED * 2


def test_what_is_wrong_with_the_content_is_told_to_each_recipient() -> None:
    dialogue = lmtp(delivering([YES, YES]))
    dialogue.say("DATA")
    assert codes(dialogue.feed(b"a\nb\r\n.\r\n").encode()) == ["554 5.6.0"] * 2


def test_a_raised_exception_is_told_to_each_recipient() -> None:
    def message(*_: object) -> None:
        raise KeyError("secret")

    assert deliver(lmtp(handler(message=message))) == FAULT * 2


def test_without_a_handler_each_recipient_is_accepted() -> None:
    assert deliver(lmtp()) == ACCEPTED * 2


def test_one_421_is_enough() -> None:
    dialogue = lmtp(delivering(Reply(421, "Full")), recipients=3)
    assert codes(deliver(dialogue).encode()) == ["421 4.3.2"]
    assert dialogue.closing


@pytest.mark.conformance("C349")
def test_a_last_chunk_behind_a_failed_one_is_refused_for_each_recipient() -> None:
    dialogue = lmtp(limits=Limits(max_message_size=8))
    assert codes(dialogue.feed(b"BDAT 9\r\n123456789").encode()) == ["552 5.3.4"]
    assert codes(dialogue.feed(b"BDAT 1 LAST\r\na").encode()) == ["503 5.5.1"] * 2
    assert codes(dialogue.say("MAIL FROM:<>").encode()) == ["250 2.1.0"]


def test_a_last_chunk_that_is_too_big_is_refused_for_each_recipient() -> None:
    dialogue = lmtp(limits=Limits(max_message_size=8))
    assert codes(dialogue.feed(b"BDAT 9 LAST\r\n123456789NOOP\r\n").encode()) == ["552 5.3.4"] * 2 + ["250 2.0.0"]


# An answer for each.


@pytest.mark.conformance("C283")
@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_answers_are_sent_in_order(kind: type, chunks: bool) -> None:
    dialogue = lmtp(delivering(kind([YES, FULL, None])), recipients=3)
    assert deliver(dialogue, chunks=chunks) == wire(YES) + wire(FULL) + ACCEPTED
    assert dialogue.session.state is State.READY


@pytest.mark.conformance("C286")
def test_each_answer_is_sent_before_the_next_is_asked_for() -> None:
    seen: list[bytes] = []

    def verdicts() -> Iterator[Reply]:
        seen.append(b"".join(dialogue.writes))
        yield YES
        seen.append(dialogue.writes[-1])
        yield FULL

    dialogue = lmtp(delivering(verdicts()))
    assert deliver(dialogue) == wire(YES) + wire(FULL)
    assert not seen[0].endswith(wire(YES).encode())
    assert seen[1] == wire(YES).encode()


def test_commands_behind_the_message_wait_for_all_answers() -> None:
    dialogue = lmtp(delivering([YES, NO]))
    dialogue.say("DATA")
    assert dialogue.say("hi", ".", "NOOP") == wire(YES) + wire(NO) + "250 2.0.0 OK\r\n"


def test_what_is_missing_is_451() -> None:
    assert deliver(lmtp(delivering([YES]), recipients=3)) == wire(YES) + FAULT * 2
    assert deliver(lmtp(delivering([]), recipients=2)) == FAULT * 2
    assert deliver(lmtp(delivering(iter([YES])), recipients=2), chunks=True) == wire(YES) + FAULT


def test_what_is_too_much_is_ignored() -> None:
    dialogue = lmtp(delivering([YES, NO, YES, YES]))
    assert deliver(dialogue) == wire(YES) + wire(NO)
    assert dialogue.say("NOOP") == "250 2.0.0 OK\r\n"


def test_what_is_no_answer_for_a_recipient_is_451_for_that_one() -> None:
    recorder = Recorder()
    dialogue = lmtp(delivering([YES, "yes", Reply(354, "Go on"), [YES], YES]), recipients=5, observer=recorder)
    assert deliver(dialogue) == wire(YES) + FAULT * 3 + wire(YES)
    assert recorder.named("fault") == [
        ("recipient", TypeError),
        ("(reply)", LocalProtocolError),
        ("recipient", TypeError),
    ]


def test_a_generator_that_raises_is_451_for_the_rest() -> None:
    def verdicts() -> Iterator[Reply]:
        yield YES
        raise KeyError("secret")

    assert deliver(lmtp(delivering(verdicts()), recipients=3)) == wire(YES) + FAULT * 2


class Broken:
    """Claims to be iterable."""

    def __iter__(self) -> Iterator[Reply]:
        raise KeyError("secret")


class BrokenLater:
    def __aiter__(self) -> AsyncIterator[Reply]:
        raise KeyError("secret")


class NoIterator:
    def __aiter__(self) -> object:
        return [YES]


@pytest.mark.parametrize("answer", [Broken(), BrokenLater(), NoIterator()])
def test_what_only_claims_to_be_iterable_is_451_for_all(answer: object) -> None:
    recorder = Recorder()
    dialogue = lmtp(delivering(answer), observer=recorder)
    assert deliver(dialogue) == FAULT * 2
    assert [stage for stage, _ in recorder.named("fault")] == ["recipient"]
    assert dialogue.say("NOOP") == "250 2.0.0 OK\r\n"


def test_one_421_among_them_ends_the_session() -> None:
    dialogue = lmtp(delivering([YES, Reply(421, "Down"), YES]), recipients=3)
    assert codes(deliver(dialogue).encode()) == ["250 2.1.5", "421 4.3.2"]
    assert dialogue.closing


# Answers that have to be waited for.


class Slow:
    """An async iterable that a test answers by hand."""

    def __aiter__(self) -> Slow:
        return self

    def __anext__(self) -> Later:
        return Later()


class SlowOnce:
    """One whose iterator is nothing more than that."""

    def __aiter__(self) -> object:
        return type("Bare", (), {"__anext__": lambda _: Later()})()


@pytest.mark.conformance("C286")
@pytest.mark.parametrize("answer", [Slow(), SlowOnce()])
def test_answers_may_be_waited_for_one_by_one(answer: object) -> None:
    dialogue = lmtp(delivering(answer), recipients=3)
    assert deliver(dialogue) == ""
    dialogue.asked("recipient")
    assert dialogue.answer(YES) == wire(YES)
    assert dialogue.answer(None) == ACCEPTED
    assert dialogue.answer("x") == FAULT
    assert dialogue.receiving
    assert dialogue.session.state is State.READY


def test_each_recipient_has_a_deadline_of_its_own() -> None:
    dialogue = lmtp(delivering(Slow()), recipients=3, timeouts=Timeouts(message_hook=600))
    deliver(dialogue)
    assert dialogue.wait(599) == ""
    assert dialogue.answer(YES) == wire(YES)
    assert dialogue.wait(599) == ""
    assert dialogue.wait(1) == FAULT
    assert dialogue.answer(NO) == wire(NO)
    assert dialogue.receiving


def test_an_async_iterator_that_ends_early_is_451_for_the_rest() -> None:
    dialogue = lmtp(delivering(Slow()))
    deliver(dialogue)
    assert dialogue.fail(StopAsyncIteration()) == FAULT
    assert dialogue.fail(StopAsyncIteration()) == FAULT


def test_the_answers_themselves_may_be_waited_for() -> None:
    dialogue = lmtp(handler(message=later))
    deliver(dialogue)
    dialogue.asked("message")
    assert dialogue.answer([YES, NO]) == wire(YES) + wire(NO)


def test_a_future_is_waited_for_although_it_is_iterable() -> None:
    loop = new_event_loop()
    future: Future[object] = Future(loop=loop)
    dialogue = lmtp(delivering(future))
    assert deliver(dialogue) == ""
    assert dialogue.asked("message").pending is future
    assert dialogue.answer([YES, NO]) == wire(YES) + wire(NO)
    loop.close()
