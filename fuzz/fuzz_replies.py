"""Replies as a client reads them.

Properties: RemoteProtocolError and nothing else is raised; however the octets are cut, the same replies come out;
they are within the limits; what was read can be written, line by line valid, and is read back as the same.
"""

from __future__ import annotations

import re

from fuzz.harness import Input, main
from smtpcore import Extensions, RemoteProtocolError, Reply
from smtpcore.lines import InputBuffer
from smtpcore.reply_reader import ReplyLimits, ReplyReader

LIMITS = ReplyLimits(max_line=100, max_lines=5, max_octets=300)
LINE = re.compile(rb"[2-5][0-9]{2}[ -][\t -~]*\r\n")


def read(pieces: list[bytes], *, enhanced: bool) -> list[Reply | None]:
    """The replies, and None at the end for what is none."""
    source = InputBuffer()
    reader = ReplyReader(source, LIMITS)
    found: list[Reply | None] = []
    for piece in pieces:
        source.feed(piece)
        try:
            while (reply := reader.next_reply(enhanced=enhanced)) is not None:
                found.append(reply)
        except RemoteProtocolError:
            return [*found, None]
    return found


def TestOneInput(data: bytes) -> None:
    """Read whole and in pieces; write and read again."""
    given = Input(data)
    enhanced = given.flag()
    places = given.places()
    octets = given.rest()
    found = read([octets], enhanced=enhanced)
    assert found == read(given.cut(octets, places), enhanced=enhanced)
    for reply in found:
        if reply is None:
            continue
        assert len(reply.lines) <= LIMITS.max_lines
        Extensions.read(reply.lines)
        wire = reply.to_wire()
        assert all(LINE.fullmatch(line + b"\r\n") for line in wire.split(b"\r\n")[:-1])
        if enhanced and reply.code != 334:
            source = InputBuffer()
            source.feed(wire)
            again = ReplyReader(source, ReplyLimits()).next_reply(enhanced=True)
            assert again is not None
            assert (again.code, again.enhanced) == (reply.code, reply.enhanced) or reply.enhanced is None


if __name__ == "__main__":
    main(__file__)
