"""The loop of a client, which reads while it writes and returns when the session is idle."""

from __future__ import annotations

from typing import Final

from smtpcore_tls import TlsError, Wire

from smtpcore.errors import LocalProtocolError
from smtpcore.session import Idle, Send, Step
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

    def _send(self, step: Send) -> None:
        # A transport that takes everything never lets the loop wait, which is where time and replies are seen else.
        if self._overdue():
            self._client.timed_out()
        elif not self._read():
            super()._send(step)
            if self._sending is None:
                self._answers = 0

    def _broken(self, error: OSError | TlsError) -> None:
        # A write may fail in front of replies that came before the reset, and they may say why the server has left.
        try:
            while self._read():
                pass
        except OSError:
            pass  # All that came was read.
        self._client.next_step()
        super()._broken(error)

    def _make_room(self) -> None:
        # A server may stop reading until its replies are read.
        self._wait(READ | WRITE if self._wants_data else WRITE)

    @property
    def _wants_data(self) -> bool:
        return (self._wire.handshaking or self._client.wants_data) and self._answers < _MOST_ANSWERS

    def _read(self) -> bool:
        """Read beside a write, if there is something; it may be a reply that makes the write useless."""
        octets = self._channel.read() if self._wants_data else None
        if octets is None:
            return False
        self._wire.receive(octets)
        answers = self._wire.outgoing()
        self._answers += len(answers)
        self._channel.put(answers)
        return True
