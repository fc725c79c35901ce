"""A greylist that outlives the process: an SQLite file."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable

import anyio
from anyio import to_thread

from smtpcore.policies import GreylistStore

from .errors import UsageError, reason

_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY, first REAL NOT NULL, last REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_last ON seen (last);
"""
_NOTE = """
INSERT INTO seen (key, first, last) VALUES (:key, :now, :now) ON CONFLICT (key) DO UPDATE SET
first = CASE WHEN :now - last > :expiry THEN :now ELSE first END, last = :now
"""
_SWEEP = 1000
"""Looks after which what is over is cleared away."""
_BUSY = 5.0
"""Seconds to wait for another process that writes."""


class SqliteGreylist:
    """The file, used from one thread at a time. It has digests of who writes to whom, and not the addresses.

    Args:
        path: The file; made, for this user only, if it is missing.
        max_keys: About so many are kept; beyond it those that were quiet longest are forgotten.

    Raises:
        UsageError: It cannot be opened, or is something else.
    """

    def __init__(self, path: str, max_keys: int = 1_000_000) -> None:
        self._max_keys = max_keys
        self._lock = threading.Lock()
        self._looks = 0
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            # Isolation None: the transactions are ours to begin.
            self._base = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        except OSError as error:
            raise UsageError(f"cannot use the greylist: {reason(error)}") from error
        try:
            # What a power failure takes from a greylist is no loss: no sync for each recipient.
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = NORMAL")
            self._base.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._base.close()
            raise UsageError(f"cannot use the greylist: {path}: {error}") from error

    def first_seen(self, key: str, now: float, expiry: float) -> float:
        """Note that the key was seen now, and say when it was seen first.

        Raises:
            sqlite3.Error: The file cannot be written.
        """
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        with self._lock:
            self._looks += 1
            self._base.execute("BEGIN IMMEDIATE")
            try:
                self._base.execute(_NOTE, {"key": digest, "now": now, "expiry": expiry})
                [first] = self._base.execute("SELECT first FROM seen WHERE key = ?", (digest,)).fetchone()
                if self._looks % _SWEEP == 1:
                    self._sweep(now, expiry)
            except BaseException:
                self._base.rollback()
                raise
            self._base.commit()
        return float(first)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    def _sweep(self, now: float, expiry: float) -> None:
        self._base.execute("DELETE FROM seen WHERE last < ?", (now - expiry,))
        [count] = self._base.execute("SELECT count(*) FROM seen").fetchone()
        if count > self._max_keys:
            self._base.execute(
                "DELETE FROM seen WHERE key IN (SELECT key FROM seen ORDER BY last LIMIT ?)", (count - self._max_keys,)
            )


class FileGreylistStore(GreylistStore):
    """Looks into the file in a worker thread, for a disk may be slow and other sessions must go on meanwhile.

    Args:
        greylist: The file.
        log: Takes a line for the operator when it fails; the client is then asked to come again.
    """

    def __init__(self, greylist: SqliteGreylist, log: Callable[[str], None]) -> None:
        self._greylist = greylist
        self._log = log
        self._thread = anyio.CapacityLimiter(1)

    async def first_seen(self, key: str, now: float, expiry: float) -> float:
        """Note that the key was seen now."""
        try:
            return await to_thread.run_sync(
                self._greylist.first_seen, key, now, expiry, abandon_on_cancel=True, limiter=self._thread
            )
        except sqlite3.Error as error:
            self._log(f"greylist: {error}")
            raise
