"""Hooks that are awaited where there is no event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from smtpcore_memory import Pipe, run
from smtpcore_testing.adapter_kit.application import EHLO, TRANSACTION

from smtpcore.commands import Rcpt
from smtpcore.handler import handler
from smtpcore.replies import Reply
from smtpcore.session import ServerSession
from tests.adapters.memory.asking import CONFIG, Asking, Pause, configured


def test_a_coroutine_that_does_not_wait_is_run_on_the_spot() -> None:
    async def rcpt(session: ServerSession, rcpt: Rcpt) -> Reply:
        return Reply(550, "no such user", "5.1.1")

    async def mail(session: ServerSession, mail: object) -> None:
        raise KeyError("mine")

    assert b"\r\n550 5.1.1 no such user\r\n" in run(CONFIG, handler(rcpt=rcpt), EHLO, TRANSACTION)
    assert b"\r\n451 4.3.0 " in run(CONFIG, handler(mail=mail), EHLO, TRANSACTION)


def test_a_future_that_is_done_is_an_answer() -> None:
    loop = asyncio.new_event_loop()
    future: asyncio.Future[Reply] = loop.create_future()
    future.set_result(Reply(550, "no such user", "5.1.1"))
    assert b"\r\n550 5.1.1 no such user\r\n" in run(CONFIG, handler(rcpt=lambda *args: future), EHLO, TRANSACTION)
    loop.close()


def test_a_hook_that_waits_is_pending_until_it_is_answered() -> None:
    asking = Asking()
    pipe = Pipe(CONFIG, asking)
    pipe.receive()
    assert pipe.pending is None
    pipe.send(EHLO)
    assert pipe.send(TRANSACTION) == b""
    assert pipe.pending is not None
    assert pipe.pending.stage == "rcpt"
    assert pipe.answer(Reply(251, "will forward", "2.1.5")).endswith(b"\r\n251 2.1.5 will forward\r\n")
    assert pipe.pending is None
    assert asking.closed == 1


def test_a_pending_hook_may_be_made_to_raise() -> None:
    pipe = Pipe(CONFIG, Asking())
    pipe.receive()
    pipe.send(EHLO + TRANSACTION)
    assert pipe.fail(OSError("disk on fire")).endswith(b"\r\n451 4.3.0 Local error in processing\r\n")


def test_an_answer_that_comes_after_the_deadline_is_an_error_here() -> None:
    asking = Asking()
    pipe = Pipe(configured(hook=10.0), asking)
    pipe.receive()
    pipe.send(EHLO + TRANSACTION)
    assert pipe.advance(10.0).endswith(b"451 4.3.0 Local error in processing\r\n")
    assert asking.closed == 1
    assert pipe.pending is None
    with pytest.raises(ValueError, match="nothing is asked"):
        pipe.answer(None)


def test_a_hook_that_will_not_be_closed_is_left_alone() -> None:
    class Stubborn:
        def __await__(self) -> Iterator[None]:
            return iter((None, None))

    pipe = Pipe(configured(hook=10.0), handler(rcpt=lambda *args: Stubborn()))
    pipe.receive()
    pipe.send(EHLO + TRANSACTION)
    assert pipe.advance(10.0).endswith(b"451 4.3.0 Local error in processing\r\n")
    assert pipe.send(b"NOOP\r\n") == b"250 2.0.0 OK\r\n"


def test_a_hook_outlives_the_peer() -> None:
    asking = Asking()
    pipe = Pipe(CONFIG, asking)
    pipe.receive()
    pipe.send(EHLO + TRANSACTION)
    pipe.reset()
    assert pipe.pending is not None
    assert pipe.session.peer_gone
    assert asking.causes == []
    assert pipe.answer(None) == b""
    assert len(asking.causes) == 1


def test_disconnect_may_be_awaited_when_the_connection_is_over() -> None:
    async def disconnect(session: ServerSession, cause: object) -> None:
        await Pause()

    pipe = Pipe(CONFIG, handler(disconnect=disconnect))
    pipe.receive()
    pipe.send(b"QUIT\r\n")
    assert pipe.closed
    assert pipe.pending is not None
    assert pipe.pending.stage == "disconnect"
    pipe.answer(None)
    assert pipe.session.next_step() is None
