"""The limits that a server announces for mail transactions (RFC 9422)."""

from __future__ import annotations

import re

from smtpcore.extensions import Extensions

# RFC 9422 3: at most six digits, and a limit of nothing is none.
_VALUE = re.compile(r"[1-9][0-9]{0,5}")


def limit(extensions: Extensions, name: str) -> int | None:
    """One limit; None where it is not announced.

    Of what is malformed or unknown each is ignored by itself, and a limit that is named twice says nothing.

    Args:
        extensions: What is announced.
        name: ``RCPTMAX``, ``MAILMAX`` or ``RCPTDOMAINMAX``.
    """
    words = (word.partition("=") for word in extensions.get("LIMITS", "").split(" "))
    values = [value for named, _, value in words if named.upper() == name]
    return int(values[0]) if len(values) == 1 and _VALUE.fullmatch(values[0]) else None
