"""The users of an auth file as the credential store of a handler, for async adapters."""

from __future__ import annotations

import os

import anyio
from anyio import to_thread

from smtpcore import CredentialStore

from .authfile import Users


class FileCredentials(CredentialStore):
    """Checks passwords in worker threads: a hash is made to be slow, and other sessions must go on meanwhile."""

    def __init__(self, users: Users) -> None:
        self._users = users
        # A hash keeps a processor busy and takes memory; more at once would only let all of them wait longer.
        self._threads = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def verify_password(self, username: str, password: str) -> bool:
        """Whether this is the password of this user."""
        return await to_thread.run_sync(
            self._users.verify, username, password, abandon_on_cancel=True, limiter=self._threads
        )
