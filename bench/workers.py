"""How `smtpcore serve --workers` scales on the cores of this machine: ``python -m bench.workers``.

Nothing is pinned: the workers and the load generator share all cores, as they would with clients on the same host. In
each round every number of workers has its turn, so that whatever disturbs the machine disturbs them all; the speed-up
pairs the figures of one round. A round begins when the processes of others leave the machine alone, and is played again
if they have had too much of it.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import generator, machine, peers
from bench.commands import CommandError
from bench.places import IMPORTS, PYTHON
from bench.process import Process, free_port, served
from bench.results import spread
from bench.script import encode
from bench.table import number, ranged, table
from bench.workloads import WORKLOADS, Workload

_CONNECTIONS = 64
"""At a time. The kernel spreads them by chance, and many are spread more evenly than few."""
_PLAYED = ("w1", "w2")
_CORES = os.cpu_count() or 1
_TICKS = os.sysconf("SC_CLK_TCK")
_UNLIMITED = ("--max-connections", "none", "--max-connections-per-address", "none")


@dataclass(frozen=True, slots=True)
class Sample:
    """One round."""

    rate: float
    """Messages a second."""
    server: float
    """CPU seconds of all processes of the server for 1,000 messages."""
    load: float
    """CPU seconds of the generator for 1,000 messages."""
    others: float
    """The share of all cores that other processes have had meanwhile, those that are niced left aside."""


@dataclass(slots=True)
class Case:
    """A workload, where its messages go, and how many workers there are."""

    workload: Workload
    delivery: str
    workers: int
    samples: list[Sample] = field(default_factory=list)

    def line(self, one: Case) -> list[str]:
        """Of the table."""
        ratios = [ours.rate / theirs.rate for ours, theirs in zip(self.samples, one.samples, strict=True)]
        server = spread([sample.server for sample in self.samples]).middle
        load = spread([sample.load for sample in self.samples]).middle
        others = spread([sample.others for sample in self.samples]).middle
        bound = min(self.workers / server, _CORES / (server + load)) * 1000
        return [
            f"{self.workload.name}, {self.delivery}",
            str(self.workers),
            ranged(spread([sample.rate for sample in self.samples])),
            ranged(spread(ratios)),
            number(server),
            number(load),
            number(bound),
            f"{others:.0%}",
        ]


def _busy() -> float:
    """CPU seconds of all processes since the machine began, niced ones left aside (proc(5))."""
    _, user, _, system, *_ = Path("/proc/stat").read_text().split()
    return (int(user) + int(system)) / _TICKS


@contextmanager
def _serving(case: Case, folder: Path) -> Iterator[Process]:
    port = free_port()
    command = [str(PYTHON), "-m", "smtpcore_cli", "serve", "--workers", str(case.workers), *_UNLIMITED]
    command += ["--bind", f"127.0.0.1:{port}", "--hostname", "mx.test"]
    command += ["--discard"] if case.delivery == "discarded" else ["--maildir", str(folder / f"{port}")]
    with served(command, IMPORTS, port, None, folder / f"{port}.log") as process:
        yield process


def _play(case: Case, process: Process, sessions: int, folder: Path) -> Sample:
    before, began, busy = process.settled_cpu(), time.monotonic(), _busy()
    load = generator.play(process.port, folder / case.workload.name, case.workload.connections, sessions, None)
    messages = sessions * case.workload.messages
    used = process.settled_cpu() - before
    elapsed = time.monotonic() - began
    others = max(0.0, _busy() - busy - used - load.cpu) / elapsed / _CORES
    return Sample(messages / load.wall, used / messages * 1000, load.cpu / messages * 1000, others)


def _await_quiet(quiet: float, until: float) -> None:
    """Wait until others have had no more than this share of the machine for a second.

    Raises:
        CommandError: They still had more at that time.
    """
    while True:
        began, busy = time.monotonic(), _busy()
        time.sleep(1)
        if (_busy() - busy) / (time.monotonic() - began) / _CORES <= quiet:
            return
        if time.monotonic() > until:
            raise CommandError("the machine is too busy")


def measured(cases: Sequence[Case], rounds: int, seconds: float, quiet: float, patience: float, folder: Path) -> None:
    """So many rounds with one workload and one way of delivery, each of about so many seconds with one worker.

    Args:
        cases: With one worker, two, and so on.
        rounds: That count.
        seconds: Of a round.
        quiet: The share of the machine that others may have in a round that counts.
        patience: Seconds for all rounds.
        folder: For scripts, Maildirs and logs.

    Raises:
        CommandError: The machine is too busy.
    """
    workload = cases[0].workload
    (folder / workload.name).write_bytes(encode(workload.script()))
    with ExitStack() as stack:
        running = [(case, stack.enter_context(_serving(case, folder))) for case in cases]
        warm = [_play(case, process, workload.sessions, folder) for case, process in running]
        sessions = max(workload.connections, math.ceil(warm[0].rate / workload.messages * seconds))
        until = time.monotonic() + patience
        while len(cases[0].samples) < rounds:
            _await_quiet(quiet, until)
            samples = [_play(case, process, sessions, folder) for case, process in running]
            if max(sample.others for sample in samples) <= quiet:
                for case, sample in zip(cases, samples, strict=True):
                    case.samples.append(sample)


def report(cases: Sequence[Sequence[Case]]) -> str:
    """The table."""
    head = [
        "messages",
        "workers",
        "a second",
        "times one worker",
        "CPU s, server",
        "CPU s, generator",
        "at best",
        "others",
    ]
    return table(head, [case.line(each[0]) for each in cases for case in each])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round with one worker (default: 2)")
    parser.add_argument("--workers", type=int, default=_CORES, help="up to so many (default: one for each core)")
    parser.add_argument("--quiet", type=float, default=0.05, help="what others may have of the machine (default: 0.05)")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds for a workload (default: 600)")
    parser.add_argument("--folder", type=Path, help="where the Maildirs are (default: that for temporary files)")
    chosen = parser.parse_args()
    facts = machine.description(pinned=False)
    played = [replace(each, connections=_CONNECTIONS) for each in WORKLOADS if each.name in _PLAYED]
    cases = [
        [Case(workload, delivery, workers) for workers in range(1, chosen.workers + 1)]
        for workload in played
        for delivery in ("discarded", "into a Maildir")
    ]
    try:
        generator.build()
        facts.append(peers.ourselves("anyio"))
        for each in cases:
            print(f"{each[0].workload.name}, {each[0].delivery}", flush=True)
            with tempfile.TemporaryDirectory(prefix="smtpcore-bench-", dir=chosen.folder) as folder:
                measured(each, chosen.rounds, chosen.seconds, chosen.quiet, chosen.patience, Path(folder))
    except CommandError as error:
        sys.exit(f"nothing can be measured: {error}")
    print("\n".join(f"* {fact}" for fact in facts), f"\n{report(cases)}", sep="\n")


if __name__ == "__main__":
    main()
