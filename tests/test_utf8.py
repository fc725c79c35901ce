"""Text of strangers, as it may be shown."""

from __future__ import annotations

import pytest

from smtpcore.utf8 import printable


@pytest.mark.threat("T-UTF8")
def test_what_is_not_printable_is_shown_as_an_escape() -> None:
    assert printable("Grüße an 李\tzwei") == "Grüße an 李\tzwei"
    assert printable("a\r\nb\x1b[2J\x85\u2028") == r"a\x{d}\x{a}b\x{1b}[2J\x{85}\x{2028}"
    # What turns the letters behind it around, or is not seen at all.
    assert printable("\u202eexe\u2066\u200b\xad") == r"\x{202e}exe\x{2066}\x{200b}\x{ad}"
    assert printable("\udcff") == r"\x{dcff}"
