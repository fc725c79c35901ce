"""LMTP with chunks, in every state: a copy of the rules made by hand. The verbs that SMTP has too are in test_grid."""

from __future__ import annotations

import pytest

from smtpcore.events import EndOfBody
from smtpcore.replies import Reply
from smtpcore.spec import Dialect, State
from tests.conformance.test_bdat import cells
from tests.wire import MAIL, RCPT, SERVED, Talk, accept, connection, drain, refuse

LHLO = b"LHLO client.example"
TWO = (LHLO, MAIL, RCPT, RCPT)

REACHED = {
    "greeted": ((), State.GREETED),
    "lhlo": ((LHLO,), State.READY),
    "mail": ((LHLO, MAIL), State.MAIL),
    "rcpt": (TWO, State.RCPT),
    "bdat": ((*TWO, b"BDAT 0"), State.BDAT),
    "failed": ((*TWO, b"BDAT 0 X"), State.BDAT_FAILED),
}

# Two recipients are accepted; a comma stands between the replies to one line.
GRID = """
line         | greeted    lhlo       mail       rcpt            bdat            failed
BDAT 6       | 503        503        503        250>BDAT        250             503
BDAT 6 LAST  | 503        503        503        250,250>READY   250,250>READY   503,503>READY
BDAT 6 X     | 503        503        503        501>BDAT_FAILED 501>BDAT_FAILED 503
BDAT x       | 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED      501>CLOSED      501>CLOSED
"""


def says(data: bytes, before: tuple[bytes, ...], *, refused: bool = False) -> tuple[list[str], State]:
    conn = connection(dialect=Dialect.LMTP, served=SERVED | {b"BDAT"})
    conn.send(Reply(220, "mx.example.org"))
    for one in before:
        conn.receive_data(one + b"\r\n")
        drain(conn, Talk(), accept)
    talk = Talk()
    conn.receive_data(data)
    drain(conn, talk, refuse(EndOfBody) if refused else accept)
    return [reply[:3] for reply in talk.replies], conn.state


@pytest.mark.conformance("C209", "C349", "C350")
@pytest.mark.parametrize(("line", "column", "cell"), cells(GRID))
def test_a_chunk_is_answered_by_the_state_it_stands_in(line: str, column: str, cell: str) -> None:
    codes, _, target = cell.partition(">")
    before, state = REACHED[column]
    replies, reached = says(line.encode() + b"\r\nQUIT\r\n", before)
    assert replies == codes.split(",")
    assert reached is (State[target] if target else state)


@pytest.mark.conformance("C283", "C284")
@pytest.mark.parametrize("message", [b"DATA\r\nhi\r\n.\r\n", b"BDAT 4 LAST\r\nhi\r\n"])
@pytest.mark.parametrize("refused", [False, True])
def test_a_message_has_a_reply_for_each_recipient_and_the_next_command_one(message: bytes, refused: bool) -> None:
    replies, state = says(message + b"NOOP\r\n", TWO, refused=refused)
    assert replies[-3:] == (["550", "550", "250"] if refused else ["250", "250", "250"])
    assert state is State.READY


@pytest.mark.conformance("C282")
def test_data_without_a_recipient_is_503() -> None:
    assert says(b"DATA\r\n", (LHLO, MAIL)) == (["503"], State.MAIL)
