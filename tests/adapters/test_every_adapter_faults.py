"""What every adapter does when something goes wrong: a stop, a faulty application, a hostile peer."""

from __future__ import annotations

import base64
import ssl
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from smtpcore.commands import Mail, Rcpt
from smtpcore.handler import BodySink, CredentialStore
from smtpcore.replies import Reply
from smtpcore.session import Envelope, Gate, Limits, Observer, ServerSession, Timeouts
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

MIB = 1024 * 1024

# Stopping.


@pytest.mark.parametrize("said", [b"", EHLO, EHLO + b"AUTH LOGIN\r\n"])
def test_an_idle_session_is_told_at_once_that_the_server_stops(serve: Serve, connect: Connect, said: bytes) -> None:
    server = serve(Recorder(), mechanisms=("LOGIN",), plaintext_auth_without_tls=True)
    client = connect(server).greeted()
    client.send(said)
    client.codes(said.count(b"\r\n"))
    server.stop(30.0)
    assert client.reply().startswith(b"421 4.3.2 ")
    assert client.rest() == b""
    client.close()
    until(server.ended)


def test_a_transaction_may_finish_before_the_server_stops(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler)
    client = connect(server).greeted()
    client.send(EHLO + TRANSACTION)
    assert client.codes(3) == [250, 250, 250]
    server.stop(30.0)
    assert client.ask(b"DATA\r\n") == 354
    client.send(MESSAGE + b".\r\n")
    assert client.codes(2) == [250, 421]
    assert client.rest() == b""
    client.close()
    assert handler.messages == [CONTENT]
    until(server.ended)


@pytest.mark.parametrize("graces", [[0.2], [30.0, 0.0]])
def test_a_grace_that_is_over_ends_a_transaction(serve: Serve, connect: Connect, graces: list[float]) -> None:
    handler = Recorder()
    server = serve(handler)
    client = connect(server).greeted()
    client.send(EHLO + TRANSACTION + b"DATA\r\n" + MESSAGE)
    assert client.codes(4) == [250, 250, 250, 354]
    for grace in graces:
        server.stop(grace)
    assert client.code() == 421
    assert client.rest() == b""
    client.close()
    assert handler.messages == []
    until(server.ended)


def test_a_handshake_does_not_outlive_the_grace(serve: Serve, connect: Connect) -> None:
    opened = threading.Event()
    observer = Observer()
    observer.opened = lambda session: opened.set()  # type: ignore[method-assign]
    server = serve(Recorder(), implicit_tls=True, observer=lambda: observer)
    client = connect(server)
    until(lambda: client.heard() or opened.is_set())
    server.stop(0.2)
    assert client.rest() == b""
    client.close()
    until(server.ended)


# The application.


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


# Hostile peers.


@contextmanager
def memory_under(limit: int) -> Iterator[None]:
    """What is allocated in here, by server and client together, is less than so many octets at any time."""
    tracemalloc.start(1)
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("last", [b"QUIT\r\n", b"NOOP\r\n" * 101])
def test_a_last_reply_arrives_although_input_is_unread(serve: Serve, connect: Connect, last: bytes) -> None:
    client = connect(serve(Recorder())).greeted()
    client.send(last + b"NOOP\r\n" * 80_000)
    replies = client.rest().split(b"\r\n")
    assert replies[-2][:4] == (b"221 " if last == b"QUIT\r\n" else b"421 ")
    assert replies[-1] == b""


def test_a_hundred_thousand_commands_without_reading_are_all_answered(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler, limits=Limits(max_noops=None))
    client = connect(server, 4096).greeted()
    flood = b"NOOP\r\n" * 100_000 + b"QUIT\r\n"
    answers = 0
    with memory_under(6 * MIB):
        sent = client.offer(flood)
        while sent < len(flood):
            answers += client.read().count(b"\n")
            sent += client.offer(flood[sent : sent + 65536], stall=0.0)
        while octets := client.read():
            answers += octets.count(b"\n")
    assert answers == 100_001
    goes_on(server, handler, connect)


def test_who_never_reads_is_cut_off_at_the_write_deadline(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler, limits=Limits(max_noops=None), timeouts=Timeouts(write=0.3))
    client = connect(server, 4096).greeted()
    with memory_under(6 * MIB):
        client.offer(b"VRFY bob\r\n" * 100_000)
        client.pass_time(0.3)
        until(lambda: len(handler.causes) == 1)
    assert isinstance(handler.causes[0], TimeoutError)
    client.close()
    goes_on(server, handler, connect)


def test_a_line_without_end_is_421_long_before_its_end(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler)
    client = connect(server).greeted()
    piece = b"x" * MIB
    with memory_under(6 * MIB):
        for _ in range(100):
            client.send(piece)
            if client.heard(0.5):
                break
        # The peer looked up from its writing as soon as there was an answer.
        assert client.reply().startswith(b"421 4.7.0 ")
        assert client.rest() == b""
    client.close()
    goes_on(server, handler, connect)


def test_a_silent_peer_is_told_at_the_deadline(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler, timeouts=Timeouts(idle=0.2))).greeted()
    client.send(b"NOO")
    assert client.reply().startswith(b"421 4.4.2 ")
    assert client.rest() == b""
    client.close()
    until(lambda: len(handler.causes) == 1)


def test_content_that_never_pauses_meets_its_deadline_all_the_same(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    limits = Limits(max_message_size=0)
    client = connect(serve(handler, limits=limits, bare_newlines="reject", timeouts=Timeouts(data=0.3))).greeted()
    handler.data = lambda session, envelope: BodySink()  # type: ignore[method-assign]
    client.send(EHLO + TRANSACTION + b"DATA\r\n")
    client.codes(4)
    while not client.heard(0.005):
        client.send(b"x" * 998 + b"\r\n")
        client.pass_time(0.01)
    assert client.reply().startswith(b"421 4.4.2 ")
    assert client.rest() == b""
    assert handler.messages == []


def test_a_handshake_that_never_pauses_meets_its_deadline_all_the_same(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    client = connect(serve(handler, implicit_tls=True, timeouts=Timeouts(tls_handshake=0.2)))
    client.send(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc")
    while not client.heard(0.005):
        client.send(b"x")
        client.pass_time(0.005)
    until(lambda: len(handler.causes) == 1)
    assert isinstance(handler.causes[0], TimeoutError)


def test_a_peer_that_breaks_off_while_replies_are_written_is_forgotten(serve: Serve, connect: Connect) -> None:
    handler = Recorder()
    server = serve(handler, limits=Limits(max_noops=None))
    client = connect(server, 4096).greeted()
    client.offer(b"VRFY bob\r\n" * 100_000, stall=0.05)
    client.reset()
    until(lambda: len(handler.causes) == 1)
    goes_on(server, handler, connect)


@pytest.mark.parametrize("records", [b"\x17\x03\x03\x00\x10" + b"x" * 16, b"NOOP\r\n" * 10])
def test_a_record_that_is_none_ends_the_connection(
    serve: Serve, connect: Connect, client_ssl_context: ssl.SSLContext, records: bytes
) -> None:
    handler = Recorder()
    server = serve(handler, starttls=True)
    below = connect(server).greeted()
    assert below.ask(EHLO) == 250
    assert below.ask(b"STARTTLS\r\n") == 220
    client = drivers.Engine(below, client_ssl_context)
    client.handshake(b"")
    below.send(records)
    try:
        below.rest()
    except ConnectionResetError:
        pass  # The octets behind the bad record were never read.
    until(lambda: len(handler.causes) == 1)
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
