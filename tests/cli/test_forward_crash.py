"""A next hop that dies and comes back: what was answered 250 is there, and twice only what is on record."""

from __future__ import annotations

import itertools
import os
import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from smtpcore_blocking import connect

from smtpcore.session.client import ClientConfig, Message, SessionError, TlsMode
from tests.cli.process import Serve

MESSAGES = int(os.environ.get("SMTPCORE_FORWARD_MESSAGES", "400"))
KILLS = 4
SENDERS = 6
CONFIG = ClientConfig(hostname="sender.test", tls=TlsMode.NONE)
_ID = re.compile(rb"\r\nX-Number: ([0-9]+)\r\n")
_UNCERTAIN = re.compile(r" uncertain: m([0-9]+)@mx\.test ")


class Senders:
    """Threads that send messages with a number each, and each of them again until it is accepted."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.accepted: set[int] = set()
        self.changed = threading.Condition(self._lock)
        self._threads = [threading.Thread(target=self._send_all) for _ in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until everything is accepted."""
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int) -> None:
        """Wait until so many messages are accepted."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.accepted) >= count, 60 + MESSAGES // 20)

    def _send_all(self) -> None:
        number = self._next()
        while number < MESSAGES:
            try:
                with connect("127.0.0.1", self._port, CONFIG) as client:
                    while number < MESSAGES and client.usable:
                        content = b"Subject: x\r\nX-Number: %d\r\n\r\n%b" % (number, b"y" * 70 + b"\r\n")
                        delivery = client.send(Message.to("a@sender.test", [f"m{number}@mx.test"], content))
                        if delivery.accepted:
                            with self.changed:
                                self.accepted.add(number)
                                self.changed.notify_all()
                            number = self._next()
            except SessionError:
                continue

    def _next(self) -> int:
        with self._lock:
            return next(self._numbers)


@pytest.mark.timeout(120 + MESSAGES // 20)
def test_what_was_accepted_is_there_and_only_what_is_on_record_is_there_twice(
    serve: Callable[..., Serve], tmp_path: Path
) -> None:
    hop = serve("--bind", "127.0.0.1:0", "--max-connections-per-address", "none")
    where = hop.addresses[0]
    front = serve("--forward", where, "--forward-tls", "none", "--max-errors", "none", folder=tmp_path)
    senders = Senders(front.ports[0])
    for kill in range(KILLS):
        senders.wait_for((kill + 1) * MESSAGES // (KILLS + 1))
        hop.kill()
        hop = serve("--bind", where.removeprefix("smtp://"), "--max-connections-per-address", "none")
    senders.join()
    stored = Counter(int(match[1]) for content in hop.delivered if (match := _ID.search(content)))
    assert set(stored) == senders.accepted == set(range(MESSAGES))
    uncertain = {int(number) for number in _UNCERTAIN.findall(front.text)}
    assert {number for number, count in stored.items() if count > 1} <= uncertain
    assert all(
        count <= 1 + list(map(int, _UNCERTAIN.findall(front.text))).count(number) for number, count in stored.items()
    )
