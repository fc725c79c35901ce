"""A server process: pinned to its core, started, awaited, measured from outside, ended."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 20.0
"""Seconds until a server must accept connections."""
_TICKS = os.sysconf("SC_CLK_TCK")


class ServerError(Exception):
    """A server did not start. The message is one line."""


def cores() -> tuple[int, int]:
    """The core of the generator and that of the server; the same where there is but one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def pin(core: int | None) -> None:
    """Stay on this core, with all that is started from here; None: on any."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def allow_files(connections: int) -> int:
    """Raise the limit of open files as far as it goes, for what is started from here too.

    Returns:
        So many of these connections as it leaves room for.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return connections if hard == resource.RLIM_INFINITY else min(connections, hard - 200)


def free_port() -> int:
    """A port of the loopback interface on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A server that accepts connections on a port of the loopback interface."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], port: int, core: int | None, log: Path) -> None:
        """Start it and wait until it accepts.

        Raises:
            ServerError: It ended, or does not accept.
        """
        self.port = port
        with log.open("wb") as file:
            self._popen = subprocess.Popen(
                command,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                preexec_fn=lambda: pin(core),
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._accepts():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                self.end()
                said = log.read_text(errors="replace").strip().splitlines()
                raise ServerError(said[-1] if said else "it does not accept connections")
            time.sleep(0.02)

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Kill it; there is nothing that it could lose."""
        self._popen.kill()
        self._popen.wait()

    def _family(self) -> Iterator[int]:
        waiting = [self._popen.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())

    def cpu(self) -> float:
        """CPU seconds so far, user and system, of all threads, of children that live and those that have ended."""
        total = 0.0
        for pid in self._family():
            # What /proc counts in ticks of 10 ms, in nanoseconds: the process's CPU clock (clock_getcpuclockid(3)).
            total += time.clock_gettime((~pid << 3) | 2)
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[13]) + int(fields[14])) / _TICKS
        return total

    def settled_cpu(self) -> float:
        """The same, once the server has done what was left to do."""
        before, now = 0.0, self.cpu()
        for _ in range(100):
            if now - before < 0.0005:
                break
            time.sleep(0.02)
            before, now = now, self.cpu()
        return now

    def memory(self) -> int:
        """Octets in memory now."""
        return sum(self._status(pid, "VmRSS") for pid in self._family())

    def peak(self) -> int:
        """The most octets that were ever in memory."""
        return sum(self._status(pid, "VmHWM") for pid in self._family())

    @staticmethod
    def _status(pid: int, name: str) -> int:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        return 0


@contextmanager
def served(command: Sequence[str], env: Mapping[str, str], port: int, core: int | None, log: Path) -> Iterator[Process]:
    """A server for the time of the block."""
    process = Process(command, env, port, core, log)
    try:
        yield process
    finally:
        process.end()
