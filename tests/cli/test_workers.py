"""`smtpcore serve --workers`: several processes on the same ports, and one that looks after them."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from smtpcore_cli.hashes import Hash, Scrypt

from tests.cli.process import DEADLINE, Client, Serve, without_trace

Start = Callable[..., Serve]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
TRIES = 500
"""Connections after which each of a few workers must have had one: the kernel chooses by the client's port."""


def storing(server: Serve) -> list[int]:
    """The workers that have stored the messages so far, which the names of the files tell."""
    return [int(path.name.partition("P")[2].partition("Q")[0]) for path in (server.maildir / "new").iterdir()]


def taken_by(server: Serve, deliver: Callable[[], bytes]) -> int:
    """Deliver a message while nobody else does; the worker that took it."""
    before = Counter(storing(server))
    assert deliver().startswith(b"250 2.0.0 queued")
    [pid] = (Counter(storing(server)) - before).elements()
    return pid


def connected_to(server: Serve) -> int:
    """The worker that took a message on a connection of its own."""
    with server.client() as client:
        return taken_by(server, lambda: client.deliver(b"hello\r\n"))


def workers(server: Serve, count: int, *, without: frozenset[int] = frozenset()) -> set[int]:
    """So many workers that take messages, others than these."""
    found: set[int] = set()
    for _ in range(TRIES):
        found.add(connected_to(server))
        if len(found - without) == count:
            return found - without
    raise AssertionError(f"{found} after {TRIES} messages")


def has_ended(pid: int) -> bool:
    """Whether there is no such process any more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


class Load(threading.Thread):
    """Connects and delivers, again and again, each message on a connection of its own."""

    def __init__(self, server: Serve, name: int) -> None:
        super().__init__()
        self.server = server
        self.prefix = name
        self.accepted: list[bytes] = []
        self.lost: list[str] = []
        self.enough = threading.Event()
        self.progress = threading.Semaphore(0)

    def run(self) -> None:
        number = 0
        while not self.enough.is_set():
            number += 1
            content = f"{self.prefix} {number}\r\n".encode()
            try:
                with self.server.client() as client:
                    assert client.deliver(content).startswith(b"250")
                    self.accepted.append(content)
                    assert client.command(b"QUIT").startswith(b"221")
            except (OSError, AssertionError) as error:
                self.lost.append(repr(error))
            self.progress.release()


@contextmanager
def load(server: Serve, clients: int = 4) -> Iterator[list[Load]]:
    """Clients that connect and deliver all the time."""
    loads = [Load(server, number) for number in range(clients)]
    for each in loads:
        each.start()
    try:
        yield loads
    finally:
        for each in loads:
            each.enough.set()
        for each in loads:
            each.join()


def go_on(loads: list[Load], messages: int = 10) -> None:
    """Wait until each client has tried to deliver so many more."""
    for each in loads:
        for _ in range(messages):
            assert each.progress.acquire(timeout=DEADLINE)


class TestServing:
    def test_all_of_them_serve_and_the_port_is_named_once(self, serve: Start) -> None:
        server = serve("--workers", "3")
        assert len(server.ports) == 1
        found = workers(server, 3)
        assert server.process.pid not in found
        assert len([line for line in server.lines if "listening" in line]) == 1
        assert server.stop() == 0
        assert all(has_ended(pid) for pid in found)

    def test_every_place_has_all_of_them(self, serve: Start, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        server = serve(
            "--workers", "2", "--bind", "127.0.0.1:0", "--bind", "lmtp://127.0.0.1:0", "--bind", f"unix:{path}"
        )
        assert [address.partition("127")[0] for address in server.addresses[:2]] == ["smtp://", "lmtp://"]
        pids = workers(server, 2)
        found = set()
        for _ in range(TRIES):
            with server.client(server.ports[1]) as client:
                client.command(b"LHLO client.test")
                client.command(b"MAIL FROM:<>")
                client.command(b"RCPT TO:<b@mx.test>")
                client.command(b"DATA")
                found.add(taken_by(server, partial(client.command, b".")))
            if found == pids:
                break
        assert found == pids
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            with Client(sock) as client:
                client.reply()
                assert taken_by(server, lambda: client.deliver(b"hello\r\n")) in pids
        assert server.stop() == 0
        assert not path.exists()

    def test_a_unix_socket_is_shared_and_kept_when_a_worker_dies(self, serve: Start, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        server = serve("--workers", "2", "--bind", f"unix:{path}")

        def deliver() -> int:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(DEADLINE)
                sock.connect(str(path))
                with Client(sock) as client:
                    client.reply()
                    return taken_by(server, lambda: client.deliver(b"hello\r\n"))

        for _ in range(3):
            os.kill(deliver(), signal.SIGKILL)
        assert deliver()

    def test_a_port_on_which_others_listen_is_not_shared_with_them(
        self, serve: Start, capfd: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        server = serve("--workers", "2")
        other = Serve("--workers", "2", "--bind", f"127.0.0.1:{server.ports[0]}", folder=tmp_path)
        assert other.wait() == 2
        [line] = other.lines
        assert line.endswith(f"cannot listen on 127.0.0.1 port {server.ports[0]}: Address already in use")

    def test_a_total_is_divided(self, serve: Start) -> None:
        server = serve("--workers", "2", "--max-connections", "4")
        kept: list[Client] = []
        greetings: list[bytes] = []
        try:
            # However they are spread, both workers have had their two then.
            while greetings.count(b"220") < 4:
                client = Client(socket.create_connection(("127.0.0.1", server.ports[0]), DEADLINE))
                kept.append(client)
                greetings.append(client.reply()[:3])
                assert len(kept) < TRIES
            last = Client(socket.create_connection(("127.0.0.1", server.ports[0]), DEADLINE))
            kept.append(last)
            assert last.reply().startswith(b"421")
            assert set(greetings) <= {b"220", b"421"}
        finally:
            for client in kept:
                client.close()

    def test_a_greylist_in_a_file_is_one_for_all(self, serve: Start, tmp_path: Path) -> None:
        server = serve("--workers", "2", "--greylist", "0.000001", "--greylist-db", str(tmp_path / "greylist"))
        answers: list[bytes] = []

        def write(name: int) -> None:
            for number in range(20):
                sender = b"MAIL FROM:<%d.%d@client.test>" % (name, number)
                for expected in (b"450", b"250"):
                    with server.client() as client:
                        client.command(b"EHLO client.test")
                        client.command(sender)
                        answer = client.command(b"RCPT TO:<b@mx.test>")
                        answers.append(answer)
                        assert answer.startswith(expected)
                        if expected == b"250":
                            client.command(b"DATA")
                            client.command(b".")

        writers = [threading.Thread(target=write, args=(name,)) for name in range(4)]
        for each in writers:
            each.start()
        for each in writers:
            each.join()
        assert len(answers) == 4 * 20 * 2
        assert len(set(storing(server))) == 2
        assert not [line for line in server.lines if line.startswith("greylist")]


class TestDeaths:
    def test_one_that_is_killed_under_load_is_replaced_and_nothing_accepted_is_lost(self, serve: Start) -> None:
        server = serve("--workers", "2")
        victim, other = workers(server, 2)
        with load(server) as loads:
            go_on(loads)
            os.kill(victim, signal.SIGKILL)
            server.wait_for_line(f"worker {victim}: ended by SIGKILL; another one takes its place")
            go_on(loads)
        [successor] = workers(server, 1, without=frozenset({victim, other}))
        assert has_ended(victim)
        assert set(storing(server)) == {victim, other, successor}
        # Each of the clients may have had one connection to the victim.
        assert all(len(each.lost) <= 1 for each in loads)
        contents = {without_trace(each) for each in server.delivered}
        assert {content for each in loads for content in each.accepted} <= contents
        assert server.stop() == 0

    def test_workers_leave_signals_to_the_supervisor(self, serve: Start) -> None:
        server = serve("--workers", "2")
        pids = workers(server, 2)
        for pid in pids:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                os.kill(pid, number)
        assert workers(server, 2) == pids
        assert server.stop() == 0

    def test_without_the_supervisor_they_finish_their_transactions_and_go(self, serve: Start) -> None:
        server = serve("--workers", "2")
        pids = workers(server, 2)
        with server.client() as client:
            client.envelope()
            client.send(b"first\r\n")
            server.kill()
            server.wait_for_line("the supervisor has gone: stopping", 2)
            assert taken_by(server, lambda: client.command(b"second\r\n.")) in pids
            assert client.reply().startswith(b"421")
        # The standard error, which all of them have, is at its end.
        server.wait()
        with pytest.raises(OSError, match="refused"):
            server.client()
        assert b"first\r\nsecond\r\n" in map(without_trace, server.delivered)

    def test_when_none_can_be_started_it_gives_up(self, tmp_path: Path) -> None:
        (tmp_path / "sitecustomize.py").write_text(
            "import os\nos.register_at_fork(after_in_child=lambda: os._exit(3))\n"
        )
        server = Serve("--workers", "2", folder=tmp_path, modules=tmp_path)
        assert server.wait() == 1
        assert len(server.lines) == 6
        assert all(
            re.fullmatch("worker [0-9]+: ended with status 3 before it served", line) for line in server.lines[:5]
        )
        assert server.lines[5] == "no worker can be started: stopping"

    def test_when_the_system_has_no_room_for_a_process_it_tries_again(self, serve: Start, tmp_path: Path) -> None:
        (tmp_path / "sitecustomize.py").write_text(
            "import errno, os\n"
            "real, refusals = os.fork, [2]\n"
            "def fork():\n"
            "    if refusals[0]:\n"
            "        refusals[0] -= 1\n"
            "        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))\n"
            "    return real()\n"
            "os.fork = fork\n"
        )
        server = serve("--workers", "2", modules=tmp_path)
        assert server.lines.count(f"cannot start a worker: {os.strerror(errno.EAGAIN)}") == 2
        assert workers(server, 2)

    def test_what_is_wrong_from_the_start_is_said_once(self, tmp_path: Path) -> None:
        server = Serve("--workers", "4", "--transcript", "missing/file", folder=tmp_path)
        assert server.wait() == 2
        assert (
            server.lines[0] == "smtpcore: error: cannot write the transcript: missing/file: No such file or directory"
        )
        assert re.fullmatch("worker [0-9]+: ended with status 2 before it served", server.lines[1])
        assert server.lines[2:] == ["no worker can be started: stopping"]


class TestReplacing:
    def test_no_connection_is_lost_meanwhile(self, serve: Start) -> None:
        server = serve("--workers", "2")
        old = frozenset(workers(server, 2))
        with load(server) as loads:
            for turn in range(1, 4):
                go_on(loads)
                server.process.send_signal(signal.SIGHUP)
                server.wait_for_line("SIGHUP: new workers serve", turn)
            go_on(loads)
        assert [each.lost for each in loads] == [[]] * len(loads)
        assert workers(server, 2, without=old)
        contents = {without_trace(each) for each in server.delivered}
        assert {content for each in loads for content in each.accepted} <= contents
        assert len(server.addresses) == 1
        assert server.stop() == 0

    def test_a_session_goes_on_with_the_worker_that_it_has(self, serve: Start) -> None:
        server = serve("--workers", "2")
        old = frozenset(workers(server, 2))
        with server.client() as client:
            assert client.command(b"EHLO client.test").startswith(b"250")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_line("SIGHUP: new workers serve")
            first = taken_by(server, lambda: client.deliver(b"one\r\n"))
            assert first in old
            assert taken_by(server, lambda: client.deliver(b"two\r\n")) == first
            assert workers(server, 2, without=old)
        assert server.stop() == 0

    def test_when_the_grace_is_over_it_hears_421(self, serve: Start) -> None:
        server = serve("--workers", "2", "--grace", "0.2")
        with server.client() as client:
            server.process.send_signal(signal.SIGHUP)
            assert client.reply().startswith(b"421 4.3.2")
            assert client.at_end()
        assert workers(server, 2)

    def test_the_new_ones_have_read_the_files_anew(self, serve: Start, tmp_path: Path) -> None:
        users = tmp_path / "users"
        cheap = Scrypt(ln=4)
        users.write_text(f"ann:{Hash.make('s3cret', os.urandom, cheap)}\n")
        server = serve("--workers", "2", "--auth-file", str(users), "--auth-without-tls")
        users.write_text(f"bob:{Hash.make('s3cret', os.urandom, cheap)}\n")
        login = b"AUTH PLAIN AGJvYgBzM2NyZXQ="  # bob, s3cret
        with server.client() as before:
            before.command(b"EHLO client.test")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_line("SIGHUP: new workers serve")
            # An old one may take a last connection while it hears that it is replaced.
            for _ in range(TRIES):
                with server.client() as after:
                    after.command(b"EHLO client.test")
                    if after.command(login).startswith(b"235"):
                        break
            else:
                raise AssertionError("nobody has read the file")
            assert before.command(login).startswith(b"535")

    def test_with_files_that_cannot_be_read_the_old_ones_stay(self, serve: Start, tmp_path: Path) -> None:
        users = tmp_path / "users"
        users.write_text("")
        server = serve("--workers", "2", "--auth-file", str(users), "--auth-without-tls")
        pids = workers(server, 2)
        users.unlink()
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("SIGHUP: the workers stay: ")
        assert workers(server, 2) == pids

    def test_when_a_new_one_does_not_serve_the_old_ones_stay(self, serve: Start, tmp_path: Path) -> None:
        folder = tmp_path / "transcripts"
        folder.mkdir()
        server = serve("--workers", "2", "--transcript", str(folder / "file"))
        pids = frozenset(workers(server, 2))
        (folder / "file").unlink()
        folder.rmdir()
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("SIGHUP: the workers that are not replaced yet stay")
        assert workers(server, 2) == pids
        folder.mkdir()
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("SIGHUP: new workers serve")
        assert workers(server, 2, without=pids)

    def test_a_stop_ends_the_old_ones_and_the_new_ones(self, serve: Start) -> None:
        server = serve("--workers", "2", "--grace", "3000")
        with server.client() as client:
            client.envelope()
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_line("SIGHUP: new workers serve")
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_line("SIGTERM: stopping when")
            assert client.command(b"late\r\n.").startswith(b"250")
            assert client.reply().startswith(b"421")
        assert server.wait() == 0


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_transaction_is_finished_and_who_is_idle_hears_421(self, serve: Start, number: signal.Signals) -> None:
        server = serve("--workers", "2")
        with server.client() as idle, server.client() as busy:
            busy.envelope()
            busy.send(b"first\r\n")
            server.process.send_signal(number)
            server.wait_for_line(f"{number.name}: stopping when the transactions under way are done")
            assert idle.reply().startswith(b"421 4.3.2")
            assert busy.command(b"second\r\n.").startswith(b"250")
            assert busy.reply().startswith(b"421 4.3.2")
        assert server.wait() == 0
        assert len([line for line in server.lines if "stopping" in line]) == 1

    def test_nobody_new_is_let_in_meanwhile(self, serve: Start) -> None:
        server = serve("--workers", "2")
        with server.client() as idle, server.client() as busy:
            busy.envelope()
            server.process.send_signal(signal.SIGTERM)
            assert idle.reply().startswith(b"421")
            # Its own worker may have been told last.
            assert busy.command(b"hello\r\n.").startswith(b"250")
            assert busy.reply().startswith(b"421")
            with pytest.raises(OSError, match=r"refused|reset"):
                server.client()
        assert server.wait() == 0

    def test_a_second_signal_ends_what_the_first_one_left(self, serve: Start) -> None:
        server = serve("--workers", "2", "--grace", "3000")
        with server.client() as client:
            client.envelope()
            client.send(b"never ending\r\n" * 10_000)
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_line("SIGTERM: stopping when")
            server.process.send_signal(signal.SIGINT)
            assert client.reply().startswith(b"421 4.3.2")
            assert client.at_end()
        assert server.wait() == 0
        assert list((server.maildir / "tmp").iterdir()) == []

    def test_a_third_one_kills(self, serve: Start) -> None:
        server = serve("--workers", "2", "--grace", "3000")
        with server.client() as client:
            pid = taken_by(server, lambda: client.deliver(b"hello\r\n"))
            # It is not even able to hear.
            os.kill(pid, signal.SIGSTOP)
            for said in ("stopping when", "stopping now", "killing the workers"):
                server.process.send_signal(signal.SIGTERM)
                server.wait_for_line(f"SIGTERM: {said}")
            assert server.wait() == 1
        assert f"worker {pid}: ended by SIGKILL" in server.lines
        assert has_ended(pid)

    def test_signals_at_once_are_no_failure(self, serve: Start) -> None:
        server = serve("--workers", "2")
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            server.process.send_signal(number)
        assert server.wait() == 0
