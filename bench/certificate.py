"""The certificate that every server shows: ECDSA on P-256, made anew where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench import apt
from bench.commands import CommandError, run
from bench.places import CACHE


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of what every server shows."""

    chain: Path
    key: Path


def certificate() -> Certificate:
    """Files of a self-signed certificate.

    Raises:
        CommandError: There is no openssl to be had.
    """
    made = Certificate(CACHE / "certificate.pem", CACHE / "key.pem")
    if made.chain.exists() and made.key.exists():
        return made
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mx.test", "-days", "3650")
    command: list[str | Path] = ["openssl", "req", "-x509", *kind, "-keyout", made.key, "-out", made.chain]
    try:
        run(command)
    except CommandError:
        apt.install("openssl")
        run(command)
    return made
