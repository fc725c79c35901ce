"""nodemailer's smtp-server in a process of its own, which tells what it takes."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import TlsFiles
from tests.interop.delivering import Place
from tests.interop.programs import needs, running, surroundings, until
from tests.interop.recording import PASSWORD, USER

SCRIPT = Path(__file__).parent / "smtp_server.cjs"


class SmtpServer:
    """One that runs."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._taken = 1

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace")

    @property
    def said(self) -> list[dict[str, Any]]:
        """The lines that are complete; between them are those about clients who hang up."""
        lines = self.text.splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    @property
    def place(self) -> Place:
        """Where it listens."""
        return "127.0.0.1", self.said[0]["port"]

    def take(self, count: int = 1) -> list[dict[str, Any]]:
        """The next messages, with their content; there must be no more."""
        taken = self.take_all()
        assert len(taken) == count
        return taken

    def take_all(self) -> list[dict[str, Any]]:
        """The messages that have come since the last call."""
        taken = self.said[self._taken :]
        self._taken += len(taken)
        for mail in taken:
            mail["content"] = b64decode(mail["content"])
        return taken


Start = Callable[..., SmtpServer]


@contextmanager
def starting(folder: Path, tls_files: TlsFiles) -> Iterator[Start]:
    """Start a server with these options, or take the one that has been; all of them end with the context."""
    command = ["node", "-e", "require('smtp-server')"]
    found = subprocess.run(command, env=surroundings(), capture_output=True, timeout=50)
    needs(found.returncode == 0, "Node.js finds no smtp-server; set NODE_PATH")
    servers: dict[str, SmtpServer] = {}
    with ExitStack() as stack:

        def start(**options: object) -> SmtpServer:
            tls = {"cert": tls_files.cert.read_text(), "key": tls_files.key.read_text()}
            defaults = {"authOptional": True, "disableReverseLookup": True, **tls}
            secret = options.pop("pass", PASSWORD)
            words = json.dumps({"options": {**defaults, **options}, "user": USER, "pass": secret})
            if words not in servers:
                server = SmtpServer(folder / f"log{len(servers)}")
                process = stack.enter_context(running("node", SCRIPT, words, log=server._log))
                until(lambda: "\n" in server.text or process.poll() is not None, lambda: server.text)
                servers[words] = server
            return servers[words]

        yield start
