"""Time passes only when it is told to."""

from __future__ import annotations

import pytest
from smtpcore_memory import Clock, Pipe
from smtpcore_testing.adapter_kit.application import EHLO, TRANSACTION, Recorder

from smtpcore.handler import Handler
from smtpcore.session import Limits, Observer, ServerConfig, ServerSession
from tests.adapters.memory.asking import CONFIG, Asking, configured


def test_a_clock_moves_only_when_it_is_moved() -> None:
    clock = Clock(5.0)
    clock.advance(1.5)
    assert clock() == clock.now == 6.5
    assert repr(clock) == "Clock(6.5)"
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1.0)


def test_a_deadline_comes_at_its_time_and_not_before() -> None:
    pipe = Pipe(configured(idle=300.0), Handler())
    pipe.receive()
    assert pipe.advance(299.9) == b""
    pipe.clock.advance(0.0)
    assert pipe.advance(0.2).startswith(b"421 4.4.2 ")
    assert pipe.closed


def test_each_deadline_on_the_way_is_told_at_its_exact_time() -> None:
    clock = Clock()
    times: list[float] = []

    class Watch(Observer):
        def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
            times.append(clock.now)

        def closed(self, session: ServerSession, cause: BaseException | None) -> None:
            times.append(clock.now)

    pipe = Pipe(configured(hook=7.0, idle=20.0), Asking(), clock=clock, observer=Watch())
    pipe.receive()
    pipe.send(EHLO + TRANSACTION)
    assert b"\r\n421 4.4.2 " in pipe.advance(1000.0)
    assert times == [7.0, 27.0]
    assert clock.now == 1000.0


def test_a_clock_that_others_have_moved_is_noticed_at_the_next_call() -> None:
    clock = Clock()
    pipe = Pipe(configured(idle=10.0), Handler(), clock=clock)
    pipe.receive()
    clock.advance(11.0)
    assert pipe.receive().startswith(b"421 4.4.2 ")


def test_a_full_transport_runs_into_the_write_deadline() -> None:
    recorder = Recorder()
    pipe = Pipe(configured(write=180.0), recorder, window=10)
    pipe.write(EHLO)  # the greeting fills the transport, and the next reply has to wait
    pipe.driver.advance(179.0)
    assert recorder.causes == []
    assert pipe.advance(1.0) == b"220 mx.test ESMTP\r\n"
    [cause] = recorder.causes
    assert isinstance(cause, TimeoutError)


def test_a_transport_that_is_read_takes_more() -> None:
    pipe = Pipe(ServerConfig(limits=Limits(max_noops=None)), Handler(), window=1000)
    pipe.receive()
    pipe.write(b"NOOP\r\n" * 10_000)
    assert pipe.receive() == b"250 2.0.0 OK\r\n" * 10_000


def test_a_shutdown_is_told_to_the_session() -> None:
    pipe = Pipe(CONFIG, Handler())
    pipe.receive()
    assert pipe.shutdown(30.0).startswith(b"421 4.3.2 ")
    assert pipe.closed


def test_a_grace_runs_by_the_clock() -> None:
    pipe = Pipe(CONFIG, Handler())
    pipe.receive()
    pipe.send(EHLO + TRANSACTION)
    assert pipe.shutdown(30.0) == b""
    assert pipe.advance(29.0) == b""
    assert pipe.advance(1.0).startswith(b"421 4.3.2 ")
