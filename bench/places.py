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
COMPILED = CACHE / "compiled"
"""This project as it is installed from a wheel whose core was compiled."""
COMPILED_IMPORTS = {"PYTHONPATH": f"{COMPILED}:{ROOT}", "PYTHONSAFEPATH": "1"}
"""The environment in which that one is imported: the folder that a program is started in does not come first."""
RESULTS = BENCH / "RESULTS.md"
