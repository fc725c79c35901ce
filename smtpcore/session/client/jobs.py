"""What a client session was told to do and has not begun."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from smtpcore.session.client.results import Delivery, Exchange, SessionError

Job: TypeAlias = Delivery | Exchange


class Jobs:
    """Deliveries and exchanges in the order in which they came."""

    __slots__ = ("_refusal", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._refusal: SessionError | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, job: Job) -> None:
        """Let another one wait, or fail it at once where nothing more is taken."""
        if self._refusal is not None:
            job.fail(self._refusal)
        else:
            self._waiting.append(job)

    def next(self) -> Job:
        """Take the one that has waited longest."""
        return self._waiting.popleft()

    def refuse(self, error: SessionError) -> None:
        """Take nothing more."""
        self._refusal = error

    def drop(self, error: SessionError) -> None:
        """Fail all that wait and all that are still to come: who is told of a failure may well try again."""
        self.refuse(error)
        while self._waiting:
            self._waiting.popleft().fail(error)
