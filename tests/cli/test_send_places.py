"""``smtpcore send``: LMTP, unix sockets, pipes that go on, and processes that end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from smtpcore_blocking import serve_socket
from smtpcore_testing import SmtpSink

from smtpcore import BodySink, Envelope, Handler, ServerConfig, ServerSession
from tests.cli.process import DEADLINE, PATHS, Serve, without_trace
from tests.cli.sending import ENVELOPE, SENT, run, start, written

Capture = pytest.CaptureFixture[str]
Start = Callable[..., Serve]


def test_lmtp_on_a_unix_socket_is_delivered(serve: Start, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "sökket"
    server = serve("--bind", f"lmtp:unix:{path}")
    done = run(capsys, "send", written(tmp_path), "--server", f"lmtp:unix:{path}", *ENVELOPE, "--to", "carl@c.test")
    assert (done.status, done.states) == (0, ["accepted", "accepted"])
    assert [without_trace(stored) for stored in server.delivered] == [SENT]


def test_smtp_on_a_unix_socket_is_delivered(serve: Start, tmp_path: Path, capsys: Capture) -> None:
    server = serve("--bind", f"unix:{tmp_path}/s")
    assert run(capsys, "send", written(tmp_path), "--server", f"smtp:unix:{tmp_path}/s", *ENVELOPE).status == 0
    assert [without_trace(stored) for stored in server.delivered] == [SENT]


def test_a_unix_socket_that_is_not_there_makes_it_75(tmp_path: Path, capsys: Capture) -> None:
    done = run(capsys, "send", written(tmp_path), "--server", f"lmtp:unix:{tmp_path}/none", *ENVELOPE)
    assert (done.status, done.states) == (75, ["temporary"])
    assert "connect: " in done.output


def test_lmtp_has_a_line_for_each_recipient_as_the_server_says_it(tmp_path: Path, capsys: Capture) -> None:
    with SmtpSink(lmtp=True) as sink:
        sink.on_message("full@*").reply(452, "Quota", "4.2.2")
        words = ("send", written(tmp_path), "--server", f"lmtp://{sink.host}:{sink.port}", *ENVELOPE)
        done = run(capsys, *words, "--to", "full@b.test", "--to", "carl@c.test")
    assert [line[:2] for line in done.lines] == [
        ["accepted", "bob@b.test"],
        ["temporary", "full@b.test"],
        ["accepted", "carl@c.test"],
    ]
    assert done.lines[1][2] == "452 4.2.2 Quota"
    assert done.status == 75


class Counting(Handler, BodySink):
    """Takes content as it comes, and tells when the first of it has."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.size = 0

    def data(self, session: ServerSession, envelope: Envelope) -> BodySink:
        return self

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.begun.set()


def test_the_standard_input_is_sent_while_it_is_read() -> None:
    handler = Counting()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            accepted, _ = listening.accept()
            serve_socket(accepted, ServerConfig(chunking=False), handler)

        server = threading.Thread(target=serve)
        server.start()
        process = start("send", "--server", f"smtp://127.0.0.1:{port}", *ENVELOPE)
        assert process.stdin is not None
        process.stdin.write(b"x" * 77 + b"\n")
        process.stdin.write((b"x" * 77 + b"\n") * 20_000)
        process.stdin.flush()
        assert handler.begun.wait(DEADLINE)
        # The input is still open, and the server has some of it.
        assert process.poll() is None
        output, errors = process.communicate(b"the end\n", DEADLINE)
        server.join()
    assert (process.returncode, errors) == (0, b"")
    assert output.startswith(b"accepted\tbob@b.test\t")
    assert handler.size == 20_001 * 79 + 9


def test_an_interrupt_ends_it_and_sends_no_half_of_a_message() -> None:
    with SmtpSink() as sink:
        process = start("send", "--server", f"smtp://{sink.host}:{sink.port}", *ENVELOPE, "--show")
        assert process.stderr is not None
        while b"RCPT" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=DEADLINE)
        assert (process.returncode, output) == (130, b"")
        assert b"Traceback" not in errors
        assert sink.messages == []


def test_standard_streams_that_are_closed_are_missed_by_nobody(message: str) -> None:
    with SmtpSink() as sink:
        words = ("send", message, "--server", f"smtp://{sink.host}:{sink.port}", *ENVELOPE, "--show")
        # The message must not take the place of a stream.
        process = start(*words, redirections="<&- >&- 2>&-")
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
        assert [found.content for found in sink.messages] == [SENT]


def test_output_in_another_encoding_has_escapes_in_place_of_letters(tmp_path: Path) -> None:
    with SmtpSink() as sink:
        words = ("send", written(tmp_path), "--server", f"smtp://{sink.host}:{sink.port}")
        process = start(
            *words, "--from", "ann@a.test", "--to", "jürgen@b.test", environment={"PYTHONIOENCODING": "ascii"}
        )
        output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert output.startswith(b"accepted\tj\\xfcrgen@b.test\t250 ")


def test_the_base_install_is_enough(tmp_path: Path) -> None:
    # Python takes a module that cannot be imported from the first folder that has it.
    for name in ("anyio", "trio", "cryptography", "hypothesis", "pytest"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed')")
    with SmtpSink() as sink:
        words = ("send", written(tmp_path), "--server", f"smtp://{sink.host}:{sink.port}", *ENVELOPE)
        paths = os.pathsep.join([str(tmp_path), *PATHS])
        process = start(*words, environment={"PYTHONPATH": paths})
        output, errors = process.communicate(timeout=DEADLINE)
        assert (process.returncode, errors) == (0, b"")
        process = start("probe", f"smtp://{sink.host}:{sink.port}", environment={"PYTHONPATH": paths})
        output, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (0, b"")
    assert b"PIPELINING" in output
