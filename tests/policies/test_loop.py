"""Loop detection by counting Received fields."""

from __future__ import annotations

import warnings

import pytest

from smtpcore import Chain, handler
from smtpcore.policies import LoopDetection
from tests.session.driver import Dialogue

LOOP = "554 5.4.6 Too many hops, this is a mail loop\r\n"
FIELD = b"Received: from a.example\r\n\tby b.example; received: never\r\n"


def verdict(content: bytes, limit: int = 100, *, step: int | None = None, chunks: bool = False) -> str:
    """What the message gets, in pieces of so many octets, by DATA or by BDAT."""
    kept: list[bytes] = []
    inbox = handler(message=lambda session, envelope: kept.append(envelope.content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dialogue = Dialogue(handler=Chain(LoopDetection(limit), inbox))
    if chunks:
        dialogue.ready().say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
        content = b"BDAT %d LAST\r\n%b" % (len(content), content)
    else:
        dialogue.in_data()
        content += b".\r\n"
    step = step or len(content)
    written = "".join(dialogue.feed(content[at : at + step]) for at in range(0, len(content), step))
    assert bool(kept) == written.startswith("250 ")
    return written


@pytest.mark.conformance("C358")
@pytest.mark.parametrize("step", [None, 1, 7])
def test_a_hundred_received_fields_pass_and_one_more_is_a_loop(step: int | None) -> None:
    rest = b"Subject: x\r\n\r\nReceived: in the text\r\n"
    assert verdict(FIELD * 100 + rest, step=step).startswith("250 ")
    assert verdict(FIELD * 101 + rest, step=step) == LOOP


@pytest.mark.conformance("C358")
def test_a_limit_below_a_hundred_warns() -> None:
    with pytest.warns(UserWarning, match="RFC 5321 6.3"):
        LoopDetection(99)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LoopDetection(100)
        LoopDetection()


@pytest.mark.parametrize("field", [b"received:x\r\n", b"RECEIVED \t: x\r\n", b"Received: x\n"])
def test_a_field_has_no_case_and_perhaps_white_space_before_its_colon(field: bytes) -> None:
    assert verdict(field * 2 + b"\r\n", 1).startswith("554 ")
    assert verdict(field + b"\r\n" + field, 1) != LOOP


@pytest.mark.parametrize("line", [b"X-Received: x\r\n", b" Received: x\r\n", b"Received-SPF: x\r\n", b"Receive: x\r\n"])
def test_what_only_looks_like_it_is_not_counted(line: bytes) -> None:
    assert verdict(b"Received: x\r\n" + line * 3 + b"\r\n", 1).startswith("250 ")


def test_content_that_is_nothing_but_a_header_is_counted_to_its_last_octet() -> None:
    assert verdict(b"Received: x\r\nReceived: y", 1, chunks=True) == LOOP
    assert verdict(b"Received: x\r\nReceived y", 1, chunks=True).startswith("250 ")
    assert verdict(b"Received: x\r\n", 1, chunks=True).startswith("250 ")
    assert verdict(b"Received: x\r\n\r\nReceived: y", 1, chunks=True).startswith("250 ")


def test_a_line_without_end_is_not_kept() -> None:
    assert verdict(b"Received: x\r\n" + b"y" * 100_000 + b"Received: z\r\n", 1, step=1000).startswith("250 ")
