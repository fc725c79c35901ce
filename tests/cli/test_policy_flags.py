"""Whose mail is taken and how much of it, by flags."""

from __future__ import annotations

import socket
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from smtpcore_cli.policies import Policies, handlers

from smtpcore.policies import AllowedDomains, Greylist, Rate, RateLimit
from tests.cli.process import DEADLINE, Client, Serve
from tests.cli.words import complaint, settle

Start = Callable[..., Serve]


def test_without_flags_there_is_no_policy() -> None:
    made = settle("--discard").policies
    assert made == Policies()
    with ExitStack() as stack:
        assert handlers(made, print, stack) == []


def test_flags_become_policies_in_the_order_in_which_they_cost_least() -> None:
    made = settle(
        "--discard", "--domain", "mx.test", "--domain", "[192.0.2.1]", "--greylist", "--rate-connections", "1/2",
        "--rate-messages", "3/4", "--rate-recipients", "5/6", "--rate-failures", "7/8",
    ).policies  # fmt: skip
    assert made.rates == {
        "connections": Rate(1, 2), "messages": Rate(3, 4), "recipients": Rate(5, 6), "failures": Rate(7, 8),
    }  # fmt: skip
    assert made.domains == ["mx.test", "[192.0.2.1]"]
    assert (made.greylist, made.greylist_db) == (300, None)
    with ExitStack() as stack:
        assert [type(each) for each in handlers(made, print, stack)] == [RateLimit, AllowedDomains, Greylist]


def test_greylisting_takes_seconds_and_a_file() -> None:
    made = settle("--discard", "--greylist", "60", "--greylist-db", "file").policies
    assert (made.greylist, made.greylist_db) == (60, "file")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--greylist-db", "file"], "--greylist-db needs --greylist"),
        (["--greylist", "soon"], "'soon' is no number of seconds"),
        (["--greylist", "--greylist-db", "missing/file"], "cannot use the greylist: missing/file: No such file"),
        (["--greylist", "--greylist-db", __file__], "file is not a database"),
        (["--rate-messages", "100"], "'100' is no rate like 100/3600"),
        (["--rate-connections", "0/60"], "'0/60' is no rate"),
        (["--rate-failures", "1/0"], "'1/0' is no rate"),
        (["--rate-recipients", "1/\u0661"], "is no rate"),
        (["--domain", "no domain"], "'no domain' is no domain in ASCII"),
        (["--domain", "m\u00fcnchen.example"], "is no domain in ASCII; write others as A-labels"),
        (["--domain", ""], "'' is no domain"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in complaint(["serve", "--discard", "--bind", "127.0.0.1:0", *words], capsys)


def test_only_recipients_here_are_taken_but_users_may_write_to_all(serve: Start, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("ann:{PLAIN}s3cret\n")
    server = serve("--domain", "mx.test", "--auth-file", str(users), "--auth-without-tls")
    with server.client() as client:
        client.command(b"EHLO client.test")
        client.command(b"MAIL FROM:<a@client.test>")
        assert client.command(b"RCPT TO:<b@MX.test>").startswith(b"250")
        assert client.command(b"RCPT TO:<Postmaster>").startswith(b"250")
        assert client.command(b"RCPT TO:<c@else.test>").startswith(b"550 5.7.1 Relaying denied")
        client.command(b"RSET")
        assert client.command(b"AUTH PLAIN " + b64encode(b"\0ann\0s3cret")).startswith(b"235")
        assert client.deliver(b"hello\r\n", b"c@else.test").startswith(b"250 2.0.0 queued as ")
    assert len(server.delivered) == 1


def test_rates_are_kept_per_address(serve: Start) -> None:
    server = serve(
        "--rate-connections", "2/600", "--rate-messages", "3/600", "--rate-recipients", "4/600"
    )  # fmt: skip
    with server.client() as client:
        for _ in range(3):
            client.deliver(b"hello\r\n")
        assert client.command(b"MAIL FROM:<a@client.test>").startswith(b"450 4.7.1")
    with server.client() as client:
        assert client.command(b"EHLO client.test").startswith(b"250")
        assert client.command(b"MAIL FROM:<a@client.test>").startswith(b"450 4.7.1")
    with Client(socket.create_connection(("127.0.0.1", server.ports[0]), DEADLINE)) as client:
        assert b"421 localhost Too many " in client.reply()


def test_recipients_and_failures_have_rates(serve: Start) -> None:
    server = serve(
        "--hostname", "localhost", "--rate-recipients", "1/600", "--rate-failures", "1/600", "--domain", "mx.test"
    )
    with server.client() as client:
        client.command(b"EHLO client.test")
        client.command(b"MAIL FROM:<a@client.test>")
        assert client.command(b"RCPT TO:<b@else.test>").startswith(b"550")
        assert client.command(b"RCPT TO:<b@mx.test>").startswith(b"450 4.7.1")
        client.command(b"QUIT")
    server.summary()
    with Client(socket.create_connection(("127.0.0.1", server.ports[0]), DEADLINE)) as client:
        assert b"421 localhost Too many " in client.reply()


@pytest.mark.parametrize("in_file", [False, True])
def test_a_stranger_is_asked_to_come_again(serve: Start, tmp_path: Path, in_file: bool) -> None:
    file = tmp_path / "greylist"
    server = serve("--greylist", "0.5", *(("--greylist-db", str(file)) if in_file else ()))
    with server.client() as client:
        client.command(b"EHLO client.test")
        client.command(b"MAIL FROM:<a@client.test>")
        assert client.command(b"RCPT TO:<b@mx.test>").startswith(b"450 4.7.1")
        time.sleep(0.6)
        assert client.command(b"RCPT TO:<b@mx.test>").startswith(b"250")
        assert client.command(b"RCPT TO:<c@mx.test>").startswith(b"450 4.7.1")
        client.command(b"RSET")
        assert client.deliver(b"hello\r\n").startswith(b"250")
    assert file.exists() is in_file
    assert server.stop() == 0
    if in_file:
        assert file.stat().st_mode & 0o777 == 0o600
        again = serve("--greylist", "0.5", "--greylist-db", str(file))
        with again.client() as client:
            assert client.deliver(b"hello\r\n").startswith(b"250")
