"""Content that is streamed: back-pressure, early refusal, and finish or abort exactly once in every ending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smtpcore import BodySink, Limits, Reply, ServerConfig, handler
from tests.session.driver import Dialogue, Later, Recorder, config

NO = Reply(550, "No")
FAULT = "451 4.3.0 Local error in processing\r\n"


class Sink(BodySink):
    """Writes down what is done to it, and does what it is told to."""

    def __init__(self, write: object = None, finish: object = None, abort: object = None) -> None:
        self.log: list[object] = []
        self.answers = {"write": write, "finish": finish, "abort": abort}

    def _answer(self, name: str) -> Any:
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def write(self, chunk: bytes) -> Any:
        self.log.append(chunk)
        return self._answer("write")

    def finish(self) -> Any:
        self.log.append("finish")
        return self._answer("finish")

    def abort(self) -> Any:
        self.log.append("abort")
        return self._answer("abort")

    @property
    def calls(self) -> list[object]:
        """The ends, without the writes."""
        return [call for call in self.log if isinstance(call, str)]


def streaming(sink: BodySink, settings: ServerConfig | None = None, **hooks: Any) -> Dialogue:
    return Dialogue(settings, handler(data=lambda *_: sink, **hooks)).in_data()


def test_a_sink_gets_the_content_and_answers_for_the_message() -> None:
    asked: list[str] = []
    sink = Sink(finish=Reply(250, "queued as 7"))
    dialogue = streaming(sink, message=lambda *_: asked.append("message"))
    dialogue.feed(b"..one\r\n")
    dialogue.feed(b"two\r\n")
    assert dialogue.say(".") == "250 2.0.0 queued as 7\r\n"
    assert sink.log == [b".one\r\n", b"two\r\n", "finish"]
    assert asked == []
    assert dialogue.session.envelope is None


def test_the_envelope_of_a_streamed_message_has_its_size_and_no_content() -> None:
    seen: list[object] = []

    class Looking(Sink):
        def finish(self) -> None:
            envelope = dialogue.session.envelope
            assert envelope is not None
            seen.extend((envelope.size, envelope.content))

    dialogue = streaming(Looking())
    dialogue.say("hi", ".")
    assert seen == [4, b""]


def test_a_base_sink_takes_everything() -> None:
    assert streaming(BodySink()).say("hi", ".").startswith("250 ")
    dialogue = streaming(BodySink())
    dialogue.say("hi")
    dialogue.close()
    assert dialogue.over


def test_nothing_more_is_worked_on_while_a_write_is_awaited() -> None:
    sink = Sink(write=Later())
    dialogue = streaming(sink, config(limits=Limits(max_input_buffer=4096)))
    dialogue.feed(b"x" * 100)
    ask = dialogue.asked("write")
    assert dialogue.session.wants_data
    dialogue.feed(b"y" * 4096)
    assert dialogue.step is ask
    assert sink.log == [b"x" * 100]
    assert not dialogue.session.wants_data
    dialogue.answer()
    dialogue.asked("write")
    assert sink.log[1:] == [b"y" * 4096]
    dialogue.answer()
    assert dialogue.receiving
    assert dialogue.session.wants_data


def test_an_async_sink_is_waited_for_at_each_call() -> None:
    sink = Sink(write=Later(), finish=Later())
    dialogue = streaming(sink)
    dialogue.say("hi", ".", "NOOP")
    dialogue.asked("write")
    assert dialogue.answer() == ""
    dialogue.asked("finish")
    assert dialogue.answer(Reply(250, "mine")) == "250 2.0.0 mine\r\n250 2.0.0 OK\r\n"
    assert sink.calls == ["finish"]


@pytest.mark.parametrize("slow", [False, True])
def test_a_write_may_refuse_and_the_reply_comes_at_the_true_end(slow: bool) -> None:
    sink = Sink(write=Later() if slow else NO, abort=Later() if slow else None)
    dialogue = streaming(sink)
    written = dialogue.feed(b"one\r\n")
    if slow:
        written += dialogue.answer(NO)
        dialogue.asked("abort")
        written += dialogue.answer()
    assert written == ""
    assert sink.log == [b"one\r\n", "abort"]
    assert dialogue.feed(b"two\r\n") == ""
    assert dialogue.say(".", "NOOP") == "550 5.7.1 No\r\n250 2.0.0 OK\r\n"
    assert sink.log == [b"one\r\n", "abort"]


@pytest.mark.parametrize("slow", [False, True])
def test_a_refusal_that_closes_is_sent_at_once(slow: bool) -> None:
    bye = Reply(421, "mx.test Enough", "4.7.0")
    sink = Sink(write=Later() if slow else bye)
    dialogue = streaming(sink)
    written = dialogue.feed(b"one\r\n") + (dialogue.answer(bye) if slow else "")
    assert written == "421 4.7.0 mx.test Enough\r\n"
    assert dialogue.closing
    assert sink.log == [b"one\r\n", "abort"]
    dialogue.close()
    assert sink.log == [b"one\r\n", "abort"]


@pytest.mark.parametrize("answer", [KeyError("x"), Reply(250), Reply(354), True, "x"], ids=repr)
def test_a_write_that_fails_is_a_local_error_at_the_end(answer: object) -> None:
    recorder = Recorder()
    sink = Sink(write=answer)
    dialogue = Dialogue(handler=handler(data=lambda *_: sink), observer=recorder).in_data()
    assert dialogue.feed(b"one\r\n") == ""
    assert dialogue.say("two", ".") == FAULT
    assert sink.calls == ["abort"]
    assert [stage for stage, _ in recorder.named("fault")] == ["write"]


@pytest.mark.parametrize(
    "answer", [KeyError("x"), Reply(354), True, BodySink(), "x"], ids=lambda value: repr(value)[:12]
)
@pytest.mark.parametrize("slow", [False, True])
def test_a_finish_that_fails_is_a_local_error_and_nothing_is_aborted(answer: object, slow: bool) -> None:
    sink = Sink(finish=Later() if slow else answer)
    dialogue = streaming(sink)
    written = dialogue.say("one", ".")
    if slow:
        written = dialogue.fail(answer) if isinstance(answer, Exception) else dialogue.answer(answer)
    assert written == FAULT
    assert sink.calls == ["finish"]
    assert dialogue.say("MAIL FROM:<>").startswith("250 ")


def test_an_abort_that_fails_is_reported_and_changes_nothing() -> None:
    recorder = Recorder()
    sink = Sink(write=NO, abort=KeyError("x"))
    dialogue = Dialogue(handler=handler(data=lambda *_: sink), observer=recorder).in_data()
    assert dialogue.say("one", ".") == "550 5.7.1 No\r\n"
    assert recorder.named("fault") == [("abort", KeyError)]


def stall(dialogue: Dialogue) -> None:
    dialogue.stalled = True
    dialogue.say(".", "NOOP")
    dialogue.wait(180)


ENDINGS: dict[str, Callable[[Dialogue], object]] = {
    "finished": lambda d: d.say("."),
    "end of the input": lambda d: d.end_input(),
    "connection lost": lambda d: d.close(ConnectionResetError()),
    "block timeout": lambda d: d.wait(180),
    "shutdown": lambda d: (d.shut_down(1), d.wait(1)),
    "too big": lambda d: d.say("x" * 200, "."),
    "far too big": lambda d: d.feed(b"x\r\n" * 500_000),
    "bare LF": lambda d: d.say("x\ny", "."),
    "write stall": stall,
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("slow", [False, True])
def test_a_sink_is_finished_or_aborted_exactly_once_in_every_ending(ending: str, slow: bool) -> None:
    sink = Sink(finish=Later() if slow else None, abort=Later() if slow else None)
    dialogue = streaming(sink, config(limits=Limits(max_message_size=100)))
    dialogue.feed(b"hello\r\n")
    ENDINGS[ending](dialogue)
    for _ in range(3):
        if type(dialogue.step).__name__ == "Ask":
            dialogue.answer()
    dialogue.close()
    assert dialogue.over
    assert sink.calls == (["finish"] if ending in ("finished", "write stall") else ["abort"])


def test_a_sink_is_aborted_when_the_connection_breaks_during_a_write() -> None:
    sink = Sink(write=Later())
    dialogue = streaming(sink)
    dialogue.feed(b"x")
    dialogue.close(ConnectionResetError())
    dialogue.asked("write")
    assert sink.calls == []
    dialogue.answer(Reply(421, "too late"))
    assert dialogue.over
    assert sink.calls == ["abort"]


def test_a_sink_is_aborted_when_the_grace_is_over_during_a_write() -> None:
    sink = Sink(write=Later())
    dialogue = streaming(sink)
    dialogue.feed(b"x")
    dialogue.shut_down(1)
    assert dialogue.wait(1).startswith("421 ")
    assert sink.calls == ["abort"]
    assert dialogue.closing
