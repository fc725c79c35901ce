"""SIGKILL at any moment loses no message that was answered 250, and shows no half one."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.cli.process import Serve, without_trace

WRITERS = 4
SIZES = (10, 3_000, 150_000)
"""Octets, roughly: within one batch, and in several."""


class Writer(threading.Thread):
    """Delivers messages until the server is gone, and remembers which were answered 250."""

    def __init__(self, server: Serve, name: str, seed: int, enough: threading.Semaphore) -> None:
        super().__init__()
        self.server = server
        self.prefix = name
        self.draw = random.Random(seed)
        self.enough = enough
        self.accepted: list[bytes] = []
        self.sent: set[bytes] = set()

    def run(self) -> None:
        try:
            with self.server.client() as client:
                for number in range(100_000):
                    content = self.content(number)
                    self.sent.add(content)
                    if not client.deliver(content).startswith(b"250"):
                        return
                    self.accepted.append(content)
                    self.enough.release()
        except (OSError, AssertionError):
            # The server was killed before or within this message.
            return

    def content(self, number: int) -> bytes:
        name = f"{self.prefix} {number}".encode()
        lines = self.draw.choice(SIZES) // 10
        return b"%b begins\r\n%b%b ends\r\n" % (name, b"........\r\n" * lines, name)


@pytest.mark.parametrize("seed", range(4))
def test_every_message_that_was_answered_250_is_there_whole(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    accepted: list[bytes] = []
    sent: set[bytes] = set()
    stored: list[bytes] = []
    for turn in range(2):
        enough = threading.Semaphore(0)
        with Serve(folder=tmp_path) as server, server.client() as halfway:
            # By the time of the kill the larger part of this one has long been in a file.
            halfway.envelope()
            halfway.send(b"........\r\n" * 20_000)
            writers = [Writer(server, f"{turn} {name}", seed + name, enough) for name in range(WRITERS)]
            for writer in writers:
                writer.start()
            for _ in range(draw.randrange(5, 60)):
                assert enough.acquire(timeout=30)
            server.kill()
            for writer in writers:
                writer.join()
            stored = server.delivered
        for writer in writers:
            accepted += writer.accepted
            sent |= writer.sent
    contents = [without_trace(each) for each in stored]
    assert set(accepted) <= set(contents)
    # What shows in ``new`` and was not answered may be there, but whole and once.
    assert set(contents) <= sent
    assert len(set(contents)) == len(contents)
