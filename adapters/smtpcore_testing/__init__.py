"""What tests import: a mail server for tests of code that sends mail, and tests for those who write adapters.

`SmtpSink` is a real server on a free port of this machine. The pytest plugin, which pytest finds by itself once
smtpcore is installed, gives one to each test that asks for the fixture ``smtp_sink``. `Pipe` and `run` are sessions
without a socket. Nothing is imported before it is asked for, since pytest imports this package in every run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtpcore_memory import Clock, Pipe, run

    from .messages import Message
    from .script import Rule
    from .sink import SmtpSink

__all__ = ["Clock", "Message", "Pipe", "Rule", "SmtpSink", "run"]

_HOMES = {
    "Clock": "smtpcore_memory",
    "Message": "smtpcore_testing.messages",
    "Pipe": "smtpcore_memory",
    "Rule": "smtpcore_testing.script",
    "SmtpSink": "smtpcore_testing.sink",
    "run": "smtpcore_memory",
}
"""Where each public name lives."""


def __getattr__(name: str) -> object:
    """Import what is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
