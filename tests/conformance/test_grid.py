"""Every verb in every state, with what it wants, too little and too much: a copy of the rules made by hand.

The order of the checks: the line, the verb, what stands before it (530), the argument, the order, what the
argument says. A cell is the reply, and behind ``>`` the state it leads to where that is another one.
"""

from __future__ import annotations

import pytest

from smtpcore.refusals import Barrier
from smtpcore.replies import Reply
from smtpcore.spec import Dialect, State
from tests.wire import EHLO, HELO, MAIL, RCPT, Talk, accept, connection, drain

LHLO = b"LHLO client.example"
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
    "auth": (220, False, (EHLO, b"AUTH PLAIN"), State.AUTH),
}

# What the codes below have for an enhanced code; a second sign in the cell tells apart what shares a code.
ENHANCED = {
    "220": "2.0.0", "214": "2.0.0", "221": "2.0.0", "235": "2.7.0", "250": "2.0.0", "250m": "2.1.0", "250r": "2.1.5",
    "252": "2.5.0", "334": "", "354": "", "500": "5.5.1", "501": "5.5.4", "501b": "5.5.2", "502": "5.5.1",
    "503": "5.5.1", "530": "5.7.0", "555": "5.5.4", "250h": "", "501h": "", "503h": "", "530h": "",
}  # fmt: skip

WELL_FORMED = """
line                   | greeted   refused   ehlo       helo       tls        authed     mail        rcpt
EHLO c.example         | 250h>READY 503h     250h       250h       250h       250h       250h>READY  250h>READY
HELO c.example         | 250h>READY 503h     250h       250h       250h       250h       250h>READY  250h>READY
LHLO c.example         | 500       500       500        500        500        500        500         500
MAIL FROM:<a@b.c>      | 503       503       250m>MAIL  250m>MAIL  250m>MAIL  250m>MAIL  503         503
RCPT TO:<a@b.c>        | 503       503       503        503        503        503        250r>RCPT   250r
DATA                   | 503       503       503        503        503        503        503         354>DATA
RSET                   | 250       503       250        250        250        250        250>READY   250>READY
NOOP                   | 250       503       250        250        250        250        250         250
VRFY a                 | 252       503       252        252        252        252        252         252
EXPN a                 | 252       503       252        252        252        252        252         252
HELP                   | 214       503       214        214        214        214        214         214
STARTTLS               | 503       503       220>GREETED 503       503        220>GREETED 503        503
AUTH PLAIN             | 503       503       334>AUTH   503        334>AUTH   503        503         503
AUTH PLAIN AGEAYg==    | 503       503       235        503        235        503        503         503
QUIT                   | 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED
BDAT 1 LAST            | 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED
TURN                   | 502       502       502        502        502        502        502         502
SEND FROM:<a@b.c>      | 502       502       502        502        502        502        502         502
SOML FROM:<a@b.c>      | 502       502       502        502        502        502        502         502
SAML FROM:<a@b.c>      | 502       502       502        502        502        502        502         502
ETRN b.c               | 502       502       502        502        502        502        502         502
ATRN                   | 502       502       502        502        502        502        502         502
BURL imap://b.c LAST   | 502       502       502        502        502        502        502         502
XCLIENT NAME=b.c       | 500       500       500        500        500        500        500         500
XFORWARD NAME=b.c      | 500       500       500        500        500        500        500         500
VERB ON                | 500       500       500        500        500        500        500         500
XYZZY                  | 500       500       500        500        500        500        500         500
"""

TOO_LITTLE = """
line                   | greeted   refused   ehlo       helo       tls        authed     mail        rcpt
EHLO                   | 501h      501h      501h       501h       501h       501h       501h        501h
HELO                   | 501h      501h      501h       501h       501h       501h       501h        501h
LHLO                   | 500       500       500        500        500        500        500         500
MAIL                   | 501       501       501        501        501        501        501         501
MAIL FROM:             | 503       503       501b       501b       501b       501b       503         503
RCPT                   | 501       501       501        501        501        501        501         501
RCPT TO:               | 503       503       503        503        503        503        501b        501b
VRFY                   | 501       501       501        501        501        501        501         501
EXPN                   | 501       501       501        501        501        501        501         501
AUTH                   | 501       501       501        501        501        501        501         501
BDAT                   | 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED
ETRN                   | 502       502       502        502        502        502        502         502
XCLIENT                | 500       500       500        500        500        500        500         500
"""

TOO_MUCH = """
line                   | greeted   refused   ehlo       helo       tls        authed     mail        rcpt
EHLO a b               | 250h>READY 503h     250h       250h       250h       250h       250h>READY  250h>READY
HELO a b               | 250h>READY 503h     250h       250h       250h       250h       250h>READY  250h>READY
MAIL FROM:<a@b.c> X    | 503       503       555        555        555        555        503         503
RCPT TO:<a@b.c> X      | 503       503       503        503        503        503        555         555
DATA x                 | 501       501       501        501        501        501        501         501
RSET x                 | 501       501       501        501        501        501        501         501
NOOP x                 | 250       503       250        250        250        250        250         250
VRFY a b               | 252       503       252        252        252        252        252         252
EXPN a b               | 252       503       252        252        252        252        252         252
HELP a b               | 214       503       214        214        214        214        214         214
STARTTLS x             | 501       501       501        501        501        501        501         501
AUTH PLAIN AGEAYg== x  | 503       503       501b       503        501b       503        503         503
QUIT x                 | 501       501       501        501        501        501        501         501
BDAT 1 LAST LAST       | 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED
TURN x                 | 502       502       502        502        502        502        502         502
"""

# Inside an exchange nothing is a command, not even what is the base64 of something by chance.
IN_AN_EXCHANGE = """
line                   | auth
EHLO c.example         | 501b>READY
HELO                   | 235>READY
MAIL FROM:<a@b.c>      | 501b>READY
RCPT TO:<a@b.c>        | 501b>READY
DATA                   | 235>READY
RSET                   | 235>READY
NOOP                   | 235>READY
NOOP x                 | 501b>READY
STARTTLS               | 235>READY
AUTH PLAIN             | 501b>READY
QUIT                   | 235>READY
QUIT x                 | 501b>READY
TURN x                 | 501b>READY
BDAT 1                 | 501b>READY
XYZZY                  | 501b>READY
"""

# RFC 3207 4: everything but these waits for TLS. What is unknown or off is no secret, so it comes first.
WITHOUT_TLS = """
line                   | greeted   ehlo        helo       mail        rcpt
EHLO c.example         | 250h>READY 250h       250h       250h>READY  250h>READY
EHLO                   | 501h      501h        501h       501h        501h
HELO c.example         | 530h      530h        530h       530h        530h
MAIL FROM:<a@b.c>      | 530       530         530        530         530
MAIL                   | 530       530         530        530         530
RCPT TO:<a@b.c>        | 530       530         530        530         530
DATA                   | 530       530         530        530         530
DATA x                 | 530       530         530        530         530
RSET                   | 530       530         530        530         530
NOOP                   | 250       250         250        250         250
VRFY a                 | 530       530         530        530         530
EXPN a                 | 530       530         530        530         530
HELP                   | 530       530         530        530         530
STARTTLS               | 503       220>GREETED 503        503         503
STARTTLS x             | 501       501         501        501         501
AUTH PLAIN             | 530       530         530        530         530
QUIT                   | 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED
QUIT x                 | 501       501         501        501         501
TURN                   | 502       502         502        502         502
BDAT 1                 | 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED
XYZZY                  | 500       500         500        500         500
"""

# RFC 4954 6: everything but these waits for AUTH.
WITHOUT_AUTH = """
line                   | greeted   ehlo        helo       tls
EHLO c.example         | 250h>READY 250h       250h       250h
HELO c.example         | 250h>READY 250h       250h       250h
MAIL FROM:<a@b.c>      | 530       530         530        530
MAIL                   | 530       530         530        530
RCPT TO:<a@b.c>        | 530       530         530        530
DATA                   | 530       530         530        530
RSET                   | 250       250         250        250
NOOP                   | 250       250         250        250
VRFY a                 | 530       530         530        530
EXPN a                 | 530       530         530        530
HELP                   | 530       530         530        530
STARTTLS               | 503       220>GREETED 503        503
AUTH PLAIN             | 503       334>AUTH    503        334>AUTH
AUTH                   | 501       501         501        501
QUIT                   | 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED
ETRN b.c               | 502       502         502        502
BDAT 1                 | 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED
XYZZY                  | 500       500         500        500
"""

LMTP = """
line                   | greeted   refused   ehlo       tls        authed     mail        rcpt
EHLO c.example         | 500       500       500        500        500        500         500
HELO c.example         | 500       500       500        500        500        500         500
EHLO                   | 500       500       500        500        500        500         500
LHLO c.example         | 250h>READY 503h     250h       250h       250h       250h>READY  250h>READY
LHLO                   | 501h      501h      501h       501h       501h       501h        501h
MAIL FROM:<a@b.c>      | 503       503       250m>MAIL  250m>MAIL  250m>MAIL  503         503
RCPT TO:<a@b.c>        | 503       503       503        503        503        250r>RCPT   250r
DATA                   | 503       503       503        503        503        503         354>DATA
RSET                   | 250       503       250        250        250        250>READY   250>READY
NOOP                   | 250       503       250        250        250        250         250
VRFY a                 | 252       503       252        252        252        252         252
HELP                   | 214       503       214        214        214        214         214
STARTTLS               | 503       503       220>GREETED 503       220>GREETED 503        503
AUTH PLAIN             | 503       503       334>AUTH   334>AUTH   503        503         503
QUIT                   | 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED 221>CLOSED
TURN                   | 502       502       502        502        502        502         502
BDAT 1                 | 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED 502>CLOSED
XYZZY                  | 500       500       500        500        500        500         500
"""

NEEDS_TLS = Barrier(Reply(530, "TLS first", "5.7.0"), frozenset((b"NOOP", b"EHLO", b"STARTTLS", b"QUIT")))
NEEDS_AUTH = Barrier(
    Reply(530, "AUTH first", "5.7.0"),
    frozenset((b"AUTH", b"EHLO", b"HELO", b"NOOP", b"RSET", b"QUIT", b"STARTTLS")),
)


def cells(table: str) -> list[tuple[str, str, str]]:
    """Each cell with its line and its column."""
    head, *rows = table.strip().splitlines()
    columns = head.partition("|")[2].split()
    found = []
    for row in rows:
        line, _, rest = row.partition("|")
        found += [(line.rstrip(), column, cell) for column, cell in zip(columns, rest.split(), strict=True)]
    return found


def check(line: str, column: str, cell: str, dialect: Dialect = Dialect.SMTP, barrier: Barrier | None = None) -> None:
    """The line, sent in the state of the column, gets the reply of the cell and leads where it says."""
    greeting, tls, before, state = REACHED[column]
    answer, _, target = cell.partition(">")
    octets = line.encode() + b"\r\n"
    for pieces in ([octets], [octets[i : i + 1] for i in range(len(octets))]):
        conn = connection(dialect=dialect, tls=tls)
        conn.send(Reply(greeting, "mx.example.org"))
        for one in before:
            conn.receive_data((LHLO if dialect is Dialect.LMTP and one == EHLO else one) + b"\r\n")
            drain(conn, Talk(), accept)
        assert conn.state is state
        conn.barrier = barrier
        talk = Talk()
        for piece in pieces:
            conn.receive_data(piece)
            drain(conn, talk, accept)
        assert talk.replies == [f"{answer[:3]} {ENHANCED[answer]}".rstrip()]
        assert conn.state is (State[target] if target else state)


@pytest.mark.conformance("C005", "C016", "C041", "C057", "C061", "C062", "C063", "C064", "C065", "C068", "C215")
@pytest.mark.parametrize(("line", "column", "cell"), cells(WELL_FORMED))
def test_a_command_is_answered_by_the_state_it_stands_in(line: str, column: str, cell: str) -> None:
    check(line, column, cell)
    check(line.lower(), column, cell)


@pytest.mark.conformance("C043", "C047", "C288")
@pytest.mark.parametrize(("line", "column", "cell"), cells(TOO_LITTLE))
def test_a_missing_argument_is_told_before_the_order(line: str, column: str, cell: str) -> None:
    check(line, column, cell)


@pytest.mark.conformance("C070", "C071", "C102", "C104", "C210")
@pytest.mark.parametrize(("line", "column", "cell"), cells(TOO_MUCH))
def test_an_argument_where_none_belongs_is_told_before_the_order(line: str, column: str, cell: str) -> None:
    check(line, column, cell)


@pytest.mark.parametrize(("line", "column", "cell"), cells(IN_AN_EXCHANGE))
def test_inside_an_exchange_nothing_is_a_command(line: str, column: str, cell: str) -> None:
    check(line, column, cell)


@pytest.mark.conformance("C055", "C056", "C282")
@pytest.mark.parametrize(("line", "column", "cell"), cells(LMTP))
def test_lmtp_has_another_greeting_and_else_the_same_order(line: str, column: str, cell: str) -> None:
    check(line, column, cell, Dialect.LMTP)


@pytest.mark.conformance("C216")
@pytest.mark.parametrize(("line", "column", "cell"), cells(WITHOUT_TLS))
def test_where_tls_is_needed_little_works_before_it(line: str, column: str, cell: str) -> None:
    check(line, column, cell, barrier=NEEDS_TLS)


@pytest.mark.conformance("C240")
@pytest.mark.parametrize(("line", "column", "cell"), cells(WITHOUT_AUTH))
def test_where_authentication_is_needed_little_works_before_it(line: str, column: str, cell: str) -> None:
    check(line, column, cell, barrier=NEEDS_AUTH)
