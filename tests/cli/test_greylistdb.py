"""The greylist in an SQLite file: what it remembers, what it forgets, and what happens when it cannot."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from smtpcore_cli import greylistdb
from smtpcore_cli.greylistdb import FileGreylistStore, SqliteGreylist

DAY = 86400.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "greylist")


@pytest.fixture
def greylist(path: str) -> Iterator[SqliteGreylist]:
    made = SqliteGreylist(path)
    yield made
    made.close()


def test_a_key_is_new_once(greylist: SqliteGreylist) -> None:
    assert greylist.first_seen("a", 100.0, DAY) == 100.0
    assert greylist.first_seen("a", 200.0, DAY) == 100.0
    assert greylist.first_seen("b", 300.0, DAY) == 300.0


def test_a_key_that_was_silent_is_new_again(greylist: SqliteGreylist) -> None:
    greylist.first_seen("a", 100.0, DAY)
    assert greylist.first_seen("a", 100.0 + DAY, DAY) == 100.0
    assert greylist.first_seen("a", 101.0 + 2 * DAY, DAY) == 101.0 + 2 * DAY


def test_it_outlives_the_process(greylist: SqliteGreylist, path: str) -> None:
    greylist.first_seen("a", 100.0, DAY)
    other = SqliteGreylist(path)
    assert other.first_seen("a", 200.0, DAY) == 100.0
    other.close()


def test_the_file_tells_nobody_who_writes_to_whom(greylist: SqliteGreylist, path: str) -> None:
    greylist.first_seen("192.0.2.0/24 ann@client.test bob@mx.test", 100.0, DAY)
    greylist.close()
    assert b"ann@" not in Path(path).read_bytes()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_keys_of_any_text_are_taken(greylist: SqliteGreylist) -> None:
    assert greylist.first_seen("caf\u00e9 \udcff", 1.0, DAY) == 1.0


def test_it_is_bounded_and_what_is_over_is_cleared_away(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greylistdb, "_SWEEP", 10)
    greylist = SqliteGreylist(path, max_keys=5)
    for number in range(101):
        greylist.first_seen(f"{number}", float(number), DAY)
    assert keys(path) == 5
    # Those that were quiet longest have gone.
    assert greylist.first_seen("100", 101.0, DAY) == 100.0
    assert greylist.first_seen("90", 102.0, DAY) == 102.0
    for _ in range(10):
        greylist.first_seen("later", 102.0 + 2 * DAY, DAY)
    assert keys(path) == 1
    greylist.close()


def keys(path: str) -> int:
    """How many there are."""
    base = sqlite3.connect(path)
    [count] = base.execute("SELECT count(*) FROM seen").fetchone()
    base.close()
    return int(count)


def test_a_fault_leaves_no_transaction_open(greylist: SqliteGreylist, path: str) -> None:
    base = sqlite3.connect(path)
    base.execute("ALTER TABLE seen RENAME TO elsewhere")
    with pytest.raises(sqlite3.OperationalError):
        greylist.first_seen("a", 1.0, DAY)
    base.execute("ALTER TABLE elsewhere RENAME TO seen")
    base.close()
    assert greylist.first_seen("a", 2.0, DAY) == 2.0


@pytest.mark.anyio
async def test_the_operator_is_told_of_a_fault(greylist: SqliteGreylist) -> None:
    lines: list[str] = []
    store = FileGreylistStore(greylist, lines.append)
    assert await store.first_seen("a", 1.0, DAY) == 1.0
    greylist.close()
    with pytest.raises(sqlite3.Error):
        await store.first_seen("a", 2.0, DAY)
    assert lines == ["greylist: Cannot operate on a closed database."]
