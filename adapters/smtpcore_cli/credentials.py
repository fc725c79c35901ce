"""The files of users as the credential store of a handler, for async adapters."""

from __future__ import annotations

import os

import anyio
from anyio import to_thread

from smtpcore import CredentialStore, TlsInfo
from smtpcore.sasl import ScramKeys, VerifyToken, saslprep

from .authfile import Users
from .tokens import Tokens


class FileCredentials(CredentialStore):
    """Checks passwords in worker threads: a hash is made to be slow, and other sessions must go on meanwhile.

    Args:
        users: Those with a password.
        tokens: Those with a bearer token.
    """

    def __init__(self, users: Users | None, tokens: Tokens | None = None) -> None:
        self._users = users
        self._tokens = tokens
        # A hash keeps a processor busy and takes memory; more at once would only let all of them wait longer.
        self._threads = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def verify_password(self, username: str, password: str) -> bool:
        """Whether this is the password of this user."""
        if self._users is None:
            return False
        return await to_thread.run_sync(
            self._users.verify, username, password, abandon_on_cancel=True, limiter=self._threads
        )

    def scram_keys(self, username: str, hash_name: str) -> ScramKeys | None:
        """The keys of this user, or made up ones."""
        return None if self._users is None else self._users.scram_keys(username, hash_name)

    def secret(self, username: str) -> str | None:
        """This user's password itself."""
        return None if self._users is None else self._users.secret(username)

    def verify_token(self, query: VerifyToken) -> str | None:
        """Whose token this is."""
        return None if self._tokens is None else self._tokens(query.token)

    def certificate_user(self, tls: TlsInfo, authzid: str) -> str | None:
        """Whom a verified certificate names: by an e-mail address, or else by its common name.

        Of several addresses it is the one that the client wants to be, or the first.
        """
        names = [text for kind, text in tls.peer_alt_names if kind == "email"]
        if not names:
            # One that has several common names has no name that is clear.
            names = [text for kind, text in tls.peer_subject if kind == "commonName"]
            names = names if len(names) == 1 else []
        prepared = [name for name in map(saslprep, names) if name]
        return authzid if authzid in prepared else next(iter(prepared), None)
