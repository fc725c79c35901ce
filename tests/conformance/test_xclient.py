"""XCLIENT, XFORWARD and ETRN in every state: a copy of the rules made by hand."""

from __future__ import annotations

import pytest

from smtpcore.refusals import Barrier
from smtpcore.replies import Reply
from smtpcore.spec import State
from tests.conformance.test_bdat import REACHED, cells
from tests.wire import SERVED, Talk, accept, connection, drain

EVERYTHING = SERVED | {b"BDAT", b"ETRN", b"XCLIENT", b"XFORWARD"}

GRID = """
line              | greeted refused ehlo        helo        tls         authed      mail rcpt helorcpt bdat failed sent
XCLIENT NAME=b.c  | 220     503     220>GREETED 220>GREETED 220>GREETED 220>GREETED 503  503  503      503  503    220>GREETED
XCLIENT           | 501     501     501         501         501         501         501  501  501      501  501    501
XCLIENT FOO=1     | 501     503     501         501         501         501         503  503  503      503  503    501
XFORWARD NAME=b.c | 250     503     250         250         250         250         503  503  503      503  503    250
XFORWARD          | 501     501     501         501         501         501         501  501  501      501  501    501
XFORWARD FOO=1    | 501     503     501         501         501         501         503  503  503      503  503    501
ETRN b.c          | 503     503     250         503         250         250         503  503  503      503  503    250
ETRN              | 501     501     501         501         501         501         501  501  501      501  501    501
ETRN @            | 503     503     501         503         501         501         503  503  503      503  503    501
"""  # noqa: E501


def answer(line: str, column: str, barrier: Barrier | None = None) -> tuple[list[str], State]:
    greeting, tls, before, state = REACHED[column]
    conn = connection(served=EVERYTHING, tls=tls)
    conn.send(Reply(greeting, "mx.example.org"))
    for one in before:
        conn.receive_data(one + b"\r\n")
        drain(conn, Talk(), accept)
    assert conn.state is state
    conn.barrier = barrier
    talk = Talk()
    conn.receive_data(line.encode() + b"\r\n")
    drain(conn, talk, accept)
    return talk.replies, conn.state


@pytest.mark.conformance("C296", "C298", "C299", "C363")
@pytest.mark.parametrize(("line", "column", "cell"), cells(GRID))
def test_a_front_is_answered_by_the_state_it_speaks_in(line: str, column: str, cell: str) -> None:
    code, _, target = cell.partition(">")
    replies, state = answer(line, column)
    assert [reply[:3] for reply in replies] == [code]
    assert state is (State[target] if target else REACHED[column][3])
    assert answer(line.lower(), column) == (replies, state)


def test_the_second_greeting_has_no_enhanced_code_as_the_first_has_none() -> None:
    assert answer("XCLIENT NAME=b.c", "ehlo")[0] == ["220"]


def test_what_stands_before_other_commands_does_not_stand_before_a_front() -> None:
    barrier = Barrier(Reply(530, "First", "5.7.0"), frozenset((b"XCLIENT", b"XFORWARD")))
    assert answer("XCLIENT NAME=b.c", "ehlo", barrier)[0] == ["220"]
    assert answer("XFORWARD NAME=b.c", "ehlo", barrier)[0] == ["250 2.0.0"]
    assert answer("ETRN b.c", "ehlo", barrier)[0] == ["530 5.7.0"]


@pytest.mark.conformance("C298")
def test_behind_it_the_dialogue_begins_anew() -> None:
    conn = connection(served=EVERYTHING)
    conn.send(Reply(220, "mx.example.org"))
    talk = Talk()
    conn.receive_data(b"EHLO a.test\r\nXCLIENT NAME=b.c\r\nMAIL FROM:<>\r\nHELO b.c\r\nMAIL FROM:<> SIZE=1\r\n")
    drain(conn, talk, accept)
    assert talk.replies == ["250", "220", "503 5.5.1", "250", "555 5.5.4"]
