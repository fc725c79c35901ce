"""How long each line may be: the settings, and what the extensions in force add (RFC 5321 4.5.3.1.4, 4.1.1.11)."""

from __future__ import annotations

from functools import lru_cache

from smtpcore.extensions import Extensions
from smtpcore.lines import Longer

_DRAIN_ROOM = 1024


class LineLengths:
    """The limits of the lines of a dialogue, all in octets with the CRLF. Nothing changes in it: dialogues share it.

    The verb is known only when the line is there, so lines are read up to the largest limit and measured
    against their own when they have come.

    Args:
        command: The limit of a command line, what extensions add apart.
        auth: The limit of an AUTH command or a SASL response (RFC 4954 4).
        drain: Octets of a line that nobody can read that are discarded.
        mail_room: Octets that extensions add to a MAIL line.
        rcpt_room: The same for a RCPT line.
    """

    __slots__ = ("_drain", "_mail", "_rcpt", "auth", "auth_drain", "command", "drain", "longer", "longest")

    longest: int
    """As much as is kept of any line but those of AUTH, to be measured: no less than the largest of their limits."""
    drain: int
    """What is discarded of a line before the dialogue has to end; never so little that one which is only too long
    would not get its 500."""
    auth_drain: int
    """The same for the lines of AUTH."""
    longer: Longer | None
    """The lines of AUTH, where they are longer than what is kept of others."""

    def __init__(self, command: int, auth: int, drain: int, mail_room: int = 0, rcpt_room: int = 0) -> None:
        self.command = command
        self.auth = auth
        self._drain = drain
        self._mail = command + mail_room
        self._rcpt = command + rcpt_room
        least = max(self._mail, self._rcpt)
        self.longest = max(least, min(auth, drain))
        self.drain = max(drain, least + _DRAIN_ROOM)
        self.auth_drain = max(drain, auth + _DRAIN_ROOM)
        self.longer = (b"AUTH ", auth, self.auth_drain) if self.longest < auth else None

    def under(self, extensions: Extensions) -> LineLengths:
        """The same limits where these extensions, and no others, are in force."""
        return line_lengths(self.command, self.auth, self._drain, extensions.mail_room, extensions.rcpt_room)

    def limit(self, verb: bytes) -> int:
        """The limit of the lines of a verb, which is given in upper case."""
        if verb == b"MAIL":
            return self._mail
        if verb == b"RCPT":
            return self._rcpt
        return self.auth if verb == b"AUTH" else self.command


@lru_cache(maxsize=64)
def line_lengths(command: int, auth: int, drain: int, mail_room: int = 0, rcpt_room: int = 0) -> LineLengths:
    """`LineLengths`, the same for the same numbers: all connections of a server have one."""
    return LineLengths(command, auth, drain, mail_room, rcpt_room)
