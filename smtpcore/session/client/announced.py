"""The limits that a server announces for mail transactions (RFC 9422)."""

from __future__ import annotations

import re

from smtpcore.extensions import Extensions

# RFC 9422 3: at most six digits, and a limit of nothing is none.
_LIMIT = re.compile(r"([A-Za-z0-9-]+)=([1-9][0-9]{0,5})")


def limit(extensions: Extensions, name: str) -> int | None:
    """One limit; None where it is not announced. Of what is malformed or unknown each is ignored by itself.

    Args:
        extensions: What is announced.
        name: ``RCPTMAX``, ``MAILMAX`` or ``RCPTDOMAINMAX``.
    """
    for word in extensions.get("LIMITS", "").split(" "):
        found = _LIMIT.fullmatch(word)
        if found is not None and found[1].upper() == name:
            return int(found[2])
    return None
