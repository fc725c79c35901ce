"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import ssl
from pathlib import Path

from bench.process import cores


def description(*, pinned: bool = True) -> list[str]:
    """A line for each fact; `pinned` if servers and generator have their cores."""
    load, server = cores()
    memory = int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1024**2
    placed = "both on the only core" if load == server else f"servers on core {server}, generator on core {load}"
    if not pinned:
        placed = "which all processes share"
    return [
        f"CPU: {_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores; {placed}",
        f"memory: {memory:.0f} GiB",
        f"system: {platform.system()} {platform.release()} {platform.machine()}",
        f"Python: {platform.python_implementation()} {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        f"load average at the start: {os.getloadavg()[0]:.2f}",
    ]


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"
