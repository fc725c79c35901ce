"""A socket and the places where its thread waits: the read itself, for a moment, and the selector."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from smtpcore_blocking import serve_socket
from smtpcore_blocking.channel import Channel

from smtpcore import Handler, ServerConfig

_T = TypeVar("_T")


def in_a_thread(function: Callable[[], _T]) -> _T:
    """What a function gives in another thread than the main one."""
    given: list[_T] = []
    thread = threading.Thread(target=lambda: given.append(function()))
    thread.start()
    thread.join()
    return given[0]


class Odd(socket.socket):
    """The system wants the time that a read may take in another form."""

    def setsockopt(self, level: int, name: int, *value: Any) -> None:
        if name == socket.SO_RCVTIMEO:
            raise OSError("no")
        super().setsockopt(level, name, *value)


def pair(kind: type[socket.socket] = socket.socket) -> tuple[socket.socket, socket.socket]:
    one, other = socket.socketpair()
    return kind(one.family, one.type, one.proto, fileno=one.detach()), other


@pytest.mark.skipif(not hasattr(socket, "MSG_DONTWAIT"), reason="every read of the system may block")
class TestReadSoon:
    def test_it_waits_for_a_moment_and_gives_what_comes(self) -> None:
        ours, theirs = pair()
        with ours, theirs:

            def read() -> list[bytes | None]:
                channel = Channel(ours)
                nothing = channel.read_soon(None)
                theirs.send(b"NOOP")
                theirs.shutdown(socket.SHUT_WR)
                return [nothing, channel.read_soon(10.0), channel.read_soon(None)]

            assert in_a_thread(read) == [None, b"NOOP", b""]

    def test_it_waits_for_no_deadline_that_is_nearer(self) -> None:
        ours, theirs = pair()
        with ours, theirs:
            theirs.send(b"NOOP")
            assert in_a_thread(lambda: Channel(ours).read_soon(0.05)) is None

    def test_the_main_thread_has_it_not_since_signals_come_there(self) -> None:
        ours, theirs = pair()
        with ours, theirs:
            theirs.send(b"NOOP")
            channel = Channel(ours)
            assert channel.read_soon(None) is None
            assert channel.wait(1, None)
            assert channel.read() == b"NOOP"


def test_a_socket_that_cannot_wait_by_itself_serves_all_the_same() -> None:
    ours, theirs = pair(Odd)
    with theirs:
        thread = threading.Thread(target=serve_socket, args=(ours, ServerConfig(hostname="mx.test"), Handler()))
        thread.start()
        replies = theirs.makefile("rb")
        assert replies.readline().startswith(b"220 ")
        theirs.send(b"QUIT\r\n")
        assert replies.readline().startswith(b"221 ")
        assert replies.read() == b""
        replies.close()
        theirs.shutdown(socket.SHUT_WR)
        thread.join()
