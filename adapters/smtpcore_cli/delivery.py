"""Delivery into a Maildir: the folder, and one file on its way from ``tmp`` to ``new``. No SMTP and no event loop.

A file is written in ``tmp``, synced, linked into ``new`` under the same name, and ``new`` is synced: only then is
the message in the Maildir for good. Whoever stops before that, by force or by a fault, leaves at most a file in
``tmp``, which readers of Maildirs ignore and clear away.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable

_FOLDERS = ("tmp", "new", "cur")
# What file systems without hard links say to link().
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
_ATTEMPTS = 10
"""Names that are tried; a second one is needed only if somebody else has made up ours."""
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

_counter = itertools.count(1)


class Abandoned(Exception):
    """The delivery was given up from elsewhere while it was being written."""


class Maildir:
    """A Maildir that messages are delivered into, by any number of threads at once.

    Args:
        path: Its folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        # A name of a host must not look like a folder, or like the flags behind the colon.
        self._host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")

    def prepare(self) -> None:
        """Make what is missing, and find out now rather than with the first message whether it can be written to.

        Raises:
            OSError: It cannot.
        """
        for folder in (self.path, *(os.path.join(self.path, name) for name in _FOLDERS)):
            try:
                os.mkdir(folder, 0o700)
            except FileExistsError:
                if not os.path.isdir(folder):
                    raise
            else:
                sync_folder(os.path.dirname(os.path.abspath(folder)))
        for name in ("tmp", "new"):
            probe = os.path.join(self.path, name, f".{self.unique_name()}")
            os.close(os.open(probe, _CREATE, 0o600))
            os.unlink(probe)

    def unique_name(self) -> str:
        """A file name that no other delivery has: time, random bits, process, count and host."""
        now = time.time_ns()
        middle = f"R{secrets.token_hex(4)}M{now // 1000 % 1_000_000}P{os.getpid()}Q{next(_counter)}"
        return f"{now // 1_000_000_000}.{middle}.{self._host}"

    def deliver(self) -> Delivery:
        """Begin a delivery; nothing is made before something is written."""
        return Delivery(self)


class Delivery:
    """One message on its way into a Maildir.

    ``write`` and ``commit`` block, so they may run in a thread; ``abandon`` may come from any other meanwhile.
    """

    def __init__(self, maildir: Maildir) -> None:
        self._maildir = maildir
        self._lock = threading.Lock()
        self._file: int | None = None
        self._temporary: str | None = None
        self._name = ""
        self._abandoned = False

    def write(self, data: bytes) -> None:
        """Append octets to the file in ``tmp``.

        Raises:
            OSError: They could not be written; what is there is not yet removed.
            Abandoned: The delivery was given up.
        """
        self._exclusively(lambda: self._write(data))

    def commit(self, data: bytes = b"") -> str:
        """Append the last octets and make the message the Maildir's own.

        Returns:
            The name of the file in ``new``.

        Raises:
            OSError: The message is not in the Maildir, and nothing of it is left behind.
            Abandoned: The delivery was given up; nothing is left behind.
        """
        self._exclusively(lambda: self._commit(data))
        return self._name

    def abandon(self) -> None:
        """Give the message up and remove what was written; at once, or when the thread that writes is back.

        It does not block. A message that is already committed stays.
        """
        self._abandoned = True
        if self._lock.acquire(blocking=False):
            try:
                self._remove()
            finally:
                self._lock.release()

    def _exclusively(self, work: Callable[[], None]) -> None:
        try:
            with self._lock:
                self._check()
                work()
        finally:
            if self._abandoned:
                # It may have been given up while the lock was held; then the removal was left to us.
                self.abandon()

    def _check(self) -> None:
        if self._abandoned:
            raise Abandoned

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._create()
        assert self._file is not None
        with memoryview(data) as rest:
            written = 0
            while written < len(rest):
                written += os.write(self._file, rest[written:])

    def _create(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            self._name = self._maildir.unique_name()
            path = os.path.join(self._maildir.path, "tmp", self._name)
            try:
                self._file = os.open(path, _CREATE, 0o600)
            except FileExistsError:
                if attempt == _ATTEMPTS:
                    raise
            else:
                self._temporary = path
                return

    def _commit(self, data: bytes) -> None:
        try:
            self._write(data)
            assert self._file is not None
            os.fsync(self._file)
            # Close before the message shows: on some file systems that is where a write fails at last.
            file, self._file = self._file, None
            os.close(file)
            self._check()
            self._publish()
        finally:
            self._remove()

    def _publish(self) -> None:
        assert self._temporary is not None
        folder = os.path.join(self._maildir.path, "new")
        target = os.path.join(folder, self._name)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _move(self._temporary, target)
                break
            except FileExistsError:
                if attempt == _ATTEMPTS:
                    raise
                self._name = self._maildir.unique_name()
                target = os.path.join(folder, self._name)
        try:
            sync_folder(folder)
        except OSError:
            # Nobody was told that this message is here, so it will come again.
            _unlink(target)
            raise

    def _remove(self) -> None:
        """Close and remove the file in ``tmp``, if there is one."""
        file, self._file = self._file, None
        temporary, self._temporary = self._temporary, None
        if file is not None:
            try:
                os.close(file)
            except OSError:
                pass
        if temporary is not None:
            _unlink(temporary)


def sync_folder(path: str) -> None:
    """Bring the names in a folder to the disk."""
    if os.name == "nt":
        # Windows opens no folders; it keeps their entries in the journal of the file system.
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _move(source: str, target: str) -> None:
    """Give a file another name that is not taken; the old name may stay for its owner to remove."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A rename would replace what is there, but nobody else makes up our names.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        os.rename(source, target)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
