"""The scanner of paths.

Properties: PathError and nothing else is raised; what is read is written, without a control character or a second
``>``, and read back as the same path; strict reading takes nothing that lenient reading does not; the pattern for the
common form and the scanner agree.
"""

from __future__ import annotations

from functools import partial

from fuzz.harness import Input, main, raises
from smtpcore.leniencies import Leniencies
from smtpcore.paths import Path, PathError, _Scanner, scan_path

STRICT = Leniencies.strict()
LENIENT = Leniencies()


def TestOneInput(data: bytes) -> None:
    """Read one path by every rule."""
    given = Input(data)
    utf8 = given.flag()
    octets = b"<" + given.rest() if given.flag() else given.rest()
    found: dict[bool, tuple[Path, int] | None] = {}
    for strict, leniencies in ((True, STRICT), (False, LENIENT)):
        found[strict] = raises(partial(scan_path, octets, 0, leniencies=leniencies, utf8=utf8), PathError)
        scanner = _Scanner(octets, 0, leniencies, utf8)
        slow = raises(scanner.path, PathError)
        assert (None if slow is None else (slow, scanner.pos)) == found[strict]
    if found[True] is not None:
        assert found[False] == found[True]
    lenient = found[False]
    if lenient is None:
        return
    path, end = lenient
    assert 0 < end <= len(octets)
    wire = raises(path.to_wire, PathError)
    if wire is not None:
        assert wire.isascii() or utf8
        assert not any(octet < 32 or octet == 127 for octet in wire)
        assert Path.parse(wire, utf8=True) == path


if __name__ == "__main__":
    main(__file__)
