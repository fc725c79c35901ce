"""How long each line may be: the settings, and what the extensions in force add (RFC 5321 4.5.3.1.4, 4.1.1.11)."""

from __future__ import annotations

from smtpcore.extensions import NONE, Extensions

_DRAIN_ROOM = 1024


class LineLengths:
    """The limits of the lines of one dialogue, all in octets with the CRLF.

    The verb is known only when the line is there, so lines are read up to the largest limit and measured
    against their own when they have come.

    Args:
        command: The limit of a command line, what extensions add apart.
        auth: The limit of an AUTH command or a SASL response (RFC 4954 4).
        drain: Octets of a line that nobody can read that are discarded.
    """

    __slots__ = ("_drain", "_extensions", "auth", "command", "drain", "longest")

    longest: int
    """The largest of all limits."""
    drain: int
    """What is discarded before the dialogue has to end; never so little that a line which is only too long
    would not get its 500."""

    def __init__(self, command: int, auth: int, drain: int) -> None:
        self.command = command
        self.auth = auth
        self._drain = drain
        self.put_in_force(NONE)

    def put_in_force(self, extensions: Extensions) -> None:
        """Extensions were announced, or forgotten with NONE."""
        self._extensions = extensions
        self.longest = max(self.command + max(extensions.mail_room, extensions.rcpt_room), self.auth)
        self.drain = max(self._drain, self.longest + _DRAIN_ROOM)

    def limit(self, verb: bytes) -> int:
        """The limit of the lines of a verb, which is given in upper case."""
        if verb == b"MAIL":
            return self.command + self._extensions.mail_room
        if verb == b"RCPT":
            return self.command + self._extensions.rcpt_room
        return self.auth if verb == b"AUTH" else self.command
