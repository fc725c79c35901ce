"""The import rule: the core does no I/O, layers import downwards only, adapters do not know each other."""

from __future__ import annotations

import ast
import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 400
"""Lines; what is longer has two subjects."""

# What the core may take from the standard library: computing, and no way to the world.
PURE = frozenset(
    {
        "__future__", "abc", "base64", "binascii", "bisect", "collections", "collections.abc", "contextlib", "copy",
        "dataclasses", "datetime", "enum", "functools", "hashlib", "heapq", "hmac", "inspect", "ipaddress", "itertools",
        "json", "math", "operator", "re", "string", "stringprep", "struct", "types", "typing", "unicodedata",
        "warnings", "io.IncrementalNewlineDecoder",
    }
)  # fmt: skip
# Pure modules with a door to the world in them. What comes from outside is passed in.
DOORS = frozenset({"open", "input", "print", "exec", "eval", "compile", "__import__", "breakpoint"})
CLOCKS = frozenset({"now", "utcnow", "today"})

# From the bottom up. A module may import from its own layer and those below. What is not named here is a value.
VALUES = 1
LAYERS = {
    "errors": 0,
    "spec": 0,
    "dialogue": 2,
    "server": 3,
    "client": 3,
    "handler": 4,
    "chain": 4,
    "policies": 4,
    "session": 5,
    "": 6,  # smtpcore/__init__.py
}
STRANGERS = {"server": "client", "client": "server"}
"""The two roles share the table and the layers below, and nothing else."""

ANYIO_USERS = ("smtpcore_anyio", "smtpcore_cli")
THIRD_PARTY = {
    "anyio": ANYIO_USERS,
    "sniffio": ANYIO_USERS,
    "trio": ANYIO_USERS,
    "uvloop": ANYIO_USERS,
    "cryptography": ("smtpcore_tls.selfsigned",),
    "pytest": ("smtpcore_testing.plugin", "smtpcore_testing.adapter_kit"),
    "pluggy": ("smtpcore_testing.plugin",),
    "hypothesis": ("smtpcore_testing.strategies",),
}
"""Who may use what an extra brings: packages, or parts of packages that are imported only when they are asked for."""
SHARED_ADAPTER = "smtpcore_tls"
ADAPTER_USERS = frozenset({"smtpcore_cli", "smtpcore_testing"})
"""What stands on adapters, and on which nothing stands."""


def imports(tree: ast.Module, package: str, modules: frozenset[str]) -> Iterator[tuple[int, str, bool]]:
    """Each import as line, full module name, and whether it is for type checkers only.

    Args:
        tree: the module.
        package: the name that its relative imports start from.
        modules: the full names of our own modules, to tell ``from smtpcore import lines`` (a module) from a name.
    """
    typing_only = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and ast.unparse(test.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        for statement in test.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                above = parents[: len(parents) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield node.lineno, inner if inner in modules or inner in PURE else base, id(node) in typing_only


def layer(module: str) -> int:
    """The layer of a module of the core, by its first name below ``smtpcore``."""
    return LAYERS.get(module.partition(".")[2].partition(".")[0], VALUES)


def core_fault(module: str, target: str, for_types: bool) -> str | None:
    """Why a module of the core may not import this, if it may not."""
    if target.partition(".")[0] != "smtpcore":
        return None if target in PURE else f"the core may not import {target}"
    if for_types:
        return None
    if layer(target) > layer(module):
        return f"{module} may not import {target}, which is a layer above"
    own, other = (name.partition(".")[2].partition(".")[0] for name in (module, target))
    if STRANGERS.get(own) == other:
        return f"{module} may not import {target}, the other role"
    return None


def adapter_fault(module: str, target: str) -> str | None:
    """Why a module of an adapter may not import this, if it may not."""
    own, other = module.partition(".")[0], target.partition(".")[0]
    if other in {own, "smtpcore"} or other in sys.stdlib_module_names:
        return None
    if own != SHARED_ADAPTER and other == SHARED_ADAPTER:
        return None
    if own in ADAPTER_USERS and other.startswith("smtpcore_") and other not in ADAPTER_USERS:
        return None
    if other in THIRD_PARTY:
        allowed = any(f"{module}.".startswith(f"{user}.") for user in THIRD_PARTY[other])
        return None if allowed else f"{module} may not import {target}: it has to work without"
    if other.startswith("smtpcore_"):
        return f"{own} may not import {target}: what two adapters share belongs in the session or in {SHARED_ADAPTER}"
    return f"{target} is no dependency of smtpcore"


def world_faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Calls that reach the world without an import of their own: builtins, and the clock inside datetime."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in DOORS:
                yield node.lineno, f"the core may not call {name}()"
            case ast.Attribute(
                value=ast.Name(id="datetime" | "date") | ast.Attribute(attr="datetime" | "date"), attr=name
            ):
                if name in CLOCKS:
                    yield node.lineno, f"the core may not read a clock: {ast.unparse(node)}"


def faults(
    source: str, module: str, path: str, modules: frozenset[str] = frozenset(), package: bool = False
) -> list[str]:
    """All offences of one file, each with file and line."""
    tree = ast.parse(source, path)
    core = module.partition(".")[0] == "smtpcore"
    found = []
    for line, target, for_types in imports(tree, module if package else module.rpartition(".")[0], modules):
        fault = core_fault(module, target, for_types) if core else adapter_fault(module, target)
        if fault:
            found.append((line, fault))
    if core:
        found += world_faults(tree)
    if (length := source.count("\n")) > LONGEST_FILE:
        found.append((length, f"{length} lines; past {LONGEST_FILE} a module has two subjects"))
    return [f"{path}:{line}: {fault}" for line, fault in sorted(set(found))]


def packages() -> list[str]:
    """The import packages of the distribution, as pyproject.toml lists them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Path(folder).name for folder in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]


def folder(package: str) -> Path:
    """Where the package is imported from: the checkout, or site-packages."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"pyproject.toml lists {package}, but it cannot be imported"
    assert spec.origin is not None, f"{package} has no __init__.py"
    return Path(spec.origin).parent


def files(package: str) -> dict[Path, str]:
    """Each Python file of the package, and the name it is imported by."""
    top = folder(package)
    names = {}
    for path in sorted(top.rglob("*.py")):
        parts = [package, *path.relative_to(top).with_suffix("").parts]
        names[path] = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return names


@pytest.mark.parametrize("package", packages())
def test_every_module_keeps_the_import_rule(package: str) -> None:
    named = files(package)
    assert named
    modules = frozenset(named.values()) | frozenset(files("smtpcore").values())
    found = []
    for path, module in named.items():
        found += faults(path.read_text(encoding="utf-8"), module, str(path), modules, path.name == "__init__.py")
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("package", packages())
def test_every_package_ships_its_types(package: str) -> None:
    assert (folder(package) / "py.typed").is_file()


def test_every_package_of_the_checkout_is_in_the_distribution() -> None:
    # Where an installed wheel is tested there are no sources beside the tests, and nothing to compare.
    present = {
        path.parent.name for pattern in ("smtpcore", "adapters/*") for path in ROOT.glob(f"{pattern}/__init__.py")
    }
    assert present <= set(packages())


MODULES = frozenset({"smtpcore", "smtpcore.lines", "smtpcore.server", "smtpcore.session", "smtpcore.session.server"})


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("smtpcore.lines", "import socket", "the core may not import socket"),
        ("smtpcore.lines", "import os.path", "the core may not import os.path"),
        ("smtpcore.lines", "from time import monotonic", "the core may not import time"),
        ("smtpcore.lines", "import trio", "the core may not import trio"),
        ("smtpcore.lines", "import collections.abc, random", "the core may not import random"),
        ("smtpcore.lines", "import smtpcore_tls", "the core may not import smtpcore_tls"),
        ("smtpcore.lines", "from smtpcore import server", "a layer above"),
        ("smtpcore.lines", "from smtpcore import ServerConnection", "smtpcore.lines may not import smtpcore,"),
        ("smtpcore.lines", "from .server import ServerConnection", "a layer above"),
        ("smtpcore.params.size", "from ..session import server", "may not import smtpcore.session.server"),
        ("smtpcore.spec", "import smtpcore.lines", "a layer above"),
        ("smtpcore.dialogue", "from smtpcore.server import x", "a layer above"),
        ("smtpcore.handler", "from smtpcore.session.server import ServerSession", "a layer above"),
        ("smtpcore.server", "from smtpcore.client import x", "the other role"),
        ("smtpcore.client", "from smtpcore.server import x", "the other role"),
        ("smtpcore.lines", "def f():\n    import ssl", "x.py:2: the core may not import ssl"),
        ("smtpcore.lines", "if TYPE_CHECKING:\n    import asyncio", "x.py:2: the core may not import asyncio"),
        (
            "smtpcore.lines",
            "if TYPE_CHECKING:\n    pass\nelse:\n    from smtpcore import server",
            "x.py:4: smtpcore.lines",
        ),
        ("smtpcore.lines", "from datetime import datetime\ndatetime.now()", "x.py:2: the core may not read a clock"),
        ("smtpcore.lines", "import datetime as d\nd.datetime.utcnow", "the core may not read a clock"),
        ("smtpcore.lines", "open('x')", "the core may not call open()"),
        ("smtpcore.lines", "\n" * 401, "x.py:401: 401 lines"),
        ("smtpcore_tls.engine", "import anyio", "smtpcore_tls.engine may not import anyio"),
        ("smtpcore_tls.engine", "import smtpcore_anyio", "smtpcore_tls may not import smtpcore_anyio"),
        ("smtpcore_memory.pipe", "from smtpcore_blocking.server import serve", "what two adapters share"),
        ("smtpcore_anyio.server", "import smtpcore_cli", "what two adapters share"),
        ("smtpcore_blocking.server", "import trio.abc", "smtpcore_blocking.server may not import trio.abc"),
        ("smtpcore_tls.engine", "from cryptography import x509", "has to work without"),
        ("smtpcore_cli.serve", "import click", "click is no dependency"),
        ("smtpcore_cli.serve", "import smtpcore_testing", "what two adapters share"),
        ("smtpcore_testing.sink", "from smtpcore_cli import main", "what two adapters share"),
        ("smtpcore_testing.sink", "import pytest", "has to work without"),
        ("smtpcore_testing.plugin", "import hypothesis", "has to work without"),
    ],
)
def test_the_checker_finds(module: str, source: str, fault: str) -> None:
    [found] = faults(source, module, "x.py", MODULES)
    assert found.startswith("x.py:")
    assert fault in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("smtpcore.lines", "from __future__ import annotations\nimport re\nfrom collections.abc import Iterator"),
        ("smtpcore.params.size", "from smtpcore.paths import Path\nfrom ..errors import ParseError"),
        ("smtpcore.server", "from smtpcore import lines\nfrom smtpcore.dialogue import Dialogue"),
        ("smtpcore.session.server", "from . import limits\nfrom smtpcore.handler import Handler\nutcnow()"),
        ("smtpcore.handler", "if TYPE_CHECKING:\n    from smtpcore.session.server import ServerSession"),
        ("smtpcore", "from smtpcore.session.server import ServerSession"),
        ("smtpcore.lines", "\n" * 400),
        ("smtpcore_tls.engine", "import ssl\nfrom smtpcore import TlsInfo"),
        ("smtpcore_tls.selfsigned", "def f():\n    from cryptography import x509"),
        ("smtpcore_anyio.server", "import anyio, asyncio, smtpcore_tls\nfrom smtpcore_anyio import streams"),
        ("smtpcore_cli.serve", "import anyio, argparse, smtpcore_anyio, smtpcore_blocking, smtpcore"),
        ("smtpcore_testing.sink", "import smtpcore_blocking, smtpcore_tls, smtpcore_memory"),
        ("smtpcore_testing.strategies", "from hypothesis import strategies"),
    ],
)
def test_the_checker_lets_pass(module: str, source: str) -> None:
    assert faults(source, module, "x.py", MODULES) == []


def test_an_offence_in_a_package_is_found_by_its_own_relative_imports() -> None:
    found = faults("from .session import server", "smtpcore", "smtpcore/__init__.py", MODULES, package=True)
    assert found == []
    found = faults("from ..server import x", "smtpcore.params", "smtpcore/params/__init__.py", MODULES, package=True)
    assert found == [
        "smtpcore/params/__init__.py:1: smtpcore.params may not import smtpcore.server, which is a layer above"
    ]
