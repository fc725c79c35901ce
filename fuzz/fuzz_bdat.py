"""Chunks among commands: a server's connection with a transaction open.

Properties: nothing is raised; the octets of a chunk are never commands and what stands behind it is; content that is
reported has as many octets as the chunks that were accepted say; of a message with a refused chunk no end is ever
reported; however the octets are cut, the same events come, adjacent parts of content joined.
"""

from __future__ import annotations

from fuzz.harness import Input, main
from smtpcore import BodyChunk, ConnectionClosed, Event, Extensions, Pause, Rejected, Reply, ServerConnection
from smtpcore.commands import Bdat, Ehlo
from smtpcore.events import EndOfBody, EndOfChunk
from smtpcore.replies import EhloReply
from smtpcore.spec import State

EHLO = EhloReply("mx.example", Extensions({"PIPELINING": "", "CHUNKING": "", "BINARYMIME": "", "8BITMIME": ""}))
OPENING = b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"


def events(pieces: list[bytes], refuse: list[bool]) -> list[Event]:
    """What is reported, content joined."""
    connection = ServerConnection(max_chunk=1000)
    connection.send(Reply(220, "mx.example"))
    found: list[Event] = []
    refusals = iter(refuse)
    size = 0
    failed = False
    for piece in [*pieces, b""]:
        for event in connection.receive_data(piece):
            if isinstance(event, BodyChunk):
                size += len(event.data)
                if found and isinstance(found[-1], BodyChunk):
                    found[-1].data += event.data
                    continue
                event = BodyChunk(event.data)
            found.append(event)
            if isinstance(event, Bdat):
                size = 0
            elif isinstance(event, EndOfChunk):
                assert event.size == size
            elif isinstance(event, EndOfBody) and connection.owed is not None and connection.owed.payload:
                assert not failed
            if connection.owed is None:
                continue
            answer = (
                event.reply if isinstance(event, Rejected) else EHLO if isinstance(event, Ehlo) else Reply(250, "OK")
            )
            if isinstance(event, EndOfChunk | EndOfBody) and next(refusals, False):
                answer = Reply(552, "No")
            elif connection.owed.positive is None and not isinstance(event, Rejected):
                answer = Reply(354, "Go on")
            if connection.owed.positive is not None and connection.owed.verb == b"STARTTLS" and answer.positive:
                answer = Reply(454, "Later")
            connection.send(answer)
            failed = connection.state is State.BDAT_FAILED
        if connection.state is State.CLOSED or connection.next_event() == ConnectionClosed():
            break
        assert connection.next_event() is Pause.NEED_DATA
        assert connection.buffered <= 12288 + 2
    return found


def TestOneInput(data: bytes) -> None:
    """Read whole and in pieces."""
    given = Input(data)
    refuse = [given.flag() for _ in range(4)]
    places = given.places()
    octets = OPENING + given.rest()
    assert events([octets], refuse) == events(given.cut(octets, places), refuse)


if __name__ == "__main__":
    main(__file__)
