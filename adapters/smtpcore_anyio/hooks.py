"""Hooks that have to be waited for, and the end of a session in which nothing can be waited for any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

import anyio
import smtpcore_tls

from smtpcore.session import Ask, ServerSession
from smtpcore.session.client import ClientSession

logger = logging.getLogger("smtpcore_anyio")


class Abandoned(Exception):
    """The server was stopped by force, or the task was cancelled, before this hook had answered."""


class Stopped(Abandoned):
    """The server was stopped by force: nothing is wrong with the hook."""


async def settle(session: ServerSession | ClientSession, ask: Ask) -> None:
    """Wait for the hook and tell the session what came of it. A cancellation from outside passes through."""
    try:
        value = await ask.pending
    except Exception as error:
        session.failed(ask, error)
    except anyio.get_cancelled_exc_class():
        if _cancelled():
            raise
        # Something the hook waited for was cancelled by somebody else. That is the hook's failure; taken for a
        # cancellation of this task it would end the whole server.
        session.failed(ask, Abandoned("what the hook waited for was cancelled"))
    else:
        session.answer(ask, value)


def drop(pending: Awaitable[object]) -> None:
    """Let go of what nobody will await: a coroutine is closed, lest Python complain; a future is cancelled."""
    for name in ("close", "cancel"):
        method = getattr(pending, name, None)
        if callable(method):
            method()
            return


def abandon(
    session: ServerSession | ClientSession, awaited: Ask | None = None, cause: BaseException | None = None
) -> None:
    """Bring a session to its end where nothing can be waited for any more.

    Args:
        session: The session; it is told that the connection is closed.
        awaited: The hook whose wait has begun. All others are dropped before they have run.
        cause: What went wrong; None for a server that stops.
    """

    def refuse(ask: Ask) -> None:
        if ask is not awaited:
            drop(ask.pending)
        session.failed(ask, cause if isinstance(cause, Abandoned) else Stopped("the server was stopped"))

    if cause is not None and not isinstance(cause, Exception):
        cause = Abandoned(f"a hook raised {type(cause).__name__}")
    try:
        smtpcore_tls.abandon(session, cause, refuse)
    except Exception:
        logger.exception("internal error at the end of a connection")


def is_asyncio() -> bool:
    """Whether the running backend is asyncio."""
    return anyio.get_cancelled_exc_class() is asyncio.CancelledError


def _cancelled() -> bool:
    """Whether the running task was cancelled, by a scope around it or by asyncio's own means."""
    if anyio.get_current_task().has_pending_cancellation():
        return True
    task = asyncio.current_task() if is_asyncio() else None
    return task is not None and task.cancelling() > 0
