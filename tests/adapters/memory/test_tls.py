"""TLS over pipes in memory."""

from __future__ import annotations

import ssl

import pytest
import trustme
from smtpcore_memory import Driver, Pipe
from smtpcore_testing.adapter_kit.application import DELIVERY, EHLO, Recorder
from smtpcore_tls import TlsEngine, TlsError

from smtpcore.errors import LocalProtocolError
from smtpcore.handler import Handler
from smtpcore.session import ServerConfig


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
    driver = Driver(config, Handler(), tls_context=server_ssl_context)
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
