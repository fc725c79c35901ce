"""Compiles the busy part of the core and of the anyio adapter by mypyc, in a wheel that is built with SMTPCORE_MYPYC=1.

The wheel then belongs to one version of Python and one platform. The sources stand in it beside the compiled modules,
for type checkers and readers. An editable install is never compiled, since what is edited would not be what runs.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "SMTPCORE_MYPYC"
"""The environment variable that asks for it, by the value 1."""
GROUP = "smtpcore"
"""The compiled modules are one library, smtpcore__mypyc, in which they call each other without Python between them."""

COMPILED = (
    # What every octet, command and reply goes through on the wire.
    "body",
    "chunks",
    "client",
    "common_lines",
    "common_paths",
    "dialogue",
    "effects",
    "lengths",
    "line_ends",
    "lines",
    "reply_reader",
    "server",
    "stuffing",
    # The sessions. A class and those it inherits from are compiled together or not at all, so the client's session
    # comes with the machine that the server's stands on, and the client's stages with their base.
    "session/budget",
    "session/client/body",
    "session/client/login",
    "session/client/opening",
    "session/client/session",
    "session/client/stages",
    "session/client/transaction",
    "session/content",
    "session/express",
    "session/international",
    "session/machine",
    "session/opening",
    "session/pace",
    "session/received",
    "session/server",
    "session/timers",
    # What the server decides at the commands that every message has.
    "session/stages/__init__",
    "session/stages/bdat",
    "session/stages/content",
    "session/stages/data",
    "session/stages/final",
    "session/stages/mail",
    "session/stages/rcpt",
)
"""The modules that are compiled. The others are interpreted, for one of these reasons:

* No class of Python can inherit from a compiled one. Whatever applications fill in or vary stays open to them: Handler,
  BodySink, Chain and the policies, Observer, CredentialStore, the SASL mechanisms; and the values that tests of
  applications make variants of: the commands and events, Path, Reply, Envelope, Message.
* Instances of a compiled class cannot be made without their `__init__`, as Reply.read() does, nor with an argument of
  another type than the declared one, which a Path takes and refuses only when it is to be written.
* It brings nothing, and every module costs compile time: tables and settings (spec, params, configurations, texts),
  which are made once and then only looked at; SASL, whose time goes into hashes; PROXY; commands that a session has
  few of. Compiling those that come nearest to the busy part as well was measured to save no more than 1 % of a message.
  Reply and Path would save 5 % each, if it were not for the reasons above.
"""

COMPILED_ADAPTER = ("protocol", "reactor", "sockets", "transport")
"""What every command goes through between a socket and its session in `smtpcore_anyio`. No application meets these."""


class CompiledCore(BuildHookInterface[Any]):
    """Puts the compiled modules into the wheel."""

    _folder: tempfile.TemporaryDirectory[str] | None = None
    """Where they are made; the wheel is packed from there."""

    def dependencies(self) -> list[str]:
        """What the build needs besides; setuptools knows how extensions are compiled here."""
        # The release that the tests were passed with: what another makes of the same sources would be untested.
        return ["mypy[mypyc]~=2.4.0", "setuptools>=77"] if _is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have what comes of it packed."""
        if version == "editable" or not _is_wanted():
            return
        self._folder = tempfile.TemporaryDirectory(prefix="smtpcore-mypyc-")
        library = Path(self._folder.name, "lib")
        for built in _compile(Path(self.root), library.parent):
            build_data["force_include"][str(built)] = str(built.relative_to(library))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is packed: remove what it was made of."""
        if self._folder is not None:
            self._folder.cleanup()


def _is_wanted() -> bool:
    return os.environ.get(VARIABLE) == "1"


def _compile(root: Path, folder: Path) -> list[Path]:
    """Compile in a folder, and give the extension modules, which are made below ``lib`` in it."""
    # Here, since nothing of it is installed where nothing is compiled.
    from mypyc.build import mypycify
    from setuptools import Distribution

    sources = [
        *(f"smtpcore/{name}.py" for name in COMPILED),
        *(f"adapters/smtpcore_anyio/{name}.py" for name in COMPILED_ADAPTER),
    ]
    # The settings of pyproject.toml are those of work on the project, where new complaints are welcome. Of what the
    # adapter stands on nothing is installed here.
    settings = folder / "mypy.ini"
    settings.write_text("[mypy]\nmypy_path = adapters\nignore_missing_imports = true\n")
    before = Path.cwd()
    os.chdir(root)
    try:
        extensions = mypycify(
            [f"--config-file={settings}", f"--cache-dir={folder / 'cache'}", *sources],
            opt_level="2",
            debug_level="0",
            target_dir=str(folder / "c"),
            group_name=GROUP,
        )
        build = Distribution({"name": GROUP, "ext_modules": extensions}).get_command_obj("build_ext")
        build.build_lib = str(folder / "lib")
        build.build_temp = str(folder / "objects")
        build.ensure_finalized()
        build.run()
    finally:
        os.chdir(before)
    return sorted(path for path in (folder / "lib").rglob("*") if path.is_file())
