"""The bell that wakes threads."""

from __future__ import annotations

from smtpcore_blocking.bell import Bell, selector


def test_a_bell_is_heard_by_all_until_it_is_cleared() -> None:
    bell = Bell()
    with selector() as first, selector() as second:
        for each in (first, second):
            each.register(bell, 1)
            assert each.select(0) == []
        bell.ring()
        assert bell.rung
        assert first.select(0)
        assert second.select(0)
        bell.clear()
        assert not bell.rung
        assert first.select(0) == []


def test_a_bell_may_be_rung_more_often_than_anybody_listens() -> None:
    bell = Bell()
    for _ in range(100_000):
        bell.ring()
    assert bell.rung
    bell.clear()
    with selector() as watched:
        watched.register(bell, 1)
        assert watched.select(0) == []
