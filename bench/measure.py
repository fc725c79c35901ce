"""The rounds: every server in turn, again and again, so that whatever disturbs the machine disturbs them all."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from bench import generator
from bench.certificate import Certificate
from bench.competitors import Competitor
from bench.process import Process, ServerError, allow_files, cores, free_port, served
from bench.results import Row, Sample
from bench.script import encode
from bench.workloads import Workload

MEGABYTE = 1_000_000


class Measurement:
    """One workload on all the servers that have what it needs.

    Args:
        workload: What is played.
        competitors: Who takes part.
        certificate: What the servers show.
        seconds: CPU time for which a server is kept busy in each round, about.
        folder: For scripts and logs.
    """

    def __init__(
        self,
        workload: Workload,
        competitors: Sequence[Competitor],
        certificate: Certificate,
        seconds: float,
        folder: Path,
    ) -> None:
        self._workload = workload
        self._competitors = [each for each in competitors if each.plays(workload)]
        self._certificate = certificate
        self._seconds = seconds
        self._script = folder / "script"
        self._script.write_bytes(encode(workload.script()))
        self._folder = folder
        self._load_core, self._server_core = cores()
        self.rows = {each.name: Row() for each in self._competitors}

    def run(self, rounds: int) -> dict[str, Row]:
        """Measure so many rounds."""
        if self._workload.idle:
            connections = allow_files(self._workload.connections)
            for _ in range(rounds):
                for competitor in self._competitors:
                    self._idle_round(competitor, self.rows[competitor.name], connections)
        else:
            with ExitStack() as stack:
                self._busy_rounds(rounds, stack)
        return self.rows

    def _busy_rounds(self, rounds: int, stack: ExitStack) -> None:
        running: list[tuple[Process, Row, int]] = []
        for competitor in self._competitors:
            row = self.rows[competitor.name]
            try:
                process = stack.enter_context(self._served(competitor))
                running.append((process, row, self._warm_up(process)))
            except (ServerError, generator.LoadError) as error:
                row.failure = str(error)
        for _ in range(rounds):
            for process, row, sessions in running:
                if not row.failure:
                    try:
                        row.samples.append(self._busy_round(process, sessions))
                    except generator.LoadError as error:
                        row.failure = str(error)
        for process, row, _ in running:
            row.peak = process.peak()

    def _served(self, competitor: Competitor) -> AbstractContextManager[Process]:
        port = free_port()
        command = competitor.command(port, self._workload, self._certificate, self._script)
        return served(command, competitor.env, port, self._server_core, self._folder / f"{port}.log")

    def _warm_up(self, process: Process) -> int:
        """Let it compile and cache what it wants to; how many sessions a round has to have."""
        workload = self._workload
        before = process.settled_cpu()
        generator.play(process.port, self._script, workload.connections, workload.sessions, self._load_core)
        each = (process.settled_cpu() - before) / workload.sessions
        return max(workload.connections, math.ceil(self._seconds / each))

    def _busy_round(self, process: Process, sessions: int) -> Sample:
        workload = self._workload
        before = process.settled_cpu()
        load = generator.play(process.port, self._script, workload.connections, sessions, self._load_core)
        used = process.settled_cpu() - before
        thousands = sessions * workload.messages / 1000
        return Sample(used / thousands, load.wall / thousands, load.cpu / load.wall)

    def _idle_round(self, competitor: Competitor, row: Row, connections: int) -> None:
        if row.failure:
            return
        try:
            with self._served(competitor) as process:
                before = process.memory()
                with generator.held(process.port, self._script, connections, self._load_core) as wall:
                    grown = process.memory() - before
                row.peak = max(row.peak, process.peak())
        except (ServerError, generator.LoadError) as error:
            row.failure = str(error)
        else:
            row.samples.append(Sample(grown / MEGABYTE / connections * 1000, wall, 0.0))


def measured(
    workload: Workload, competitors: Sequence[Competitor], certificate: Certificate, rounds: int, seconds: float
) -> dict[str, Row]:
    """One workload, so many rounds, on every server that has what it needs."""
    with tempfile.TemporaryDirectory(prefix="smtpcore-bench-") as folder:
        return Measurement(workload, competitors, certificate, seconds, Path(folder)).run(rounds)
