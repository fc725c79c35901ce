"""Where things are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The checkout."""
BENCH = ROOT / "bench"
SERVERS = BENCH / "servers"
CACHE = BENCH / ".cache"
"""What the command installs and compiles; git ignores it, and it may be deleted at any time."""
VENV = CACHE / "venv"
PYTHON = VENV / "bin" / "python"
NODE = CACHE / "node"
IMPORTS = {"PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}"}
"""The environment in which this checkout can be imported."""
RESULTS = BENCH / "RESULTS.md"
