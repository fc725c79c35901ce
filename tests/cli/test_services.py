"""LMTP, submission, XCLIENT and extensions of a running server."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.process import DEADLINE, TRACE, Client, Serve, without_trace

Start = Callable[..., Serve]


@pytest.mark.conformance("C283")
def test_lmtp_answers_for_each_recipient(serve: Start) -> None:
    server = serve("--lmtp", "--hostname", "mx.test")
    assert server.addresses[0].startswith("lmtp://127.0.0.1:")
    with server.client() as client:
        assert client.command(b"EHLO client.test").startswith(b"500")
        assert client.command(b"LHLO client.test").startswith(b"250")
        client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\nRCPT TO:<c@mx.test>\r\nDATA\r\n")
        assert [client.reply()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        client.send(b"hello\r\n.\r\n")
        answers = [client.reply() for _ in range(2)]
        assert all(answer.startswith(b"250 2.0.0 queued as ") for answer in answers)
        assert client.command(b"QUIT").startswith(b"221")
    [stored] = server.delivered
    trace = TRACE.match(stored)
    assert trace
    assert trace["with"] == b"LMTP"
    assert without_trace(stored) == b"hello\r\n"


def test_one_process_speaks_smtp_lmtp_and_submission(serve: Start, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("ann:{PLAIN}s3cret\n")
    path = tmp_path / "socket"
    server = serve(
        "--bind", "127.0.0.1:0", "--bind", "lmtp://127.0.0.1:0", "--bind", f"lmtp:unix:{path}",
        "--bind", "submission://127.0.0.1:0", "--auth-file", str(users), "--auth-without-tls",
    )  # fmt: skip
    schemes = [address.partition(":")[0] for address in server.addresses]
    assert sorted(schemes) == ["lmtp", "lmtp", "smtp", "submission"]
    ports = {
        address.partition(":")[0]: int(address.rpartition(":")[2]) for address in server.addresses if "//" in address
    }
    with server.client(ports["smtp"]) as client:
        assert client.deliver(b"one\r\n").startswith(b"250")
    with server.client(ports["lmtp"]) as client:
        assert client.command(b"LHLO client.test").startswith(b"250")
    with server.client(ports["submission"]) as client:
        client.command(b"EHLO client.test")
        assert client.command(b"MAIL FROM:<a@client.test>").startswith(b"530 5.7.0")
        assert client.command(b"AUTH PLAIN " + b64encode(b"\0ann\0s3cret")).startswith(b"235")
        assert client.command(b"MAIL FROM:<a@client.test>").startswith(b"250")
    unix = socket.socket(socket.AF_UNIX)
    unix.settimeout(DEADLINE)
    unix.connect(str(path))
    with Client(unix) as client:
        assert client.reply().startswith(b"220 ")
        assert client.command(b"LHLO client.test").startswith(b"250")


def test_the_limits_hold_for_all_services_together(serve: Start) -> None:
    server = serve("--max-connections", "1", "--bind", "127.0.0.1:0", "--bind", "lmtp://127.0.0.1:0")
    with server.client(), Client(socket.create_connection(("127.0.0.1", server.ports[1]), DEADLINE)) as second:
        assert b" Too many connections\r\n" in second.reply()


def test_too_many_of_one_network_are_told_so(serve: Start) -> None:
    server = serve("--max-connections-per-network", "1")
    with server.client(), Client(socket.create_connection(("127.0.0.1", server.ports[0]), DEADLINE)) as second:
        assert b" Too many connections from your address\r\n" in second.reply()


def test_xclient_and_xforward_are_for_those_who_are_named(serve: Start) -> None:
    server = serve("--xclient", "127.0.0.1", "--xforward", "127.0.0.0/8")
    with server.client() as client:
        offer = client.command(b"EHLO client.test")
        assert b"XCLIENT" in offer
        assert b"XFORWARD" in offer
        assert client.command(b"XFORWARD ADDR=203.0.113.8").startswith(b"250")
        assert client.command(b"XCLIENT ADDR=203.0.113.9 HELO=front.test").startswith(b"220")
        assert client.deliver(b"hello\r\n").startswith(b"250")
        client.command(b"QUIT")
    [stored] = server.delivered
    trace = TRACE.match(stored)
    assert trace
    assert trace["peer"] == b"[203.0.113.9]"
    [line] = server.summary()
    assert line.startswith("disconnect from [203.0.113.9] via=[127.0.0.1] ")


def test_nobody_else_may_say_who_they_are(serve: Start) -> None:
    server = serve("--xclient", "192.0.2.1")
    with server.client() as client:
        assert b"XCLIENT" not in client.command(b"EHLO client.test")
        assert client.command(b"XCLIENT ADDR=203.0.113.9").startswith(b"550")


def test_extensions_are_on_offer_when_asked_for(serve: Start) -> None:
    server = serve("--dsn", "--smtputf8", "--announce-limits", "--no-chunking", "--no-help", "--max-recipients", "77")
    with server.client() as client:
        offer = client.command(b"EHLO client.test")
        for keyword in (b"DSN", b"SMTPUTF8", b"LIMITS RCPTMAX=77"):
            assert keyword in offer
        assert b"CHUNKING" not in offer
        assert b"HELP" not in offer
        assert client.command("MAIL FROM:<j\u00f6rg@client.test> SMTPUTF8 RET=HDRS".encode()).startswith(b"250")
        assert client.command(b"RCPT TO:<b@mx.test> NOTIFY=NEVER").startswith(b"250")
        assert client.command(b"DATA").startswith(b"354")
        assert client.command(b"hello\r\n.").startswith(b"250")
    [stored] = server.delivered
    assert stored.startswith("Return-Path: <j\u00f6rg@client.test>\r\n".encode())
    assert b" with UTF8SMTP id " in stored


def test_what_is_longer_or_bare_is_treated_as_the_flags_say(serve: Start) -> None:
    server = serve("--long-lines", "reject", "--bare-newlines-bdat", "pass", "--close-on-line-fault")
    with server.client() as client:
        assert client.deliver(b"x" * 1001 + b"\r\n").startswith(b"554 5.6.0")
        client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\nBDAT 4 LAST\r\na\nb\n")
        assert [client.reply()[:3] for _ in range(3)] == [b"250", b"250", b"250"]
        assert client.command(b"NOOP a\nb").startswith(b"500")
        assert client.reply().startswith(b"421 4.7.0")
        assert client.at_end()
