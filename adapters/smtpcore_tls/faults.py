"""Faults of the application that no observer is told of: they go to the log of the process."""

from __future__ import annotations

import logging
import traceback

from smtpcore.session import SECRET_STAGES, ServerSession

_logger = logging.getLogger("smtpcore")


def log_fault(session: ServerSession, stage: str, exception: BaseException) -> None:
    """Log what a hook has raised, with its traceback, as an error of the logger ``smtpcore``.

    What a credential store or a mechanism raises may quote a password: of that only the type and the place are logged.
    """
    if stage not in SECRET_STAGES:
        _logger.error("session %s: %s failed", session.id, stage, exc_info=exception)
        return
    frames = traceback.extract_tb(exception.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    _logger.error("session %s: %s failed: %s%s", session.id, stage, type(exception).__name__, place)
