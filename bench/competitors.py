"""The servers in the table: how each is installed, started, and what it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import peers
from bench.certificate import Certificate
from bench.places import COMPILED_IMPORTS, IMPORTS, NODE, PYTHON, SERVERS
from bench.workloads import PASSWORD, USER, Workload

REFERENCE = "aiosmtpd"
"""The server that the others are compared with."""
CEILING = "canned (the ceiling)"
"""What they are compared with where the reference cannot take part."""


@dataclass(frozen=True, slots=True)
class Competitor:
    """One row of the table."""

    name: str
    install: Callable[[], str]
    """Makes sure that it is here and gives its version; CommandError if it cannot be had."""
    program: Sequence[str | Path]
    """What starts it, behind which the port comes."""
    options: Sequence[str] = ()
    """What comes behind the port."""
    env: Mapping[str, str] = field(default_factory=dict)
    tls: bool = True
    chunking: bool = False
    canned: bool = False
    """It has to be told the script."""

    def plays(self, workload: Workload) -> bool:
        """Whether it has what the workload needs."""
        return (self.tls or not workload.tls) and (self.chunking or not workload.chunking)

    def command(self, port: int, workload: Workload, certificate: Certificate, script: Path) -> list[str]:
        """The command line that serves a workload."""
        words: list[str | Path] = [*self.program, str(port), *self.options]
        if workload.tls:
            words += ["--tls", certificate.chain, certificate.key]
        if self.canned:
            words += ["--script", script]
        return [str(word) for word in words]


_LOGIN = (USER, PASSWORD)


def _python(module: str) -> tuple[str | Path, ...]:
    return PYTHON, "-m", f"bench.servers.{module}"


def _ours(name: str, module: str, options: Sequence[str], *libraries: str) -> Competitor:
    install = partial(peers.ourselves, *libraries)
    return Competitor(f"smtpcore: {name}", install, _python(module), options, IMPORTS, chunking=True)


COMPETITORS = (
    Competitor(REFERENCE, peers.aiosmtpd, _python("aiosmtpd_server"), env=IMPORTS),
    Competitor(
        "aiosmtpd, uvloop", partial(peers.aiosmtpd, "uvloop"), _python("aiosmtpd_server"), ("--uvloop",), IMPORTS
    ),
    Competitor(
        "nodemailer smtp-server", peers.nodemailer, ("node", SERVERS / "nodemailer.cjs"), _LOGIN,
        {"NODE_PATH": str(NODE / "node_modules")},
    ),
    Competitor("go-smtp", peers.gosmtp, (peers.GOSMTP,), _LOGIN),
    Competitor("smtp-sink (C)", peers.smtp_sink, (SERVERS / "smtp_sink.sh",), tls=False),
    _ours("anyio, asyncio", "anyio_server", (), "anyio"),
    _ours("anyio, uvloop", "anyio_server", ("--uvloop",), "anyio", "uvloop"),
    Competitor(
        "smtpcore: anyio, uvloop, compiled core", partial(peers.compiled, "anyio", "uvloop"), _python("anyio_server"),
        ("--uvloop",), COMPILED_IMPORTS, chunking=True,
    ),
    _ours("anyio, trio", "anyio_server", ("--backend", "trio"), "anyio", "trio"),
    _ours("threads", "blocking_server", ()),
    Competitor(CEILING, peers.ceiling, _python("canned"), env=IMPORTS, chunking=True, canned=True),
)  # fmt: skip
