"""Several deadlines at once, by name, and the earliest of them; and the durations that every session needs."""

from __future__ import annotations

from typing import Protocol


class Timers(dict[str, float]):
    """Points in monotonic time at which something is due, in seconds, by name.

    They are set several times for each command, so this is a dictionary with its plain operations, and only what it
    does not have is added.
    """

    __slots__ = ()

    def start(self, name: str, now: float, duration: float | None) -> None:
        """Let a timer expire so many seconds from now; None turns it off."""
        if duration is None:
            self.pop(name, None)
        else:
            self[name] = now + duration

    def bring(self, name: str, at: float) -> None:
        """Let a timer expire at the given time, unless it is set to expire earlier."""
        self[name] = min(at, self.get(name, at))

    def stop(self, *names: str) -> None:
        """Forget timers, running or not."""
        # Few of all that there are run at a time.
        for name in tuple(self):
            if name in names:
                del self[name]

    def expired(self, now: float) -> list[str]:
        """Take the timers whose time has come, the earliest first."""
        names = sorted((name for name, at in self.items() if at <= now), key=self.__getitem__)
        self.stop(*names)
        return names


class StepTimeouts(Protocol):
    """The durations in seconds that the machine itself needs; None where a limit is off."""

    @property
    def write(self) -> float | None:
        """For the transport to take what is sent."""

    @property
    def tls_handshake(self) -> float | None:
        """For the TLS handshake."""

    @property
    def hook(self) -> float | None:
        """For the answer of a hook."""

    @property
    def message_hook(self) -> float | None:
        """For the final answer to a message."""

    @property
    def reply_wait(self) -> float:
        """How long what is ready to be sent may wait before a hook is waited for."""
