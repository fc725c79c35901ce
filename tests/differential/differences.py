"""The table of reasons in docs/differences.md."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "differences.md"

_ROW = re.compile(r"\| `(?P<name>[a-z0-9-]+)` \| (?P<says>.+) \| (?P<by>.+) \|")


def rows() -> list[re.Match[str]]:
    """The rows of the page, in its order."""
    return [row for row in map(_ROW.fullmatch, PAGE.read_text("utf-8").splitlines()) if row is not None]
