"""How many connections the system lets this process have."""

from __future__ import annotations

import sys

_OTHERS = 128
"""Descriptors for all that is no connection: files that are written, listeners, the event loop."""


def make_room(connections: int | None) -> str | None:
    """Raise the limit of open files, as far as this user may, so that so many connections fit.

    Args:
        connections: None: as many as can be had.

    Returns:
        A warning when they do not fit all the same.
    """
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if connections is None else connections + _OTHERS
    if soft == resource.RLIM_INFINITY or wanted == resource.RLIM_INFINITY or soft >= wanted:
        return None
    best = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
    except (OSError, ValueError):
        # Some systems have a bound of their own below the hard limit.
        best = soft
    if best < wanted:
        return f"warning: the system allows {best} open files, too few for {connections} connections"
    return None
