"""``smtpcore serve --stdio``: one session on the standard input and output."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.process import DEADLINE, PATHS, TRACE
from tests.cli.words import complaint

DIALOGUE = b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nhello\r\n.\r\n"


def command(*words: str) -> list[str]:
    """The words that start it; warnings are errors."""
    return [sys.executable, "-W", "error", "-m", "smtpcore_cli", "serve", "--stdio", *words]


def started(
    folder: Path, *words: str, stdin: int | None = subprocess.PIPE, stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """The process, in this folder."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)}
    return subprocess.Popen(
        command(*words), cwd=folder, env=environment, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE
    )


def delivered(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in (folder / "Maildir" / "new").iterdir()]


def test_a_whole_dialogue_at_once_is_answered_and_delivered(tmp_path: Path) -> None:
    process = started(tmp_path)
    output, errors = process.communicate(DIALOGUE + b"QUIT\r\n", DEADLINE)
    assert process.returncode == 0
    replies = [line[:3] for line in output.splitlines() if line[3:4] == b" "]
    assert replies == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]
    assert errors.decode().splitlines() == ["disconnect from [local] helo=1 mail=1 rcpt=1 data=1 quit=1 bytes=7"]
    [stored] = delivered(tmp_path)
    trace = TRACE.match(stored)
    assert trace
    assert trace["peer"] == b"unknown"


def test_the_dialogue_may_be_a_file(tmp_path: Path) -> None:
    script = tmp_path / "dialogue"
    script.write_bytes(DIALOGUE)
    with open(script, "rb") as file:
        process = started(tmp_path, "--discard", stdin=file.fileno())
        output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert output.splitlines()[-1].startswith(b"250 2.0.0")


def test_it_ends_with_the_session_though_the_input_stays_open(tmp_path: Path) -> None:
    process = started(tmp_path, "--discard")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"220 ")
    process.stdin.write(b"QUIT\r\n")
    process.stdin.flush()
    begun = time.monotonic()
    assert process.stdout.readline().startswith(b"221 ")
    assert process.stdout.read() == b""
    assert process.wait(DEADLINE) == 0
    # It did not wait for a client that would hear the end.
    assert time.monotonic() - begun < 1.5
    process.communicate()


def test_a_timeout_ends_it(tmp_path: Path) -> None:
    process = started(tmp_path, "--discard", "--timeout-idle", "0.05")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"220 ")
    assert process.stdout.readline().startswith(b"421 4.4.2 ")
    assert process.wait(DEADLINE) == 0
    process.communicate()


def test_nobody_who_reads_is_no_fault(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = started(tmp_path, "--discard", stdout=writing)
    os.close(writing)
    _, errors = process.communicate(DIALOGUE, DEADLINE)
    assert process.returncode == 0
    assert b"Traceback" not in errors


def test_a_signal_ends_it_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    process = started(tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"EHLO c\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\n" + b"x\r\n" * 50_000)
    process.stdin.flush()
    while not process.stdout.readline().startswith(b"354"):
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0
    _, errors = process.communicate()
    assert b"SIGTERM: stopping now" in errors
    assert b"Traceback" not in errors
    assert [path for path in (tmp_path / "Maildir").rglob("*") if path.is_file()] == []


def test_a_connection_on_the_standard_input_says_who_it_is(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname()[:2], DEADLINE)
        accepted, _ = listening.accept()
    with client, accepted:
        process = started(tmp_path, stdin=accepted.fileno(), stdout=accepted.fileno())
        accepted.close()
        client.sendall(DIALOGUE + b"QUIT\r\n")
        with client.makefile("rb") as file:
            assert file.readlines()[-1].startswith(b"221")
    assert process.wait(DEADLINE) == 0
    _, errors = process.communicate()
    assert errors.startswith(b"disconnect from [127.0.0.1] ")


@pytest.mark.parametrize(
    ("words", "part"),
    [(["--bind", "127.0.0.1:0"], "--stdio and --bind do not go together"), (["--print"], "--stdio and --print")],
)
def test_it_is_the_only_connection(words: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in complaint(["serve", "--stdio", *words], capsys)


@pytest.mark.interop("swaks")
def test_swaks_delivers_by_lmtp_through_a_pipe(tmp_path: Path) -> None:
    words = command("--lmtp", "--tls-self-signed")
    done = subprocess.run(
        ["swaks", "--pipe", " ".join(words), "--protocol", "LMTP", "--tls", "--helo", "client.test",
         "--from", "a@client.test", "--to", "b@mx.test,c@mx.test"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
        stdout=subprocess.PIPE,
        timeout=DEADLINE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    assert done.stdout.count(b"250 2.0.0 queued as ") == 2
    [stored] = delivered(tmp_path)
    assert b" with LMTPS id " in stored
