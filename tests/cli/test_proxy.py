"""``smtpcore serve --proxy``: behind a load balancer."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from smtpcore_cli import main

from tests.cli.process import DEADLINE, TRACE, Client, Serve
from tests.cli.words import configured
from tests.proxying import BINARY


def connected(server: Serve) -> Client:
    """A client that has not been greeted."""
    return Client(socket.create_connection(("127.0.0.1", server.ports[0]), DEADLINE))


def test_networks_are_repeated_and_are_none_by_default() -> None:
    words = ("--proxy", "192.0.2.0/28", "--proxy", "::1", "--proxy", "unix")
    assert list(configured(*words).proxy_networks) == ["192.0.2.0/28", "::1", "unix"]
    assert not configured().proxy_networks


@pytest.mark.parametrize("name", ["nowhere", "192.0.2.1/24", ""])
def test_what_is_no_network_is_a_mistake(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--discard", "--proxy", name]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert repr(name) in line or name in line


def test_the_client_of_the_proxy_is_served_and_recorded(serve: Callable[..., Serve]) -> None:
    server = serve("--proxy", "127.0.0.0/8")
    with connected(server) as client:
        client.send(BINARY)
        assert client.reply().startswith(b"220 ")
        assert client.deliver(b"Subject: x\r\n\r\n").startswith(b"250 ")
        assert client.command(b"QUIT").startswith(b"221 ")
    [line] = server.summary()
    assert line.startswith("disconnect from [203.0.113.9] via=[127.0.0.1] ")
    [stored] = server.delivered
    match = TRACE.match(stored)
    assert match is not None
    assert match["peer"] == b"[203.0.113.9]"


def test_without_a_header_nobody_is_served(serve: Callable[..., Serve]) -> None:
    server = serve("--proxy", "127.0.0.0/8")
    with connected(server) as client:
        client.send(b"EHLO client.test\r\n")
        assert client.at_end()
    assert server.summary() == ["disconnect from [127.0.0.1] bytes=0 cause=ParseError"]
