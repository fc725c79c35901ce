"""The command ``smtpcore``: a server made of the anyio adapter, and a client made of the blocking one."""

from __future__ import annotations

from .command import main

__all__ = ["main"]
