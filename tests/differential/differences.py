"""The table of reasons in docs/differences.md, and what the dialogues have for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.differential.notation import NOTHING, PEERS, Dialogue, Difference

PAGE = Path(__file__).parent.parent.parent / "docs" / "differences.md"

_ROW = re.compile(r"\| `(?P<name>[a-z0-9-]+)` \| (?P<says>.+) \| (?P<by>.+) \|(?P<aiosmtpd>.*)\|(?P<smtp_server>.*)\|")


def rows() -> list[re.Match[str]]:
    """The rows of the page, in its order."""
    return [row for row in map(_ROW.fullmatch, PAGE.read_text("utf-8").splitlines()) if row is not None]


def cells(dialogues: Iterable[Dialogue]) -> dict[str, tuple[str, ...]]:
    """For each reason what the page has to say of each peer: the codes, or what its application gets."""
    seen: dict[str, dict[str, set[str]]] = {}
    for dialogue in dialogues:
        for peer, step, difference in dialogue.all_differences():
            words = step.differences[peer].what.split() if peer in step.differences else [_delivery(difference)]
            seen.setdefault(difference.reason, {}).setdefault(peer, set()).update(words)
    return {name: tuple(", ".join(sorted(found.get(peer, ()))) for peer in PEERS) for name, found in seen.items()}


def _delivery(difference: Difference) -> str:
    return "not delivered" if difference.what == NOTHING else "delivered otherwise"
