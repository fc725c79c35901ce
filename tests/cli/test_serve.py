"""What `smtpcore serve` does, seen from outside: octets on sockets, files, and lines on its standard error."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from smtpcore_cli.hashes import Hash, Scrypt

from tests.cli.process import TRACE, Client, Serve, without_trace
from tests.conftest import TlsFiles

Start = Callable[..., Serve]
CONTENT = (
    b"Subject: dots and spaces\r\n\r\n.\r\n..\r\n.leading\r\n\ttab \r\n\xe4\xf6\xfc\x01\x7f\xff\r\n"
    + b"x" * 998
    + b"\r\n\r\n"
)


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    """A file with one user whose hash costs next to nothing."""
    path = tmp_path / "users"
    path.write_text(f"# people\n\nann@mx.test:{Hash.make('s3cret', os.urandom, Scrypt(ln=4))}\n")
    return path


@pytest.mark.conformance("C312", "C315", "C362")
def test_a_file_is_the_two_trace_lines_and_the_content_as_it_was_sent(serve: Start) -> None:
    server = serve("--hostname", "mx.test")
    with server.client() as client:
        answer = client.deliver(CONTENT)
    queued = re.fullmatch(rb"250 2\.0\.0 queued as (\S+)\r\n", answer)
    assert queued
    [stored] = server.delivered
    assert without_trace(stored) == CONTENT
    trace = TRACE.match(stored)
    assert trace
    assert trace["sender"] == b"a@client.test"
    assert trace["helo"] == b"client.test"
    assert trace["peer"] == b"[127.0.0.1]"
    assert trace["by"] == b"mx.test"
    assert trace["with"] == b"ESMTP"
    assert trace["id"] == queued[1]
    assert trace["rest"] == b"\r\n\tfor <b@mx.test>"
    assert re.fullmatch(rb"[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [+-][0-9]{4}", trace["date"])
    assert list((server.maildir / "tmp").iterdir()) == []


@pytest.mark.conformance("C314", "C362")
def test_a_bounce_for_two_has_an_empty_return_path_and_one_file(serve: Start) -> None:
    server = serve()
    with server.client() as client:
        assert client.deliver(b"\r\nhello\r\n", b"b@mx.test", b"c@mx.test", sender=b"").startswith(b"250")
    [stored] = server.delivered
    assert stored.startswith(b"Return-Path: <>\r\nReceived: ")
    assert b"mx.test>" not in stored


@pytest.mark.conformance("C316")
@pytest.mark.threat("T-HEADER")
def test_a_client_cannot_write_into_the_trace_lines(serve: Start) -> None:
    server = serve()
    with server.client() as client:
        assert client.command(b"EHLO x)(by me) with love;").startswith(b"250")
        client.send(b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\n")
        assert [client.reply()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        assert client.command(b"\r\nhello\r\n.").startswith(b"250")
    [stored] = server.delivered
    trace = TRACE.match(stored)
    assert trace
    assert re.fullmatch(rb"[A-Za-z0-9?.:_-]+", trace["helo"])
    assert without_trace(stored) == b"\r\nhello\r\n"


def test_a_message_of_many_batches_arrives_whole(serve: Start) -> None:
    server = serve()
    content = b"".join(b"%09d.\r\n" % number for number in range(300_000))
    with server.client() as client:
        assert client.deliver(content).startswith(b"250")
    [stored] = server.delivered
    assert without_trace(stored) == content


def test_a_session_is_summed_up_in_one_line(serve: Start) -> None:
    server = serve("--strict")
    with server.client() as client:
        client.command(b"EHLO client.test")
        client.command(b"MAIL FROM:<a@client.test>")
        client.command(b"RCPT TO:<b@mx.test>")
        client.command(b"RCPT TO:<not an address>")
        client.command(b"RCPT TO:<c@mx.test>")
        client.command(b"DATA")
        client.command(b"12345\r\n.")
        assert client.command(b"QUIT").startswith(b"221")
        assert client.at_end()
    assert server.summary() == ["disconnect from [127.0.0.1] helo=1 mail=1 rcpt=2/3 data=1 quit=1 bytes=7"]


def test_a_transcript_has_the_dialogue_and_no_secret(
    serve: Start, tmp_path: Path, auth_file: Path, tls_files: TlsFiles, client_ssl_context: ssl.SSLContext
) -> None:
    transcript = tmp_path / "transcript"
    flags = ("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key), "--auth-file", str(auth_file))
    server = serve(*flags, "--transcript", str(transcript))
    with server.client() as client:
        client.command(b"EHLO client.test")
        client.start_tls(client_ssl_context)
        secret = b64encode(b"\0ann@mx.test\0s3cret")
        client.command(b"EHLO client.test")
        assert client.command(b"AUTH PLAIN " + secret).startswith(b"235")
        client.command(b"QUIT")
    server.summary()
    text = transcript.read_text()
    assert " C: EHLO client.test\n" in text
    assert " S: 235 " in text
    assert "s3cret" not in text
    assert secret.decode() not in text
    assert transcript.stat().st_mode & 0o777 == 0o600
    assert "EHLO" not in server.text


def test_a_transcript_without_a_file_goes_to_the_standard_error(serve: Start) -> None:
    server = serve("--transcript")
    with server.client() as client:
        client.command(b"NOOP")
        client.command(b"QUIT")
    server.summary()
    assert " C: NOOP\n" in server.text


def test_every_place_to_listen_at_is_named_and_works(
    serve: Start, tmp_path: Path, tls_files: TlsFiles, client_ssl_context: ssl.SSLContext
) -> None:
    path = tmp_path / "socket"
    binds = ("127.0.0.1:0", "smtp://127.0.0.1:0", "smtps://127.0.0.1:0", f"unix:{path}")
    server = serve(
        *(word for bind in binds for word in ("--bind", bind)),
        "--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key),
    )  # fmt: skip
    plain, second, implicit, local = server.addresses
    assert re.fullmatch(r"smtp://127\.0\.0\.1:[1-9][0-9]*", plain)
    assert re.fullmatch(r"smtp://127\.0\.0\.1:[1-9][0-9]*", second)
    assert re.fullmatch(r"smtps://127\.0\.0\.1:[1-9][0-9]*", implicit)
    assert local == f"unix:{path}"
    with server.client() as client, server.client(server.ports[1]) as other:
        assert client.deliver(b"one\r\n").startswith(b"250")
        assert other.deliver(b"two\r\n").startswith(b"250")
    with Client(socket.create_connection(("127.0.0.1", server.ports[2]), 30)) as client:
        client.start_tls(client_ssl_context, command=False)
        assert client.reply().startswith(b"220 ")
        assert client.deliver(b"three\r\n").startswith(b"250")
    unix = socket.socket(socket.AF_UNIX)
    unix.settimeout(30)
    unix.connect(str(path))
    with Client(unix) as client:
        assert client.reply().startswith(b"220 ")
        assert client.deliver(b"four\r\n").startswith(b"250")
    contents = {without_trace(stored): stored for stored in server.delivered}
    assert set(contents) == {b"one\r\n", b"two\r\n", b"three\r\n", b"four\r\n"}
    assert b"with ESMTPS id" in contents[b"three\r\n"]
    assert b" (unknown)\r\n" in contents[b"four\r\n"]
    assert server.stop() == 0
    assert not path.exists()


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
def test_an_ipv6_address_is_bound_in_brackets(serve: Start) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 loopback here")
    server = serve("--bind", "[::1]:0")
    [address] = server.addresses
    assert re.fullmatch(r"smtp://\[::1\]:[1-9][0-9]*", address)
    with Client(socket.create_connection(("::1", server.ports[0]), 30)) as client:
        client.reply()
        assert client.deliver(b"hello\r\n").startswith(b"250")
    assert b" ([IPv6:::1])\r\n" in server.delivered[0]


def test_auth_needs_tls_and_the_right_password(
    serve: Start, auth_file: Path, tls_files: TlsFiles, client_ssl_context: ssl.SSLContext
) -> None:
    flags = ("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key), "--auth-file", str(auth_file))
    server = serve(*flags, "--require-auth")
    with server.client() as client:
        assert b"AUTH" not in client.command(b"EHLO client.test")
        assert client.command(b"MAIL FROM:<a@client.test>").startswith(b"530 5.7.0")
        assert client.command(b"AUTH PLAIN " + b64encode(b"\0ann@mx.test\0s3cret")).startswith(b"538 5.7.11")
        client.start_tls(client_ssl_context)
        assert b"250-AUTH PLAIN LOGIN\r\n" in client.command(b"EHLO client.test")
        assert client.command(b"AUTH PLAIN " + b64encode(b"\0ann@mx.test\0S3cret")).startswith(b"535 5.7.8")
        assert client.command(b"AUTH PLAIN " + b64encode(b"\0bob@mx.test\0s3cret")).startswith(b"535 5.7.8")
        # Nobody may act for somebody else.
        assert client.command(b"AUTH PLAIN " + b64encode(b"bob\0ann@mx.test\0s3cret")).startswith(b"535 5.7.8")
        assert client.command(b"AUTH LOGIN").startswith(b"334")
        assert client.command(b64encode(b"ann@mx.test")).startswith(b"334")
        assert client.command(b64encode(b"s3cret")).startswith(b"235 2.7.0")
        assert client.command(b"MAIL FROM:<a@client.test>").startswith(b"250")
        assert client.command(b"RCPT TO:<b@mx.test>").startswith(b"250")
        assert client.command(b"DATA").startswith(b"354")
        assert client.command(b"hello\r\n.").startswith(b"250")
        assert client.command(b"QUIT").startswith(b"221")
    [stored] = server.delivered
    assert b"with ESMTPSA id" in stored
    assert without_trace(stored) == b"hello\r\n"
    [line] = server.summary()
    assert "auth=1/5" in line
    assert "user=ann@mx.test" in line


def test_require_tls_lets_no_mail_pass_in_clear_text(
    serve: Start, client_ssl_context: ssl.SSLContext, tls_files: TlsFiles
) -> None:
    server = serve("--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key), "--require-tls")
    with server.client() as client:
        client.command(b"EHLO client.test")
        assert client.command(b"MAIL FROM:<a@client.test>").startswith(b"530 5.7.0")
        client.start_tls(client_ssl_context)
        assert client.deliver(b"hello\r\n").startswith(b"250")


def test_clear_text_auth_is_to_be_had_by_name(serve: Start, auth_file: Path) -> None:
    server = serve("--auth-file", str(auth_file), "--auth-without-tls")
    with server.client() as client:
        assert b"AUTH PLAIN LOGIN" in client.command(b"EHLO client.test")
        assert client.command(b"AUTH PLAIN " + b64encode(b"\0ann@mx.test\0s3cret")).startswith(b"235")


def test_a_self_signed_certificate_is_told_by_its_fingerprint(serve: Start) -> None:
    server = serve("--tls-self-signed", "--discard")
    told = re.search(r"SHA-256 fingerprint ([0-9a-f]{64})$", server.text, re.MULTILINE)
    assert told
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with server.client() as client:
        client.command(b"EHLO client.test")
        client.start_tls(context)
        assert client.fingerprint() == told[1]
        assert client.deliver(b"hello\r\n").startswith(b"250")
    assert not server.maildir.exists()


@pytest.mark.parametrize(
    ("flags", "line", "answer"),
    [
        (("--max-recipients", "1"), b"RCPT TO:<c@mx.test>", b"452 4.5.3"),
        (("--max-params", "0"), b"RCPT TO:<c@mx.test> A=1", b"501 5.5.4"),
        (("--bare-newlines", "reject"), b"DATA\r\na\nb\r\n.", b"354"),
        (("--max-unknown-commands", "0"), b"BLAH", b"421 4.7.0"),
    ],
)
def test_a_flag_is_in_force(serve: Start, flags: tuple[str, ...], line: bytes, answer: bytes) -> None:
    server = serve(*flags)
    with server.client() as client:
        client.command(b"EHLO client.test")
        client.command(b"MAIL FROM:<a@client.test>")
        client.command(b"RCPT TO:<b@mx.test>")
        assert client.command(line).startswith(answer)


def test_an_idle_session_ends_with_its_timeout(serve: Start) -> None:
    server = serve("--timeout-idle", "0.05")
    with server.client() as client:
        assert client.reply().startswith(b"421 4.4.2")
        assert client.at_end()


def test_who_comes_too_often_from_one_address_is_told_so(serve: Start) -> None:
    server = serve("--max-connections-per-address", "1")
    with server.client(), Client(socket.create_connection(("127.0.0.1", server.ports[0]), 30)) as second:
        assert second.reply().startswith(b"421 ")
        assert second.at_end()


def test_who_is_too_many_is_told_so(serve: Start) -> None:
    server = serve("--max-connections", "1")
    with server.client(), Client(socket.create_connection(("127.0.0.1", server.ports[0]), 30)) as second:
        assert second.reply().startswith(b"421 ")


def test_a_message_is_printed_between_two_lines(serve: Start) -> None:
    reading, writing = os.pipe()
    server = serve("--print", stdout=writing)
    os.close(writing)
    with open(reading, "rb") as output, server.client() as client:
        assert client.deliver(b"Subject: hi\r\n\r\n\x1b[2J\r\n", b"b@mx.test", b"c@mx.test").startswith(b"250")
        server.process.send_signal(signal.SIGTERM)
        assert client.reply().startswith(b"421")
        client.close()
        first, *trace, last = output.read().splitlines()
    assert re.fullmatch(rb"-{10} message \S+ from <a@client\.test> to <b@mx\.test>, <c@mx\.test> -{10}", first)
    assert trace[0] == b"Return-Path: <a@client.test>"
    assert trace[-3:] == [b"Subject: hi", b"", b"\x1b[2J"]
    assert re.fullmatch(rb"-{10} end of \S+ -{10}", last)
    assert not server.maildir.exists()


def test_when_nobody_reads_what_is_printed_the_server_stops(serve: Start) -> None:
    reading, writing = os.pipe()
    server = serve("--print", stdout=writing)
    os.close(writing)
    os.close(reading)
    with server.client() as client:
        assert client.deliver(b"hello\r\n").startswith(b"451 4.3.0")
        assert client.reply().startswith(b"421 4.3.2")
        assert client.at_end()
    assert server.wait() == 1
    assert "nobody reads the standard output" in server.text


def test_when_nobody_reads_its_lines_the_server_goes_on(serve: Start) -> None:
    server = serve(deaf=True)
    for _ in range(2):
        with server.client() as client:
            assert client.deliver(b"hello\r\n").startswith(b"250")
            assert client.command(b"QUIT").startswith(b"221")
    assert len(server.delivered) == 2
    assert server.stop() == 0
