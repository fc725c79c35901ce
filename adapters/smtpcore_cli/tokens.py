"""The file of bearer tokens: who has one is the user it was issued to."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from typing import TypeAlias

from .userlines import read_lines

Tokens: TypeAlias = Callable[[str], str | None]
"""Whose a token is; None: nobody's."""


def read_tokens(path: str | os.PathLike[str], token_bytes: Callable[[int], bytes]) -> Tokens:
    """Read a file with a line ``user:token`` for each token; a user may have several.

    Raises:
        UsageError: It cannot be read, or a line is none; the message names file and line, and no token.
    """
    key = token_bytes(32)
    users: dict[bytes, str] = {}

    def mark(token: str) -> bytes:
        # How long it takes to look this up tells nothing of the tokens.
        return hmac.digest(key, token.encode("utf-8"), "sha256")

    def take(name: str, text: str) -> None:
        token = text.strip()
        if not token:
            raise ValueError("the token is empty")
        if users.setdefault(mark(token), name) != name:
            raise ValueError("a token that another user has")

    read_lines(path, "token file", take)
    return lambda token: users.get(mark(token))
