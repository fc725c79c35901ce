"""The application fails, waits, or refuses."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

import pytest

from smtpcore.commands import Mail, Rcpt
from smtpcore.replies import Reply
from smtpcore.session import Envelope, Gate, ServerSession, Timeouts

from .adapter import FOREVER, Adapter
from .application import (
    CONTENT,
    DELIVERED,
    DELIVERY,
    EHLO,
    MESSAGE,
    TRANSACTION,
    Faults,
    Recorder,
    Spool,
    Waiting,
    goes_on,
)
from .clients import PATIENCE, until
from .servers import Connect, Running, Start


def trouble(*args: object) -> None:
    """Fail."""
    raise ArithmeticError("these words stay here")


def goes_by(server: Running, connect: Connect) -> None:
    """Another client comes and goes; what others did before, the server knows by then."""
    other = connect(server).greeted()
    other.send(b"QUIT\r\n")
    assert other.rest().startswith(b"221 ")
    other.close()


class Slow(Recorder):
    """Its `message` waits until it is released.

    Args:
        sleep: Lets time pass under the adapter.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[object]]) -> None:
        super().__init__()
        self.sleep = sleep
        self.begun, self.released = threading.Event(), threading.Event()

    async def message(self, session: ServerSession, envelope: Envelope) -> Reply | None:  # type: ignore[override]
        """Keep the content when it is time."""
        self.begun.set()
        while not self.released.is_set():
            await self.sleep(0.005)
        return Recorder.message(self, session, envelope)


class Hooks(Adapter):
    """Hooks are waited for, and given up."""

    def test_a_hook_that_raises_is_451_and_the_server_goes_on(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        handler.mail = trouble  # type: ignore[assignment]
        server = start(handler)
        client = connect(server).greeted()
        assert client.ask(EHLO) == 250
        client.send(b"MAIL FROM:<ann@a.test>\r\n")
        reply = client.reply()
        assert reply.startswith(b"451 ")
        assert b"words" not in reply
        del handler.mail
        client.send(DELIVERY + b"QUIT\r\n")
        assert client.codes(5) == [*DELIVERED, 221]
        assert client.rest() == b""

    def test_a_connect_that_raises_is_a_421_in_place_of_the_greeting(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        handler.connect = trouble  # type: ignore[assignment]
        server = start(handler)
        client = connect(server)
        assert client.code() == 421
        assert client.rest() == b""
        del handler.connect
        goes_on(server, handler, connect)

    def test_a_disconnect_that_raises_harms_nobody(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        handler.disconnect = trouble  # type: ignore[assignment]
        server = start(handler)
        client = connect(server).greeted()
        assert client.ask(b"QUIT\r\n") == 221
        assert client.rest() == b""
        goes_on(server, handler, connect)

    def test_an_async_hook_is_awaited_where_that_can_be_done(self, start: Start, connect: Connect) -> None:
        faults = Faults()
        server = start(Waiting(lambda: self.sleep(FOREVER)), observer=lambda: faults)
        client = connect(server).greeted()
        client.send(EHLO + b"MAIL FROM:<>\r\nRCPT TO:<quick@b.test>\r\nNOOP\r\n")
        awaits = self.awaits
        assert client.codes(4) == [250, 250, 251 if awaits else 451, 250]
        assert [type(fault) for fault in faults.seen] == ([] if awaits else [TypeError])

    def test_an_async_hook_that_raises_is_451(self, start: Start, connect: Connect) -> None:
        class Failing(Recorder):
            async def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
                raise ArithmeticError

        faults = Faults()
        client = connect(start(Failing(), observer=lambda: faults)).greeted()
        client.send(EHLO + TRANSACTION + b"NOOP\r\n")
        assert client.codes(4) == [250, 250, 451, 250]
        assert [type(fault) for fault in faults.seen] == [ArithmeticError if self.awaits else TypeError]

    def test_an_async_hook_that_never_returns_is_cancelled_at_its_deadline(
        self, start: Start, connect: Connect
    ) -> None:
        faults = Faults()
        handler = Waiting(lambda: self.sleep(FOREVER))
        server = start(handler, observer=lambda: faults, timeouts=Timeouts(hook=0.2))
        client = connect(server).greeted()
        client.send(EHLO + TRANSACTION + b"NOOP\r\n")
        assert client.codes(4) == [250, 250, 451, 250]
        awaits = self.awaits
        until(lambda: handler.begun == handler.ended == (1 if awaits else 0))
        assert [type(fault) for fault in faults.seen] == [TimeoutError if awaits else TypeError]
        assert client.ask(b"QUIT\r\n") == 221
        assert client.rest() == b""

    def test_a_hook_that_overcomes_its_cancellation_is_too_late(self, start: Start, connect: Connect) -> None:
        adapter = self
        late = threading.Event()

        class Stubborn(Recorder):
            async def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
                try:
                    await adapter.sleep(FOREVER)
                except BaseException:
                    late.set()
                return Reply(250, "after all")

        client = connect(start(Stubborn(), timeouts=Timeouts(hook=0.2))).greeted()
        client.send(EHLO + TRANSACTION + b"NOOP\r\n")
        assert client.codes(4) == [250, 250, 451, 250]
        assert not self.awaits or late.wait(PATIENCE)
        assert client.ask(b"DATA\r\n") == 554
        client.send(b"QUIT\r\n")
        assert client.codes(1) == [221]
        assert client.rest() == b""

    def test_a_peer_that_leaves_while_a_hook_runs_does_not_end_the_hook(self, start: Start, connect: Connect) -> None:
        handler = self.slow()
        server = start(handler)
        client = connect(server).greeted()
        client.send(EHLO + DELIVERY)
        assert handler.begun.wait(PATIENCE)
        client.reset()
        goes_by(server, connect)
        handler.released.set()
        until(lambda: len(handler.causes) == 2)
        assert handler.messages == [CONTENT]

    def test_half_a_close_while_a_hook_runs_is_answered(self, start: Start, connect: Connect) -> None:
        handler = self.slow()
        server = start(handler)
        client = connect(server).greeted()
        client.send(EHLO + DELIVERY)
        client.end()
        assert handler.begun.wait(PATIENCE)
        goes_by(server, connect)
        handler.released.set()
        assert client.codes(5) == [250, *DELIVERED]
        assert client.rest() == b""

    def slow(self) -> Slow:
        """A handler that takes its time; there can be one only where hooks go on by themselves."""
        if not (self.awaits and self.resumes):
            pytest.skip("hooks of the adapter do not go on by themselves")
        return Slow(self.sleep)

    def test_an_async_hook_is_cancelled_when_the_grace_is_over(self, start: Start, connect: Connect) -> None:
        handler = Waiting(lambda: self.sleep(FOREVER))
        server = start(handler)
        client = connect(server).greeted()
        assert client.ask(EHLO) == 250
        client.send(TRANSACTION)
        until(lambda: handler.begun == 1 or client.heard())
        server.stop(0.2)
        assert client.rest().split(b"\r\n")[-2].startswith(b"421 4.3.2 ")
        client.close()
        until(server.ended)
        assert handler.begun == handler.ended

    def test_a_gate_turns_away_who_is_one_too_many(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        gate = Gate(1, lock=threading.Lock())
        server = start(handler, gate=gate)
        first = connect(server).greeted()
        second = connect(server)
        assert second.reply().startswith(b"421 ")
        assert second.rest() == b""
        assert first.ask(b"QUIT\r\n") == 221
        assert first.rest() == b""
        first.close()
        second.close()
        until(lambda: gate.open == 0)
        goes_on(server, handler, connect)

    def test_a_hook_may_answer_mail_with_what_closes(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        refusals = [Reply(550, "go away", close=True)]

        def mail(session: ServerSession, mail: Mail) -> Reply | None:
            return refusals.pop() if refusals else None

        handler.mail = mail  # type: ignore[method-assign]
        server = start(handler)
        client = connect(server).greeted()
        client.send(EHLO + DELIVERY)
        assert client.codes(2) == [250, 550]
        assert client.rest() == b""
        goes_on(server, handler, connect)

    def test_a_sink_is_finished_or_aborted(self, start: Start, connect: Connect) -> None:
        handler = Recorder()
        finished: list[bytes] = []

        def data(session: ServerSession, envelope: Envelope) -> Spool:
            return Spool(finished)

        handler.data = data  # type: ignore[method-assign]
        client = connect(start(handler)).greeted()
        client.send(EHLO + DELIVERY)
        assert client.codes(5) == [250, *DELIVERED]
        client.send(TRANSACTION + b"DATA\r\n" + MESSAGE)
        assert client.codes(3) == [250, 250, 354]
        client.reset()
        until(lambda: handler.causes)
        assert finished == [CONTENT, b"aborted"]
