"""The loop of a client, which reads while it writes and returns when the session is idle."""

from __future__ import annotations

from typing import Final

from smtpcore_tls import Wire

from smtpcore.errors import LocalProtocolError
from smtpcore.session import Idle, Step
from smtpcore.session.client import ClientSession

from .channel import READ, WRITE, Channel
from .loop import StepLoop

_LINGER: Final = 1.0
"""Seconds that a server has to close behind its last reply."""
_MOST_ANSWERS: Final = 64 * 1024
"""Octets that TLS may answer during one write: a peer that reads nothing could make us keep answers without end."""


class ClientLoop(StepLoop):
    """Drives a client's session in the foreground."""

    def __init__(self, channel: Channel, session: ClientSession, wire: Wire) -> None:
        super().__init__(channel, session, wire, next_step=self._unless_idle, linger=_LINGER)
        self._client = session
        self._answers = 0
        self._running = False

    def check(self) -> None:
        """See that nothing else is being done.

        Raises:
            LocalProtocolError: It is, further up in this thread or in another one.
        """
        if self._running:
            raise LocalProtocolError("the client is busy: wait for one thing before you begin another")

    def run(self) -> None:
        """Do all that was submitted; when it returns the session is idle or over.

        Raises:
            LocalProtocolError: It is running already.
        """
        self.check()
        self._running = True
        try:
            super().run()
        finally:
            self._running = False

    def abandon(self, cause: BaseException | None) -> None:
        """End it all at once."""
        super().abandon(cause)
        self._channel.close()

    def _unless_idle(self) -> Step | None:
        step = self._client.next_step()
        return None if type(step) is Idle else step

    def _do(self, step: Step) -> None:
        try:
            super()._do(step)
        except OSError:
            # A server that will not have what is being written may have said why before it closed.
            if not self._read_rest():
                raise

    def _make_room(self) -> None:
        # A server may stop reading until its replies are read, and may refuse content before its end.
        wanted = (self._wire.handshaking or self._client.wants_data) and self._answers < _MOST_ANSWERS
        self._wait(READ | WRITE if wanted else WRITE)
        octets = self._channel.read() if wanted else None
        if octets is not None:
            self._wire.receive(octets)
            answers = self._wire.outgoing()
            self._answers += len(answers)
            self._channel.put(answers)

    def _read_rest(self) -> bool:
        """Read what has come, and take it for the last; whether there was anything."""
        found = False
        try:
            while self._client.wants_data and (octets := self._channel.read()):
                self._wire.receive(octets)
                found = True
        except OSError:
            pass
        if found:
            self._wire.receive(b"")
        return found
