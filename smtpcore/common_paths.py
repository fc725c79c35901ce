"""The form of nearly all paths, ``<dot-atom@domain>``: what one flat pattern can tell of them.

It stays below every limit of every profile: 64 octets of local part, one label's worth of domain. Its repeats are
possessive, so no octet is looked at twice (T-ADDR). Two dots in a row, and hyphens beside dots, it does not see.
"""

from __future__ import annotations

ATEXT = rb"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
"""The inside of a character class (RFC 5321 4.1.2); the hyphen is escaped because something may follow it there."""

_LOCAL = rb"(?!\.)[.%b]{1,64}+(?<!\.)" % ATEXT
_HOST = rb"(?![.-])[A-Za-z0-9.-]{1,63}+(?<![.-])"

COMMON_PATH = rb"<%b@%b>" % (_LOCAL, _HOST)
COMMON_PATH_GROUPS = rb"(<(%b)@(%b)>)" % (_LOCAL, _HOST)
"""The same with groups for the octets of the path, its local part and its domain."""


def may_be_doubtful(octets: bytes) -> bool:
    """Whether any of many paths in these octets may hold what the pattern does not see."""
    return b".." in octets.replace(b"-", b".")


def is_common(local: str, host: str) -> bool:
    """Whether what the pattern has found is a path indeed."""
    return not (".." in local or ".." in host or ".-" in host or "-." in host)
