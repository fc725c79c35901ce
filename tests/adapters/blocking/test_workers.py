"""The threads of a server, which serve one connection after the other."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from smtpcore_blocking import workers
from smtpcore_blocking.bell import Bell
from smtpcore_blocking.workers import Workers
from smtpcore_testing.adapter_kit.clients import PATIENCE, until


@pytest.fixture
def crew() -> Iterator[Workers]:
    crew = Workers()
    yield crew
    crew.see_out(lambda: time.monotonic() + PATIENCE, Bell())


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        yield sock


def test_a_thread_whose_connection_is_over_serves_the_next(crew: Workers, sock: socket.socket) -> None:
    served: list[threading.Thread] = []
    for count in (1, 2, 3):
        crew.start(lambda _: served.append(threading.current_thread()), sock)
        until(lambda count=count: len(served) == count and crew._idle == 1)  # type: ignore[misc]
    assert len(set(served)) == 1


def test_a_connection_has_a_thread_of_its_own_while_another_lasts(crew: Workers, sock: socket.socket) -> None:
    together = threading.Barrier(2)

    def serve(_: socket.socket) -> None:
        together.wait(PATIENCE)

    with socket.socket() as other:
        for each in (sock, other):
            crew.start(serve, each)
        until(lambda: crew._idle == 2)
    assert not together.broken


def test_what_was_set_in_a_context_variable_is_gone_with_the_connection(crew: Workers, sock: socket.socket) -> None:
    variable: ContextVar[int] = ContextVar("variable", default=0)
    seen: list[int] = []

    def serve(_: socket.socket) -> None:
        seen.append(variable.get())
        variable.set(1)

    for _ in range(2):
        crew.start(serve, sock)
        until(lambda: crew._idle == 1)
    assert seen == [0, 0]


def test_a_thread_that_nobody_wants_ends(crew: Workers, sock: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_PATIENCE", 0.0)
    threads: list[threading.Thread] = []
    crew.start(lambda _: threads.append(threading.current_thread()), sock)
    until(lambda: threads and not threads[0].is_alive())
    assert crew._idle == 0


def test_one_that_is_wanted_in_the_moment_in_which_it_gives_up_stays(crew: Workers, sock: socket.socket) -> None:
    class Late(queue.SimpleQueue[object]):
        def get(self, block: bool = True, timeout: float | None = None) -> object:
            if len(served) > 1 or timeout is None:
                return super().get(block, timeout)
            crew.start(lambda _: served.append(2), sock)
            raise queue.Empty

    served: list[int] = []
    crew._jobs = Late()  # type: ignore[assignment]
    crew.start(lambda _: served.append(1), sock)
    until(lambda: crew._idle == 1 and len(served) > 1)
    assert served == [1, 2]


def test_threads_end_with_the_server(sock: socket.socket) -> None:
    crew = Workers()
    threads: list[threading.Thread] = []
    crew.start(lambda _: threads.append(threading.current_thread()), sock)
    until(lambda: crew._idle == 1)
    crew.see_out(lambda: time.monotonic() + PATIENCE, Bell())
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()
