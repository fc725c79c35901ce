"""When a worker that has ended gets a successor, and when none is tried any more."""

from __future__ import annotations

from smtpcore_cli.restarts import Restarts

LONG = 3600.0
SHORT = 0.1


def test_who_has_served_long_has_a_successor_at_once() -> None:
    restarts = Restarts()
    assert [restarts.ended(LONG, served=True) for _ in range(20)] == [0.0] * 20
    assert not restarts.hopeless


def test_the_wait_grows_with_each_that_ends_at_once_and_has_a_bound() -> None:
    restarts = Restarts()
    waits = [restarts.ended(SHORT, served=True) for _ in range(9)]
    assert waits == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    # They served: an attacker who can end them must not end it all.
    assert not restarts.hopeless


def test_a_row_may_be_as_long_as_it_likes() -> None:
    restarts = Restarts()
    assert [restarts.ended(SHORT, served=True) for _ in range(3000)][-1] == 5.0


def test_one_that_lives_ends_the_row() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.ended(SHORT, served=True)
    assert restarts.ended(LONG, served=True) == 0.0
    assert [restarts.ended(SHORT, served=True) for _ in range(3)] == [0.0, 0.25, 0.5]


def test_five_in_a_row_that_never_served_are_hopeless() -> None:
    restarts = Restarts()
    hopes = []
    for _ in range(5):
        restarts.ended(SHORT, served=False)
        hopes.append(restarts.hopeless)
    assert hopes == [False, False, False, False, True]


def test_one_that_serves_gives_hope_again() -> None:
    restarts = Restarts()
    for _ in range(4):
        restarts.ended(SHORT, served=False)
    restarts.served()
    restarts.ended(SHORT, served=False)
    assert not restarts.hopeless
