"""The line buffer.

Properties: nothing is raised; however the octets are cut, the same lines and faults come out; a line has no CR, LF or
NUL and is within its limit; what is kept is bounded by the limit and what is not read yet.
"""

from __future__ import annotations

from fuzz.harness import Input, main
from smtpcore.lines import InputBuffer, LineFault

LIMIT = 40
DRAIN = 100
AUTH = (b"AUTH ", 60, 120)


def lines(pieces: list[bytes]) -> list[bytes | LineFault]:
    """What comes out."""
    buffer = InputBuffer()
    found: list[bytes | LineFault] = []
    for piece in pieces:
        buffer.feed(piece)
        while (line := buffer.next_line(LIMIT, DRAIN, AUTH)) is not None:
            found.append(line)
            if line is LineFault.DRAIN:
                return found
            if isinstance(line, bytes):
                assert len(line) <= (AUTH[1] if line.upper().startswith(AUTH[0]) else LIMIT) - 2
                assert not any(octet in line for octet in b"\r\n\0")
        assert len(buffer) <= AUTH[1]
    return found


def TestOneInput(data: bytes) -> None:
    """Read the octets whole and in pieces."""
    given = Input(data)
    places = given.places()
    octets = given.rest()
    assert lines([octets]) == lines(given.cut(octets, places)) == lines([octets[i : i + 1] for i in range(len(octets))])


if __name__ == "__main__":
    main(__file__)
