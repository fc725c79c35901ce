"""BINARYMIME (RFC 3030 3): content without lines."""

from __future__ import annotations

import pytest

from smtpcore import Envelope, Handler, ServerSession
from tests.session.driver import Dialogue, config


class Keeper(Handler):
    def __init__(self) -> None:
        self.contents: list[bytes] = []

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        self.contents.append(envelope.content)


def binary(handler: Handler | None = None) -> Dialogue:
    return Dialogue(config(binarymime=True), handler).ready()


def test_it_is_announced_when_configured_and_the_value_is_refused_otherwise() -> None:
    assert "250-BINARYMIME\r\n" in Dialogue(config(binarymime=True)).greeted().say("EHLO c.test")
    assert Dialogue().ready().say("MAIL FROM:<a@b.c> BODY=BINARYMIME").startswith("555 5.5.4 ")


@pytest.mark.conformance("C205")
def test_it_needs_chunking() -> None:
    with pytest.raises(ValueError, match="CHUNKING"):
        config(binarymime=True, chunking=False)


@pytest.mark.conformance("C200")
def test_such_content_cannot_come_by_data() -> None:
    dialogue = binary()
    assert dialogue.say("MAIL FROM:<a@b.c> BODY=binarymime").startswith("250 ")
    assert dialogue.say("RCPT TO:<d@e.f>").startswith("250 ")
    assert dialogue.say("DATA").startswith("503 5.5.1 ")
    assert dialogue.say("RSET").startswith("250 ")
    dialogue.say("MAIL FROM:<a@b.c>")
    dialogue.say("RCPT TO:<d@e.f>")
    assert dialogue.say("DATA").startswith("354 ")


def test_every_octet_comes_through_bdat_unjudged() -> None:
    keeper = Keeper()
    dialogue = binary(keeper)
    dialogue.say("MAIL FROM:<a@b.c> BODY=BINARYMIME")
    dialogue.say("RCPT TO:<d@e.f>")
    content = bytes(range(256)) * 5 + b"\r\r\n.\n\0"
    assert dialogue.feed(b"BDAT %d LAST\r\n%b" % (len(content), content)).startswith("250 ")
    assert keeper.contents == [content]
