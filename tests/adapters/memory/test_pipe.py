"""Dialogues over pipes in memory, in one call or step by step."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from smtpcore_memory import Clock, Pipe, run
from smtpcore_testing.adapter_kit.application import CONTENT, DELIVERY, EHLO, TRANSACTION, Recorder

from smtpcore.errors import LocalProtocolError
from smtpcore.handler import Handler, handler
from smtpcore.session import Gate, Limits, Peer, ServerConfig, Timeouts
from tests.adapters.memory.asking import CONFIG, Asking, configured


def test_a_dialogue_in_one_call() -> None:
    recorder = Recorder()
    sent = run(CONFIG, recorder, EHLO, DELIVERY, b"QUIT\r\n")
    codes = [line[:3] for line in sent.split(b"\r\n") if line[3:4] == b" "]
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]
    assert recorder.messages == [CONTENT]
    assert recorder.causes == [None]


def test_a_dialogue_that_just_ends() -> None:
    assert run(CONFIG, Handler()) == b"220 mx.test ESMTP\r\n"


def test_a_dialogue_waits_for_a_delayed_greeting() -> None:
    config = ServerConfig(hostname="mx.test", refuse_early_talk=True, timeouts=Timeouts(greeting_delay=6.0))
    clock = Clock()
    assert run(config, Handler(), b"QUIT\r\n", clock=clock).startswith(b"220 ")
    assert clock.now == 6.0


def test_a_dialogue_lets_a_hook_run_into_its_deadline() -> None:
    asking, clock = Asking(), Clock(1000.0)
    sent = run(configured(hook=100.0), asking, EHLO, TRANSACTION, b"NOOP\r\n", clock=clock)
    assert sent.endswith(b"250 2.1.0 Sender accepted\r\n451 4.3.0 Local error in processing\r\n250 2.0.0 OK\r\n")
    assert asking.closed == 1
    assert clock.now == 1100.0


def test_a_dialogue_ends_where_the_session_waits_for_ever() -> None:
    asking = Asking()
    sent = run(configured(hook=None), asking, EHLO, TRANSACTION)
    assert b"451" not in sent
    assert asking.causes == []


def test_an_empty_chunk_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty chunk"):
        run(CONFIG, Handler(), b"")


def test_what_a_session_is_made_with_can_be_given() -> None:
    trace: list[bytes] = []
    run(
        CONFIG,
        handler(message=lambda session, envelope: trace.append(envelope.trace)),
        EHLO,
        DELIVERY,
        peer=Peer("192.0.2.1", 4000),
        utcnow=lambda: datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
        token_bytes=bytes,
    )
    [lines] = trace
    assert b"[192.0.2.1]" in lines
    assert b"29 Feb 2024 12:00:00 +0000" in lines
    assert b"000000000000" in lines


def test_nothing_runs_before_the_first_call() -> None:
    seen: list[str] = []
    pipe = Pipe(CONFIG, handler(connect=lambda session: seen.append("connect")))
    assert seen == []
    assert pipe.receive() == b"220 mx.test ESMTP\r\n"
    assert seen == ["connect"]
    assert pipe.receive() == b""
    assert not pipe.closed


def test_who_sends_before_receiving_talks_early() -> None:
    pipe = Pipe(CONFIG, Handler())
    assert pipe.send(EHLO).startswith(b"220 mx.test ESMTP\r\n250-mx.test\r\n")
    assert pipe.session.early_talk


def test_written_input_is_answered_when_it_is_received() -> None:
    pipe = Pipe(CONFIG, Handler())
    pipe.receive()
    pipe.write(b"NOOP\r\n")
    pipe.write(memoryview(b"NOOP\r\n"))
    assert pipe.receive() == b"250 2.0.0 OK\r\n" * 2


def test_the_end_of_the_input_ends_the_connection_and_is_final() -> None:
    recorder = Recorder()
    pipe = Pipe(CONFIG, recorder)
    pipe.receive()
    assert pipe.send(b"") == b""
    assert pipe.closed
    assert recorder.causes == [None]
    with pytest.raises(LocalProtocolError, match="input was ended"):
        pipe.send(b"NOOP\r\n")


def test_what_is_sent_to_a_connection_that_is_over_is_lost() -> None:
    pipe = Pipe(CONFIG, Handler())
    pipe.receive()
    assert pipe.send(b"QUIT\r\n").startswith(b"221 ")
    assert pipe.closed
    assert pipe.send(b"NOOP\r\n") == b""


def test_who_hangs_up_hears_nothing_more() -> None:
    recorder = Recorder()
    pipe = Pipe(CONFIG, recorder)
    pipe.write(EHLO + DELIVERY)
    pipe.close()
    assert pipe.receive() == b""
    assert recorder.messages == [CONTENT]
    pipe.close()


def test_a_reset_is_the_cause_of_the_end() -> None:
    recorder = Recorder()
    pipe = Pipe(CONFIG, recorder)
    pipe.receive()
    pipe.reset()
    assert pipe.closed
    [cause] = recorder.causes
    assert isinstance(cause, ConnectionResetError)
    pipe.reset()
    assert len(recorder.causes) == 1


def test_a_reset_may_have_another_cause() -> None:
    recorder = Recorder()
    pipe = Pipe(CONFIG, recorder)
    cause = OSError("no route")
    pipe.reset(cause)
    assert recorder.causes == [cause]


def test_a_gate_is_shared_by_pipes_and_released() -> None:
    gate = Gate(1)
    first, second = Pipe(CONFIG, Handler(), gate=gate), Pipe(CONFIG, Handler(), gate=gate)
    assert first.receive().startswith(b"220 ")
    assert second.receive().startswith(b"421 ")
    first.send(b"QUIT\r\n")
    assert gate.open == 0


def test_input_that_the_session_does_not_want_waits() -> None:
    config = ServerConfig(limits=Limits(max_input_buffer=4096, max_noops=None))
    pipe = Pipe(config, Asking())
    pipe.receive()
    pipe.send(EHLO + TRANSACTION)
    for _ in range(100):
        pipe.write(b"NOOP\r\n" * 100)
    assert pipe.session.connection.buffered < 4096 + 600
    assert pipe.answer(None).count(b"250 2.0.0 OK\r\n") == 10_000
