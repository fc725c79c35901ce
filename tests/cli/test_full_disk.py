"""A server whose disk is full, or turns read-only, says so and goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import Serve, without_trace


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 256 KiB of room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root on Linux can mount a small disk, and not everywhere")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_452_and_the_server_goes_on(small_disk: Path) -> None:
    with Serve(folder=small_disk) as server, server.client() as client:
        assert client.deliver(b"x" * 70 + b"\r\n").startswith(b"250")
        assert client.deliver((b"y" * 70 + b"\r\n") * 10_000).startswith(b"452 4.3.1")
        assert list((server.maildir / "tmp").iterdir()) == []
        assert client.deliver(b"z" * 70 + b"\r\n").startswith(b"250")
        contents = {without_trace(stored) for stored in server.delivered}
        assert contents == {b"x" * 70 + b"\r\n", b"z" * 70 + b"\r\n"}
        said = re.compile(r"^\S+ not delivered: No space left on device$", re.MULTILINE)
        server.wait_for(lambda: said.search(server.text) is not None, "why it was not delivered")


def test_a_transcript_that_finds_no_room_costs_nothing(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "rest").write_bytes(b"x" * 256 * 1024)
    transcript = str(small_disk / "transcript")
    with Serve("--discard", "--transcript", transcript, folder=tmp_path) as server, server.client() as client:
        assert client.deliver(b"x\r\n").startswith(b"250")
    assert "Traceback" not in server.text


def test_a_disk_that_turns_read_only_is_451(small_disk: Path) -> None:
    with Serve(folder=small_disk) as server, server.client() as client:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        assert client.deliver(b"x\r\n").startswith(b"451 4.3.0")
        assert client.deliver((b"y" * 70 + b"\r\n") * 10_000).startswith(b"451 4.3.0")
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        assert client.deliver(b"z\r\n").startswith(b"250")
        assert [without_trace(stored) for stored in server.delivered] == [b"z\r\n"]
        assert list((server.maildir / "tmp").iterdir()) == []
