"""Debian packages, for a user who may install some."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.commands import CommandError, run

_APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
_POLICY = Path("/usr/sbin/policy-rc.d")


def install(*packages: str) -> None:
    """Install packages; nothing is removed for them and no service starts.

    Raises:
        CommandError: The user is not root, there is no apt, or apt failed.
    """
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise CommandError(f"install by hand: {wanted}")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    print(f"apt-get install {wanted}", flush=True)
    run([*_APT, "update"], env=env)
    with _services_stay_off():
        run([*_APT, "install", "-y", "--no-install-recommends", "--no-remove", *packages], env=env)


def version(package: str) -> str:
    """The version of an installed package, of any kind if it is not from Debian."""
    try:
        return run(["dpkg-query", "-W", "-f", "${Version}", package])
    except CommandError:
        return "unknown version"


@contextmanager
def _services_stay_off() -> Iterator[None]:
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
