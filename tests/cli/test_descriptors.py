"""Room for connections: the limit of open files is raised, and a limit that is too low is told."""

from __future__ import annotations

import pytest
from smtpcore_cli.descriptors import make_room

resource = pytest.importorskip("resource")
UNLIMITED = resource.RLIM_INFINITY
NEEDED = 1000 + 128


class System:
    """Limits of an imaginary process."""

    def __init__(self, soft: int, hard: int, highest: int | None = None) -> None:
        self.limits = (soft, hard)
        self.highest = highest

    def get(self, which: int) -> tuple[int, int]:
        return self.limits

    def set(self, which: int, limits: tuple[int, int]) -> None:
        if self.highest is not None and limits[0] > self.highest:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("system", "connections", "soft", "warns"),
    [
        (System(5000, 5000), 1000, 5000, False),
        (System(UNLIMITED, UNLIMITED), 1000, UNLIMITED, False),
        (System(1024, 5000), 1000, NEEDED, False),
        (System(1024, UNLIMITED), 1000, NEEDED, False),
        (System(256, 1024), 1000, 1024, True),
        (System(256, UNLIMITED, highest=1024), 1000, 256, True),
        (System(1024, 5000), None, 5000, False),
        (System(1024, UNLIMITED), None, 1024, False),
    ],
)
def test_the_limit_is_raised_as_far_as_needed_and_allowed(
    system: System, connections: int | None, soft: int, warns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", system.get)
    monkeypatch.setattr(resource, "setrlimit", system.set)
    warning = make_room(connections)
    assert system.limits[0] == soft
    assert (warning is not None) == warns
    if warning is not None:
        assert warning == f"warning: the system allows {soft} open files, too few for {connections} connections"
