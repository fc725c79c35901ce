"""Thousands of connections that say nothing cost little, and do not stand in anybody's way."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.process import Serve

CROWD = 5_000
PER_CONNECTION = 16 * 1024
"""Octets of the server's memory that a silent connection may take."""


@pytest.fixture
def room() -> Iterator[None]:
    """As many descriptors as the crowd needs, on both sides: a child inherits the limit."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CROWD + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"the system allows {hard} open files, the test needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def memory(server: Serve) -> int:
    """Octets of memory that the process has, shared ones not counted twice."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


@pytest.mark.usefixtures("room")
def test_5000_silent_connections_leave_room_for_one_that_delivers(serve: Callable[..., Serve]) -> None:
    server = serve("--max-connections", str(CROWD + 100), "--max-connections-per-address", "none")
    linux = sys.platform == "linux"
    with server.client() as client:
        assert client.deliver(b"before\r\n").startswith(b"250")
    before = memory(server) if linux else 0
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.ports[0]), 30)) for _ in range(CROWD)
        ]
        # Each of them is really served, and none was turned away.
        for each in crowd:
            assert each.recv(4).startswith(b"220")
        with server.client() as client:
            assert client.deliver(b"in the crowd\r\n").startswith(b"250")
        if linux:
            assert memory(server) - before < CROWD * PER_CONNECTION
        server.process.send_signal(signal.SIGTERM)
        for each in crowd:
            said = b""
            while data := each.recv(1000):
                said += data
            assert b"\r\n421 4.3.2 " in said
            each.close()
    assert server.wait() == 0
    assert len(server.delivered) == 2
