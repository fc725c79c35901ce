"""What every adapter does when the application fails, waits or refuses."""

from __future__ import annotations

import base64
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from smtpcore.commands import Mail, Rcpt
from smtpcore.handler import BodySink, CredentialStore
from smtpcore.replies import Reply
from smtpcore.session import Envelope, Gate, Observer, ServerSession, Timeouts
from tests.adapters import drivers
from tests.adapters.drivers import until
from tests.adapters.mail import (
    CONTENT,
    DELIVERED,
    DELIVERY,
    EHLO,
    MESSAGE,
    TRANSACTION,
    Connect,
    Recorder,
    Serve,
    goes_on,
)


class Trouble(Exception):
    pass


def trouble(*args: object) -> None:
    raise Trouble("these words stay here")


class BadStore(CredentialStore):
    verify_password = trouble  # type: ignore[assignment]


class BadSink(BodySink):
    def __init__(self, stage: str) -> None:
        setattr(self, stage, trouble)


PLAIN = b"AUTH PLAIN " + base64.b64encode(b"\0ann\0secret") + b"\r\n"
HOOKS = {
    "helo": (b"", EHLO, 451),
    "starttls": (EHLO, b"STARTTLS\r\n", 451),
    "credentials": (EHLO, PLAIN, 454),
    "authenticate": (EHLO, PLAIN, 454),
    "mail": (EHLO, TRANSACTION[:24], 451),
    "rcpt": (EHLO + TRANSACTION[:24], TRANSACTION[24:], 451),
    "data": (EHLO + TRANSACTION, b"DATA\r\n", 451),
    "write": (EHLO + TRANSACTION + b"DATA\r\n", MESSAGE + b".\r\n", 451),
    "finish": (EHLO + TRANSACTION + b"DATA\r\n", MESSAGE + b".\r\n", 451),
    "message": (EHLO + TRANSACTION + b"DATA\r\n", MESSAGE + b".\r\n", 451),
    "vrfy": (EHLO, b"VRFY bob\r\n", 451),
    "expn": (EHLO, b"EXPN list\r\n", 451),
    "help": (EHLO, b"HELP\r\n", 451),
    "reset": (EHLO + TRANSACTION, b"RSET\r\n", 250),
}


@contextmanager
def faulty(handler: Recorder, stage: str) -> Iterator[None]:
    """A handler whose hook, or what belongs to it, fails."""
    if stage in ("write", "finish"):
        handler.data = lambda session, envelope: BadSink(stage)  # type: ignore[method-assign]
    elif stage == "credentials":
        handler.credentials = BadStore()  # type: ignore[assignment]
    else:
        setattr(handler, stage, trouble)
    yield
    for name in ("data", "credentials", stage):
        handler.__dict__.pop(name, None)


@pytest.mark.parametrize("stage", HOOKS)
def test_a_hook_that_raises_is_451_and_the_server_goes_on(serve: Serve, connect: Connect, stage: str) -> None:
    handler = Recorder()
    before, line, code = HOOKS[stage]
    with faulty(handler, stage):
        server = serve(handler, mechanisms=("PLAIN",), plaintext_auth_without_tls=True, starttls=True, expn=True)
        client = connect(server).greeted()
        client.send(before)
        client.codes(before.count(b"\r\n"))
        client.send(line)
        reply = client.reply()
        assert int(reply[:3]) == code
        assert b"words" not in reply
        assert client.ask(b"NOOP\r\n") == 250
    client.send(b"QUIT\r\n")
    assert client.rest()[:4] == b"221 "
    goes_on(server, handler, connect)


def test_a_connect_that_raises_is_a_421_in_place_of_the_greeting(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    with faulty(handler, "connect"):
        server = serve(handler)
        client = connect(server)
        assert client.code() == 421
        assert client.rest() == b""
    goes_on(server, handler, connect)


def test_a_disconnect_that_raises_harms_nobody(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    with faulty(handler, "disconnect"):
        server = serve(handler)
        client = connect(server).greeted()
        assert client.ask(b"QUIT\r\n") == 221
        assert client.rest() == b""
    goes_on(server, handler, connect)


class Faults(Observer):
    def __init__(self) -> None:
        self.seen: list[BaseException] = []

    def fault(self, session: ServerSession, stage: str, exception: BaseException) -> None:
        self.seen.append(exception)


class Slow(Recorder):
    """Its `rcpt` waits for what never comes, unless the recipient is quick."""

    def __init__(self, forever: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self.forever = forever
        self.begun = self.ended = 0

    async def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        if rcpt.path.local == "quick":
            return Reply(251, "will forward")
        self.begun += 1
        try:
            await self.forever()
        finally:
            self.ended += 1
        return None


def test_an_async_hook_is_awaited_where_that_can_be_done(serve: Serve, connect: Connect, adapter: str) -> None:
    faults = Faults()
    server = serve(Slow(lambda: drivers.forever(adapter)), observer=lambda: faults)
    client = connect(server).greeted()
    client.send(EHLO + b"MAIL FROM:<>\r\nRCPT TO:<quick@b.test>\r\nNOOP\r\n")
    awaits = adapter in drivers.AWAITS
    assert client.codes(4) == [250, 250, 251 if awaits else 451, 250]
    assert [type(fault) for fault in faults.seen] == ([] if awaits else [TypeError])


def test_an_async_hook_that_never_returns_is_cancelled_at_its_deadline(
    serve: Serve, connect: Connect, adapter: str
) -> None:
    faults = Faults()
    handler = Slow(lambda: drivers.forever(adapter))
    server = serve(handler, observer=lambda: faults, timeouts=Timeouts(hook=0.2))
    client = connect(server).greeted()
    client.send(EHLO + TRANSACTION + b"NOOP\r\n")
    assert client.codes(4) == [250, 250, 451, 250]
    awaits = adapter in drivers.AWAITS
    until(lambda: handler.begun == handler.ended == (1 if awaits else 0))
    assert [type(fault) for fault in faults.seen] == [TimeoutError if awaits else TypeError]
    assert client.ask(b"QUIT\r\n") == 221
    assert client.rest() == b""


def test_an_async_hook_is_cancelled_when_the_grace_is_over(serve: Serve, connect: Connect, adapter: str) -> None:
    handler = Slow(lambda: drivers.forever(adapter))
    server = serve(handler)
    client = connect(server).greeted()
    assert client.ask(EHLO) == 250
    client.send(TRANSACTION)
    until(lambda: handler.begun == 1 or client.heard())
    server.stop(0.2)
    assert client.rest().split(b"\r\n")[-2].startswith(b"421 4.3.2 ")
    client.close()
    until(server.ended)
    assert handler.begun == handler.ended


def test_a_gate_turns_away_who_is_one_too_many(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    gate = Gate(1, lock=threading.Lock())
    server = serve(handler, gate=gate)
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


def test_a_hook_may_answer_mail_with_what_closes(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    refusals = [Reply(550, "go away", close=True)]

    def mail(session: ServerSession, mail: Mail) -> Reply | None:
        return refusals.pop() if refusals else None

    handler.mail = mail  # type: ignore[method-assign]
    server = serve(handler)
    client = connect(server).greeted()
    client.send(EHLO + DELIVERY)
    assert client.codes(2) == [250, 550]
    assert client.rest() == b""
    goes_on(server, handler, connect)


class Spool(BodySink):
    """Keeps chunks until they are finished or aborted."""

    def __init__(self, finished: list[bytes]) -> None:
        self.parts: list[bytes] = []
        self.finished = finished

    def write(self, chunk: bytes) -> None:
        self.parts.append(chunk)

    def finish(self) -> Reply:
        self.finished.append(b"".join(self.parts))
        return Reply(250, "queued as 1")

    def abort(self) -> None:
        self.finished.append(b"aborted")


def test_a_sink_is_finished_or_aborted(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    finished: list[bytes] = []

    def data(session: ServerSession, envelope: Envelope) -> Spool:
        return Spool(finished)

    handler.data = data  # type: ignore[method-assign]
    client = connect(serve(handler)).greeted()
    client.send(EHLO + DELIVERY)
    assert client.codes(5) == [250, *DELIVERED]
    client.send(TRANSACTION + b"DATA\r\n" + MESSAGE)
    assert client.codes(3) == [250, 250, 354]
    client.reset()
    until(lambda: handler.causes)
    assert finished == [CONTENT, b"aborted"]
