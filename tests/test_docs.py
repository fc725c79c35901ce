"""The documentation tells the truth: its code runs, and the names in it exist."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import smtplib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtpcore import Envelope, Handler, ServerConfig, ServerSession
from tests.settings_page import page

PATH = os.pathsep.join(filter(None, sys.path))
DOCS = Path(__file__).parent.parent / "docs"
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [(path.name, block) for path in sorted(DOCS.glob("*.md")) for block in CODE.findall(path.read_text("utf-8"))]


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page} {number}" for number, (page, _) in enumerate(BLOCKS)])
def test_what_a_page_imports_from_the_project_is_there(page: str, block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("smtpcore"):
            module = importlib.import_module(node.module)
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                there = hasattr(module, alias.name) or importlib.util.find_spec(inner) is not None
                assert there, f"{page}: {node.module} has no {alias.name}"


def test_links_between_the_pages_lead_somewhere() -> None:
    for path in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_settings_are_described_as_the_classes_have_them() -> None:
    assert (DOCS / "settings.md").read_text("utf-8") == page(), "run python -m tests.settings_page > docs/settings.md"


def test_the_guide_has_a_row_for_every_hook() -> None:
    _, _, rows = (DOCS / "handler.md").read_text("utf-8").partition("| hook |")
    rows, _, _ = rows.partition("\n\n")
    cells = re.findall(r"^\| (`.*?`) \|", rows, re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(\w+)", cell)]
    assert sorted(named) == sorted(name for name in vars(Handler) if name.islower() and callable(vars(Handler)[name]))


@pytest.mark.parametrize("page", ["extensions.md", "policies.md", "serving.md", "wire.md"])
def test_the_code_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in CODE.findall((DOCS / page).read_text("utf-8")):
        exec(compile(block, page, "exec"), {"__name__": page})


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("number", [0, 1], ids=["anyio", "threads"])
def test_a_server_of_the_guide_takes_a_message_and_stops(number: int) -> None:
    code = CODE.findall((DOCS / "serving.md").read_text("utf-8"))[number].replace("1025", "0")
    command = [sys.executable, "-W", "error", "-u", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": PATH}) as server:
        assert server.stdout is not None
        try:
            _, _, addresses = server.stdout.readline().partition("listening on ")
            [address] = ast.literal_eval(addresses)
            with smtplib.SMTP(*address) as smtp:
                smtp.sendmail("ann@c.example", ["bob@mx.example"], b"Subject: hello\r\n\r\n")
            assert server.stdout.readline() == "ann@c.example ['bob@mx.example'] 18\n"
            server.terminate()
            assert server.wait() == 0
        finally:
            server.kill()


def test_the_whole_adapter_of_the_guide_delivers_a_message() -> None:
    block, _ = CODE.findall((DOCS / "adapter.md").read_text("utf-8"))
    contents: list[bytes] = []

    class Inbox(Handler):
        def message(self, session: ServerSession, envelope: Envelope) -> None:
            contents.append(envelope.content)

    delivers(block, lambda serve, connection: serve(connection, ServerConfig(hostname="mx.test"), Inbox()), contents)


def test_the_loop_over_the_wire_alone_delivers_a_message() -> None:
    [block] = CODE.findall((DOCS / "wire.md").read_text("utf-8"))
    contents: list[bytes] = []
    delivers(block, lambda serve, connection: serve(connection, contents.append), contents)


def delivers(block: str, run: Callable[[Callable[..., None], socket.socket], None], contents: list[bytes]) -> None:
    """Have the function ``serve`` of some code take a message, and find it there."""
    names: dict[str, Any] = {}
    exec(compile(block, "docs", "exec"), names)
    serve = names["serve"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        connection, _ = listener.accept()
    thread = threading.Thread(target=run, args=(serve, connection))
    thread.start()
    with client, client.makefile("rb") as replies:
        assert replies.readline().startswith(b"220 ")
        client.sendall(b"HELO c.test\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n")
        assert [replies.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        client.sendall(b"hello\r\n.\r\nQUIT\r\n")
        assert [replies.readline()[:3] for _ in range(3)] == [b"250", b"221", b""]
    thread.join()
    assert contents == [b"hello\r\n"]
