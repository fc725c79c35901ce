"""Numbers in command lines."""

from __future__ import annotations

from smtpcore.errors import ParseError


def decimal(number: object, lowest: int, highest: int) -> bytes:
    """An integer in decimal digits, with a hyphen before them if it is negative.

    Raises:
        ParseError: It is no integer (True and False are none) or out of range.
    """
    # The range comes first: Python refuses to write numbers of thousands of digits.
    if not isinstance(number, int) or isinstance(number, bool) or not lowest <= number <= highest:
        raise ParseError(f"give an int from {lowest} to {highest}")
    return b"%d" % number
