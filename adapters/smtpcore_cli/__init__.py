"""The command ``smtpcore``: a server for the command line, made of the anyio adapter and ready handlers."""

from __future__ import annotations

from .command import main

__all__ = ["main"]
