"""The form of nearly all paths, ``<dot-atom@domain>``: what one flat pattern can tell of them.

It stays below every limit of every profile: 64 octets of local part, one label's worth of domain. Its repeats are
possessive, so it never goes back over what it has read (T-ADDR). Two dots in a row, and hyphens beside dots, it does
not see.
"""

from __future__ import annotations

ATEXT = rb"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
"""The inside of a character class (RFC 5321 4.1.2); the hyphen is escaped because something may follow it there."""

_LOCAL = rb"(?!\.)[.%b]{1,64}+(?<!\.)" % ATEXT
_HOST = rb"(?![.-])[A-Za-z0-9.-]{1,63}+(?<![.-])"

COMMON_PATH = rb"<%b@%b>" % (_LOCAL, _HOST)
COMMON_PATH_GROUPS = rb"(<(%b)@(%b)>)" % (_LOCAL, _HOST)
"""The same with groups for the octets of the path, its local part and its domain."""


def first_doubt(octets: bytes) -> int:
    """Where something begins that the pattern does not see and that may make no path of one of these; -1 if nowhere."""
    if b".." not in octets.replace(b"-", b"."):
        return -1
    return min((at for at in map(octets.find, (b"..", b".-", b"-.")) if at >= 0), default=-1)


def is_common(local: str, host: str) -> bool:
    """Whether what the pattern has found is a path indeed."""
    return not (".." in local or ".." in host or ".-" in host or "-." in host)
