"""The documentation tells the truth: its code runs, and the names in it exist."""

from __future__ import annotations

import ast
import importlib.util
import re
import socket
import threading
from pathlib import Path

import pytest

from smtpcore import Envelope, Handler, ServerConfig, ServerSession
from tests.settings_page import page

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


def test_the_whole_adapter_of_the_guide_delivers_a_message() -> None:
    block, _ = CODE.findall((DOCS / "adapter.md").read_text("utf-8"))
    names: dict[str, object] = {}
    exec(compile(block, "adapter.md", "exec"), names)
    serve = names["serve"]
    assert callable(serve)
    contents: list[bytes] = []

    class Inbox(Handler):
        def message(self, session: ServerSession, envelope: Envelope) -> None:
            contents.append(envelope.content)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        connection, _ = listener.accept()
    thread = threading.Thread(target=serve, args=(connection, ServerConfig(hostname="mx.test"), Inbox()))
    thread.start()
    with client, client.makefile("rb") as replies:
        assert replies.readline().startswith(b"220 ")
        client.sendall(b"HELO c.test\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n")
        assert [replies.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        client.sendall(b"hello\r\n.\r\nQUIT\r\n")
        assert [replies.readline()[:3] for _ in range(3)] == [b"250", b"221", b""]
    thread.join()
    assert contents == [b"hello\r\n"]
