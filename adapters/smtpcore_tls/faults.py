"""Faults of the application that no observer is told of: they go to the log of the process."""

from __future__ import annotations

import logging
import traceback

from smtpcore.session import SECRET_STAGES, ServerSession
from smtpcore.utf8 import printable

_logger = logging.getLogger("smtpcore")


def log_fault(session: ServerSession, stage: str, exception: BaseException) -> None:
    """Log what a hook has raised, with its traceback, as an error of the logger ``smtpcore``.

    The text of an exception may quote what a peer has sent, so no line of it begins where a line of a log begins, and
    controls are escaped. What a credential store or a mechanism raises may quote a password: of that only the type and
    the place are logged.
    """
    if stage not in SECRET_STAGES:
        lines = "".join(traceback.format_exception(exception)).rstrip("\n").split("\n")
        text = "\n".join(f"    {printable(line)}" for line in lines)
        _logger.error("session %s: %s failed\n%s", session.id, stage, text)
        return
    frames = traceback.extract_tb(exception.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    _logger.error("session %s: %s failed: %s%s", session.id, stage, type(exception).__name__, place)
