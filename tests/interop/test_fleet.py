"""Two hosts with two workers each behind haproxy, by the configuration of docs/scaling.md."""

from __future__ import annotations

import re
import signal
import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.process import TRACE, Serve, without_trace
from tests.interop.conftest import BODY
from tests.interop.programs import running
from tests.interop.test_haproxy import listening

pytestmark = pytest.mark.interop("haproxy")
PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
FLAGS = ("--workers", "2", "--profile", "hardened", "--domain", "mx.test")


@dataclass(frozen=True)
class Fleet:
    """What is behind the port."""

    port: int
    hosts: tuple[Serve, Serve]

    def send(self, count: int) -> None:
        """Deliver messages, each on a connection of its own; each must be taken."""
        for _ in range(count):
            with smtplib.SMTP("127.0.0.1", self.port, "client.test", timeout=20) as client:
                client.sendmail("a@client.test", ["b@mx.test"], BODY)

    @property
    def counts(self) -> list[int]:
        """The messages on each host so far."""
        return [len(host.delivered) for host in self.hosts]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """The hosts and the balancer."""
    [config] = re.findall(r"^```text\n(defaults\n.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with ExitStack() as stack:
        hosts = []
        for name in ("192.0.2.11", "192.0.2.12"):
            folder = tmp_path / name
            folder.mkdir()
            # The flags of the page, with the only address that there is.
            host = stack.enter_context(Serve("--proxy", "127.0.0.1", *FLAGS, folder=folder))
            hosts.append(host)
            config = config.replace(f"{name}:25", f"127.0.0.1:{host.ports[0]}")
        sock = stack.enter_context(listening("127.0.0.1"))
        config = config.replace("bind :25", f"bind fd@{sock.fileno()}")
        assert ":25" not in config
        path = tmp_path / "haproxy.cfg"
        path.write_text(config, encoding="utf-8")
        log = tmp_path / "haproxy.log"
        stack.enter_context(running("haproxy", "-db", "-f", path, log=log, descriptors=[sock.fileno()]))
        yield Fleet(sock.getsockname()[1], (hosts[0], hosts[1]))


def test_both_hosts_serve_and_see_the_client(fleet: Fleet) -> None:
    fleet.send(20)
    assert sum(fleet.counts) == 20
    assert all(fleet.counts)
    for host in fleet.hosts:
        for stored in host.delivered:
            trace = TRACE.match(stored)
            assert trace
            assert trace["peer"] == b"[127.0.0.1]"
            assert without_trace(stored) == BODY
        assert any(" via=" in line for line in host.summary())


def test_new_workers_and_a_host_that_stops_cost_no_message(fleet: Fleet) -> None:
    fleet.hosts[0].process.send_signal(signal.SIGHUP)
    fleet.send(20)
    fleet.hosts[0].wait_for_line("SIGHUP: new workers serve")
    assert fleet.hosts[0].stop() == 0
    before = fleet.counts
    fleet.send(20)
    assert fleet.counts == [before[0], before[1] + 20]
    assert sum(before) == 20
