"""Sessions over pipes in memory, where time passes only when it is told to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Generator, Iterator
from datetime import UTC, datetime

import pytest
import trustme
from smtpcore_memory import Clock, Pipe, pair, run
from smtpcore_tls import TlsEngine, TlsError

from smtpcore.commands import Rcpt
from smtpcore.errors import LocalProtocolError
from smtpcore.handler import Handler, handler
from smtpcore.replies import Reply
from smtpcore.session import Gate, Limits, Observer, Peer, ServerConfig, ServerSession, Timeouts
from tests.adapters.mail import CONTENT, DELIVERY, EHLO, TRANSACTION, Recorder

CONFIG = ServerConfig(hostname="mx.test")


def configured(**timeouts: float | None) -> ServerConfig:
    return ServerConfig(hostname="mx.test", timeouts=Timeouts(**timeouts))  # type: ignore[arg-type]


class Pause:
    """Suspends whoever awaits it, once."""

    def __await__(self) -> Generator[str, object, object]:
        return (yield "suspended")


class Asking(Recorder):
    """Its `rcpt` waits."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    async def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        try:
            await Pause()
        finally:
            self.closed += 1
        return None


# A dialogue in one call.


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


# A pipe, step by step.


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


# Time.


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


# Hooks that are awaited.


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


# TLS.


def test_a_certificate_is_needed_where_tls_is_offered() -> None:
    for config in (ServerConfig(starttls=True), ServerConfig(implicit_tls=True)):
        with pytest.raises(ValueError, match="tls_context is needed"):
            Pipe(config, Handler())


@pytest.fixture
def secure(server_ssl_context: ssl.SSLContext) -> Pipe:
    return Pipe(ServerConfig(hostname="mx.test", starttls=True), Recorder(), tls_context=server_ssl_context)


def test_both_sides_agree_on_what_was_negotiated(secure: Pipe, client_ssl_context: ssl.SSLContext) -> None:
    secure.receive()
    secure.send(EHLO)
    assert secure.send(b"STARTTLS\r\n").startswith(b"220 ")
    info = secure.start_tls(client_ssl_context, "mx.test")
    assert secure.session.tls is not None
    assert secure.session.tls.cipher == info.cipher
    assert secure.session.tls.server_name == "mx.test"
    with pytest.raises(LocalProtocolError, match="TLS is on already"):
        secure.start_tls(client_ssl_context, "mx.test")


def test_a_reply_that_was_not_received_before_the_handshake_is_kept(
    secure: Pipe, client_ssl_context: ssl.SSLContext
) -> None:
    secure.receive()
    secure.write(EHLO)
    secure.write(b"STARTTLS\r\n")
    secure.start_tls(client_ssl_context, "mx.test")
    assert secure.receive().endswith(b"\r\n220 2.0.0 Ready to start TLS\r\n")
    assert secure.send(b"QUIT\r\n").startswith(b"221 ")


def test_a_client_that_does_not_like_the_certificate_fails_the_handshake(
    secure: Pipe, client_ssl_context: ssl.SSLContext
) -> None:
    secure.receive()
    secure.send(EHLO)
    secure.send(b"STARTTLS\r\n")
    with pytest.raises(TlsError, match="certificate verify failed"):
        secure.start_tls(client_ssl_context, "other.test")
    assert secure.closed
    recorder = secure.session.handler
    assert isinstance(recorder, Recorder)
    assert [type(cause) for cause in recorder.causes] == [TlsError]


def test_a_server_that_cannot_agree_fails_the_handshake(
    tls_certificate: trustme.LeafCert, client_ssl_context: ssl.SSLContext
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls_certificate.configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client_ssl_context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        pipe = Pipe(ServerConfig(implicit_tls=True), Handler(), tls_context=context)
        with pytest.raises(TlsError):
            pipe.start_tls(client_ssl_context, "mx.test")
        assert pipe.closed
    finally:
        client_ssl_context.minimum_version = ssl.TLSVersion.TLSv1_2


def test_a_handshake_with_nobody_is_cut_off(secure: Pipe, client_ssl_context: ssl.SSLContext) -> None:
    secure.reset()
    with pytest.raises(TlsError, match="closed the connection during the handshake"):
        secure.start_tls(client_ssl_context, "mx.test")


def test_a_shutdown_before_the_first_step_says_nothing_in_clear_text(server_ssl_context: ssl.SSLContext) -> None:
    pipe = Pipe(ServerConfig(implicit_tls=True), Handler(), tls_context=server_ssl_context)
    assert pipe.shutdown(30.0) == b""


def test_a_client_of_ones_own_carries_the_octets_itself(
    server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext
) -> None:
    config = ServerConfig(hostname="mx.test", implicit_tls=True)
    pipe, driver = pair(config, Handler(), tls_context=server_ssl_context)
    assert driver is pipe.driver
    engine = TlsEngine(client_ssl_context, server_side=False, server_hostname="mx.test")
    received = b""
    while not received:
        if octets := engine.outgoing():
            driver.feed(octets)
        received += engine.receive(driver.take())
    assert received == b"220 mx.test ESMTP\r\n"
    engine.send(b"QUIT\r\n")
    driver.feed(engine.outgoing())
    assert engine.receive(driver.take()).startswith(b"221 ")
    assert engine.peer_closed
    assert driver.closed


@pytest.fixture
def secured(server_ssl_context: ssl.SSLContext, client_ssl_context: ssl.SSLContext) -> tuple[Pipe, Recorder]:
    recorder = Recorder()
    pipe = Pipe(ServerConfig(implicit_tls=True), recorder, tls_context=server_ssl_context)
    pipe.start_tls(client_ssl_context, "mx.test")
    assert pipe.receive().startswith(b"220 ")
    return pipe, recorder


BAD_RECORD = b"\x17\x03\x03\x00\x20" + b"x" * 32


def test_a_bad_record_breaks_the_connection(secured: tuple[Pipe, Recorder]) -> None:
    pipe, recorder = secured
    pipe.driver.feed(BAD_RECORD)
    assert pipe.closed
    assert [type(cause) for cause in recorder.causes] == [TlsError]
    with pytest.raises(TlsError):  # the alert
        pipe.receive()


def test_a_bad_record_behind_a_good_one_is_met_when_that_is_answered(secured: tuple[Pipe, Recorder]) -> None:
    pipe, recorder = secured
    assert pipe._engine is not None
    pipe._engine.send(EHLO)
    pipe.driver.feed(pipe._engine.outgoing() + BAD_RECORD)
    assert pipe.closed
    assert [type(cause) for cause in recorder.causes] == [TlsError]


def test_a_close_notify_is_the_end_of_the_input(secured: tuple[Pipe, Recorder]) -> None:
    pipe, recorder = secured
    assert pipe._engine is not None
    pipe._engine.close()
    pipe.driver.feed(pipe._engine.outgoing() + b"in the clear")
    assert pipe.closed
    assert recorder.causes == [None]


def test_a_transport_that_ends_without_one_is_too(secured: tuple[Pipe, Recorder]) -> None:
    pipe, recorder = secured
    assert pipe.send(DELIVERY) != b""
    assert pipe.send(b"") == b""
    assert pipe.closed
    assert recorder.causes == [None]
