"""What the tests of pipes in memory have in common."""

from __future__ import annotations

from collections.abc import Generator

from smtpcore_testing.adapter_kit.application import Recorder

from smtpcore.commands import Rcpt
from smtpcore.replies import Reply
from smtpcore.session import ServerConfig, ServerSession, Timeouts

CONFIG = ServerConfig(hostname="mx.test")


def configured(**timeouts: float | None) -> ServerConfig:
    return ServerConfig(hostname="mx.test", timeouts=Timeouts(**timeouts))  # type: ignore[arg-type]


class Pause:
    """Suspends whoever awaits it, once."""

    def __await__(self) -> Generator[str, object, object]:
        return (yield "suspended")


class Asking(Recorder):
    """Its `rcpt` waits."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    async def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        try:
            await Pause()
        finally:
            self.closed += 1
        return None
