"""How a server ends: told once it lets transactions finish, told twice it does not."""

from __future__ import annotations

import os
import signal
import ssl
from collections.abc import Callable

import pytest

from tests.cli.process import Serve, without_trace
from tests.conftest import TlsFiles

Start = Callable[..., Serve]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_sessions_hear_421_and_the_status_is_0(serve: Start, number: signal.Signals) -> None:
    server = serve("--hostname", "mx.test")
    with server.client() as greeted, server.client() as ready:
        assert ready.command(b"EHLO client.test").startswith(b"250")
        server.process.send_signal(number)
        for client in (greeted, ready):
            assert client.reply().startswith(b"421 4.3.2 mx.test ")
            assert client.at_end()
    assert server.wait() == 0


def test_an_idle_session_inside_tls_hears_it_too(
    serve: Start, tls_files: TlsFiles, client_ssl_context: ssl.SSLContext
) -> None:
    server = serve("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key))
    with server.client() as client:
        client.command(b"EHLO client.test")
        client.start_tls(client_ssl_context)
        client.command(b"EHLO client.test")
        server.process.send_signal(signal.SIGTERM)
        assert client.reply().startswith(b"421 4.3.2")
        assert client.at_end()
    assert server.wait() == 0


def test_a_transaction_under_way_is_finished_first(serve: Start) -> None:
    server = serve()
    with server.client() as client:
        client.envelope()
        client.send(b"first\r\n")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_line("SIGTERM: ")
        assert client.command(b"second\r\n.").startswith(b"250 2.0.0 queued as ")
        assert client.reply().startswith(b"421 4.3.2")
        assert client.at_end()
    assert server.wait() == 0
    assert [without_trace(stored) for stored in server.delivered] == [b"first\r\nsecond\r\n"]


def test_nobody_new_is_let_in_meanwhile(serve: Start) -> None:
    server = serve()
    with server.client() as client:
        client.envelope()
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_line("SIGTERM: ")
        # The line is written before accepting ends; the session's turn comes after it.
        assert client.command(b"hello\r\n.").startswith(b"250")
        with pytest.raises(OSError, match=r"refused|reset"):
            server.client()
    assert server.wait() == 0


def test_the_grace_has_an_end(serve: Start) -> None:
    server = serve("--grace", "0.1")
    with server.client() as client:
        client.envelope()
        client.send(b"never ending\r\n")
        server.process.send_signal(signal.SIGTERM)
        assert client.reply().startswith(b"421 4.3.2")
        assert client.at_end()
    assert server.wait() == 0
    assert server.delivered == []
    assert list((server.maildir / "tmp").iterdir()) == []


def test_a_second_signal_ends_what_the_first_one_left(serve: Start) -> None:
    server = serve("--grace", "3000")
    with server.client() as client:
        client.envelope()
        # More than a batch: part of the message is in a file by now.
        client.send(b"never ending\r\n" * 10_000)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_line("SIGTERM: stopping when")
        server.process.send_signal(signal.SIGINT)
        assert client.reply().startswith(b"421 4.3.2")
        assert client.at_end()
    assert server.wait() == 0
    assert server.delivered == []
    assert list((server.maildir / "tmp").iterdir()) == []


def test_two_signals_at_once_are_no_failure(serve: Start) -> None:
    server = serve()
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGINT)
    assert server.wait() == 0


def test_a_reader_that_has_stopped_cannot_hold_a_server_that_is_told_twice(serve: Start) -> None:
    reading, writing = os.pipe()
    server = serve("--print", "--grace", "3000", stdout=writing)
    os.close(writing)
    with open(reading, "rb"), server.client() as client:
        client.envelope()
        # More than a pipe takes: the thread that prints hangs.
        client.send(b"x" * 70 + b"\r\n")
        client.send((b"y" * 70 + b"\r\n") * 10_000 + b".\r\n")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_line("SIGTERM: stopping when")
        server.process.send_signal(signal.SIGTERM)
        assert client.reply().startswith(b"421 4.3.2")
        client.close()
        assert server.wait() == 0
