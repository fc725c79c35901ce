"""The end of a session in which nothing can be waited for any more."""

from __future__ import annotations

from collections.abc import Callable

from smtpcore.session import Ask, ServerSession
from smtpcore.session.client import ClientSession


def abandon(session: ServerSession | ClientSession, cause: Exception | None, refuse: Callable[[Ask], None]) -> None:
    """Bring a session to its end, with its handler and its gate told, where no hook can be waited for.

    Args:
        session: Is told that the connection is closed.
        cause: What went wrong; ``None`` where nothing did.
        refuse: Has to settle a hook that wants to be waited for, with ``failed``.

    Raises:
        Exception: An observer has raised; the session is to be left where it stands.
    """
    session.closed(cause)
    # Behind closed() there is nothing but hooks to come.
    while isinstance(step := session.next_step(), Ask):
        refuse(step)
