"""The reader of PROXY headers, versions 1 and 2.

Properties: nothing but what it documents is raised; however the octets are cut, the same header comes out and the
same octets are left over; a header that was read names addresses that are addresses; what is kept is bounded.
"""

from __future__ import annotations

from ipaddress import ip_address

from fuzz.harness import Input, main
from smtpcore.errors import ParseError
from smtpcore.proxy import ProxyHeader, ProxyReader
from smtpcore.proxy.header import ProxyEndpoint

PROLOGUES = (
    b"",
    b"PROXY TCP4 ",
    b"PROXY TCP6 ",
    b"PROXY UNKNOWN",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\r\n\r\n\0\r\nQUIT\n!\x11",
)


def read(pieces: list[bytes]) -> tuple[ProxyHeader | str | None, bytes]:
    """The header, or that there is none; and what is left over."""
    reader = ProxyReader()
    for number, piece in enumerate(pieces):
        try:
            header = reader.feed(piece)
        except ParseError:
            return "fault", b""
        if header is not None:
            return header, reader.rest + b"".join(pieces[number + 1 :])
    return None, b""


def TestOneInput(data: bytes) -> None:
    """Read whole and in pieces."""
    given = Input(data)
    places = given.places()
    octets = given.choice(PROLOGUES) + given.rest()
    found = read([octets])
    assert found == read(given.cut(octets, places)) == read([octets[i : i + 1] for i in range(len(octets))])
    if isinstance(found[0], ProxyHeader):
        for end in (found[0].source, found[0].destination):
            if isinstance(end, ProxyEndpoint):
                ip_address(end.host)
                assert 0 <= end.port <= 65535


if __name__ == "__main__":
    main(__file__)
