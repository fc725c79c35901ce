"""Dot stuffing both ways, and BDAT's judge of line ends.

Properties: what is written has one terminator, at its end, and no CR or LF that is not part of a CRLF; it is read
back as what was sent with its line ends and a last CRLF; reading never depends on the cuts, defects included; of any
octets that come, content and what stands behind the terminator are told apart in the same way by a reader that is fed
one octet at a time.
"""

from __future__ import annotations

from fuzz.harness import Input, main
from smtpcore import LocalProtocolError
from smtpcore.body import DefectScanner, DotReader
from smtpcore.lines import InputBuffer
from smtpcore.stuffing import DotWriter


def read(pieces: list[bytes]) -> tuple[bytes, int, bool, bytes]:
    """The content, its defects, whether it is complete, and what stands behind it."""
    buffer = InputBuffer()
    reader = DotReader()
    content = b""
    for piece in pieces:
        buffer.feed(piece)
        while not reader.done and (chunk := reader.read(buffer)):
            content += chunk
    return (
        content,
        reader.defects.value if reader.done else 0,
        reader.done,
        buffer.take(len(buffer)) if reader.done else b"",
    )


def TestOneInput(data: bytes) -> None:
    """Write and read back; read what was never written."""
    given = Input(data)
    places = given.places()
    convert = given.flag()
    octets = given.rest()
    pieces = given.cut(octets, places)
    assert read([octets]) == read(pieces) == read([octets[i : i + 1] for i in range(len(octets))])
    whole, parts = DefectScanner(), DefectScanner()
    whole.feed(octets)
    whole.finish()
    for piece in pieces:
        parts.feed(piece)
    parts.finish()
    assert whole.defects == parts.defects
    writer = DotWriter(bare_newlines="convert" if convert else "error", allow_nul=True)
    try:
        wire = b"".join([*map(writer.write, pieces), writer.finish()])
    except LocalProtocolError:
        assert not convert
        return
    assert wire.count(b"\r\n.\r\n") + (wire == b".\r\n") == 1
    rest = wire.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    content, _, done, behind = read([wire])
    assert (done, behind) == (True, b"")
    sent = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n") if convert else octets
    assert content == (sent if not sent or sent.endswith(b"\r\n") else sent + b"\r\n")


if __name__ == "__main__":
    main(__file__)
