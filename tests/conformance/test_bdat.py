"""BDAT in every state, and every verb between chunks: a copy of the rules made by hand, and the rows of the list."""

from __future__ import annotations

import pytest

from smtpcore.commands import Rcpt
from smtpcore.events import EndOfBody
from smtpcore.replies import Reply
from smtpcore.spec import State
from tests.wire import EHLO, HELO, MAIL, RCPT, SERVED, Talk, accept, connection, drain, refuse

CHUNKING = SERVED | {b"BDAT", b"ETRN", b"XCLIENT", b"XFORWARD"}
LOGGED_IN = b"AUTH PLAIN AGEAYg=="

# How each column is reached: the greeting, whether TLS is on, the lines before, and the state then.
REACHED = {
    "greeted": (220, False, (), State.GREETED),
    "refused": (554, False, (), State.REFUSED),
    "ehlo": (220, False, (EHLO,), State.READY),
    "helo": (220, False, (HELO,), State.READY),
    "tls": (220, True, (EHLO,), State.READY),
    "authed": (220, False, (EHLO, LOGGED_IN), State.READY),
    "mail": (220, False, (EHLO, MAIL), State.MAIL),
    "rcpt": (220, False, (EHLO, MAIL, RCPT), State.RCPT),
    "helorcpt": (220, False, (HELO, MAIL, RCPT), State.RCPT),
    "bdat": (220, False, (EHLO, MAIL, RCPT, b"BDAT 0"), State.BDAT),
    "failed": (220, False, (EHLO, MAIL, RCPT, b"BDAT 0 X"), State.BDAT_FAILED),
    "sent": (220, False, (EHLO, MAIL, RCPT, b"BDAT 0 LAST"), State.READY),
}

# Each line with six octets behind it, which would be a command if they were read as one.
CHUNKS = """
line            | greeted refused ehlo helo tls  authed mail rcpt            helorcpt        bdat            failed    sent
BDAT 6          | 503     503     503  503  503  503    503  250>BDAT        503>BDAT_FAILED 250             503       503
BDAT 6 LAST     | 503     503     503  503  503  503    503  250>READY       503>READY       250>READY       503>READY 503
BDAT 6 FIRST    | 503     503     503  503  503  503    503  501>BDAT_FAILED 503>BDAT_FAILED 501>BDAT_FAILED 503       503
BDAT 6 LAST X   | 503     503     503  503  503  503    503  501>BDAT_FAILED 503>BDAT_FAILED 501>BDAT_FAILED 503       503
BDAT x          | 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED
BDAT            | 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED 501>CLOSED
BDAT 101        | 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED 552>CLOSED
"""  # noqa: E501

BETWEEN = """
line                | bdat       failed     sent
EHLO c.example      | 250>READY  250>READY  250
EHLO                | 501        501        501
HELO c.example      | 250>READY  250>READY  250
LHLO c.example      | 500        500        500
MAIL FROM:<a@b.c>   | 503        503        250>MAIL
MAIL                | 501        501        501
RCPT TO:<a@b.c>     | 503        503        503
RCPT TO:            | 503        503        503
DATA                | 503        503        503
DATA x              | 501        501        501
RSET                | 250>READY  250>READY  250
RSET x              | 501        501        501
NOOP                | 250        250        250
VRFY a              | 252        252        252
VRFY                | 501        501        501
EXPN a              | 252        252        252
HELP                | 214        214        214
STARTTLS            | 503        503        220>GREETED
AUTH PLAIN          | 503        503        334>AUTH
AUTH                | 501        501        501
ETRN b.c            | 503        503        250
XCLIENT NAME=b.c    | 503        503        220>GREETED
XFORWARD NAME=b.c   | 503        503        250
QUIT                | 221>CLOSED 221>CLOSED 221>CLOSED
QUIT x              | 501        501        501
TURN                | 502        502        502
BURL imap://b.c     | 502        502        502
XYZZY               | 500        500        500
"""


def cells(table: str) -> list[tuple[str, str, str]]:
    """Each cell with its line and its column."""
    head, *rows = table.strip().splitlines()
    columns = head.partition("|")[2].split()
    found = []
    for row in rows:
        line, _, rest = row.partition("|")
        found += [(line.rstrip(), column, cell) for column, cell in zip(columns, rest.split(), strict=True)]
    return found


def check(line: str, payload: bytes, column: str, cell: str) -> None:
    greeting, tls, before, state = REACHED[column]
    answer, _, target = cell.partition(">")
    octets = line.encode() + b"\r\n" + payload
    for pieces in ([octets], [octets[i : i + 1] for i in range(len(octets))]):
        conn = connection(served=CHUNKING, tls=tls, max_chunk=100)
        conn.send(Reply(greeting, "mx.example.org"))
        for one in before:
            conn.receive_data(one + b"\r\n")
            drain(conn, Talk(), accept)
        assert conn.state is state
        talk = Talk()
        for piece in pieces:
            conn.receive_data(piece)
            drain(conn, talk, accept)
        assert [reply[:3] for reply in talk.replies] == [answer]
        assert conn.state is (State[target] if target else state)


@pytest.mark.conformance("C193", "C196", "C198", "C201", "C202", "C203")
@pytest.mark.parametrize(("line", "column", "cell"), cells(CHUNKS))
def test_a_chunk_is_answered_by_the_state_it_stands_in_and_its_octets_are_never_run(
    line: str, column: str, cell: str
) -> None:
    check(line, b"QUIT\r\n", column, cell)
    check(line.lower(), b"QUIT\r\n", column, cell)


@pytest.mark.conformance("C199", "C201", "C204", "C296", "C299")
@pytest.mark.parametrize(("line", "column", "cell"), cells(BETWEEN))
def test_a_verb_between_chunks_is_answered_by_the_state_it_stands_in(line: str, column: str, cell: str) -> None:
    check(line, b"", column, cell)


def says(data: bytes, *, refused: type | None = None) -> tuple[list[str], list[bytes]]:
    """The replies behind EHLO, and the messages that were complete."""
    conn = connection(served=CHUNKING)
    conn.send(Reply(220, "mx.example.org"))
    conn.receive_data(EHLO + b"\r\n" + data)
    talk = Talk()
    drain(conn, talk, accept if refused is None else refuse(refused))
    return [reply[:3] for reply in talk.replies[1:]], talk.content


OPEN = MAIL + b"\r\n" + RCPT + b"\r\n"


@pytest.mark.conformance("C192")
def test_data_still_works() -> None:
    assert says(OPEN + b"DATA\r\nhi\r\n.\r\n") == (["250", "250", "354", "250"], [b"hi\r\n"])


@pytest.mark.conformance("C198")
def test_a_chunk_behind_the_last_one_is_drained_and_refused() -> None:
    assert says(OPEN + b"BDAT 1 LAST\r\naBDAT 1\r\nbNOOP\r\n") == (["250", "250", "250", "503", "250"], [b"a"])


@pytest.mark.conformance("C204")
def test_the_transaction_goes_on_behind_what_stands_between_its_chunks() -> None:
    between = b"MAIL FROM:<x@y.z>\r\nRCPT TO:<x@y.z>\r\nNOOP\r\nVRFY a\r\n"
    replies, content = says(OPEN + b"BDAT 1\r\na" + between + b"BDAT 1 LAST\r\nb")
    assert replies == ["250", "250", "250", "503", "503", "250", "252", "250"]
    assert content == [b"ab"]


@pytest.mark.conformance("C345")
def test_chunks_may_come_with_mail_and_rcpt_in_one_segment() -> None:
    sent = OPEN + b"BDAT 3 LAST\r\na\r\nQUIT\r\n"
    assert says(sent) == (["250", "250", "250", "221"], [b"a\r\n"])
    assert says(sent, refused=Rcpt) == (["250", "550", "503", "221"], [])


@pytest.mark.conformance("C347")
def test_rset_drops_what_was_sent() -> None:
    assert says(OPEN + b"BDAT 3\r\nabcRSET\r\n" + OPEN + b"BDAT 3 LAST\r\ndef")[1] == [b"def"]


def test_a_last_chunk_that_is_refused_is_one_reply() -> None:
    assert says(OPEN + b"BDAT 1 LAST\r\naNOOP\r\n", refused=EndOfBody)[0] == ["250", "250", "550", "250"]
