"""C112 to C121: RCPT, and what it counts for."""

from __future__ import annotations

import pytest

from smtpcore.commands import Rcpt
from smtpcore.events import Event
from smtpcore.paths import Path
from smtpcore.replies import Reply
from smtpcore.spec import Dialect
from tests.wire import EHLO, HELO, MAIL, RCPT, STRICT, accept, converse, hold, last, refuse, replies

OK = "250 2.1.5"


def rcpt(path: bytes, **how: object) -> str:
    """What RCPT with this behind the colon is answered with."""
    return last(EHLO, MAIL, b"RCPT TO:" + path, **how)


@pytest.mark.conformance("C112")
@pytest.mark.parametrize("name", [b"Postmaster", b"pOSTMASTER", b"postmaster"])
def test_postmaster_needs_no_domain(name: bytes) -> None:
    assert rcpt(b"<" + name + b">") == rcpt(b"<" + name + b">", leniencies=STRICT) == OK
    assert rcpt(name) == OK
    assert rcpt(name, leniencies=STRICT) == "501 5.5.2"


# (what stands behind TO:, lenient, strict): T-ADDR
FORMS = [
    (b"<>", "501 5.1.3", "501 5.1.3"),
    (b"", "501 5.5.2", "501 5.5.2"),
    (b" <a@b.c>", OK, "501 5.5.2"),
    (b"a@b.c", OK, "501 5.5.2"),
    (b"<a>", "501 5.1.3", "501 5.1.3"),
    (b"<<a@b>>", "501 5.1.3", "501 5.1.3"),
    (b"<a@b>>", "501 5.5.4", "501 5.5.4"),
    (b"<a@b> <c@d>", "501 5.5.4", "501 5.5.4"),
    (b"<a@b>,<c@d>", "501 5.5.4", "501 5.5.4"),
    (b'<"a@b>', "501 5.5.2", "501 5.5.2"),
    (b"<a@b", "501 5.5.2", "501 5.5.2"),
    (b"<@a:>", "501 5.1.3", "501 5.1.3"),
    (b"<@a,:u@d>", "501 5.1.3", "501 5.1.3"),
    (b"<@:u@d>", "501 5.1.3", "501 5.1.3"),
    (b"<@a.b:u@c.d>", OK, OK),
    (b"<a@b@c>", "501 5.1.3", "501 5.1.3"),
    (b"<a b@c>", "501 5.1.3", "501 5.1.3"),
    (b"<(x)a@b>", "501 5.1.3", "501 5.1.3"),
    (b"<a@b(x)>", "501 5.1.3", "501 5.1.3"),
    (b"<postmaster@>", "501 5.1.3", "501 5.1.3"),
    (b"<@b>", "501 5.1.3", "501 5.1.3"),
    (b"<a%b@c>", OK, OK),
    (b"<a!b@c>", OK, OK),
    (b"<|cmd@x>", OK, OK),
    (b"</etc/passwd@x>", OK, OK),
    (b"<-oQ/tmp@x>", OK, OK),
    (b"<${run{x}}@x>", OK, OK),
    (b"<a@123>", OK, OK),
    (b"<a@x_y>", OK, "501 5.1.3"),
    (b"<a.@x>", OK, "501 5.1.3"),
    (b"<a@b.c> FOO=1", "555 5.5.4", "555 5.5.4"),
    (b"<a@b.c> NOTIFY=NEVER", "555 5.5.4", "555 5.5.4"),
    (b"<a@b.c> SIZE=1", "555 5.5.4", "555 5.5.4"),
    (b"<a@b.c> =", "501 5.5.4", "501 5.5.4"),
]


@pytest.mark.conformance("C083", "C113", "C114")
@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize(("path", "lenient", "strict"), FORMS)
def test_a_form_is_taken_by_the_grammar_or_by_a_leniency(path: bytes, lenient: str, strict: str) -> None:
    assert rcpt(path) == lenient
    assert rcpt(path, leniencies=STRICT) == strict


@pytest.mark.conformance("C114", "C121")
def test_source_routes_are_stripped_and_duplicates_kept_in_order() -> None:
    data = b"\r\n".join([EHLO, MAIL, b"RCPT TO:<@a.b:u@c.d>", b"RCPT TO:<u@c.d>", b"RCPT TO:<x@y.z>", b""])
    recipients = [event for event in converse(data).events if isinstance(event, Rcpt)]
    assert recipients == [Rcpt(Path("u", "c.d")), Rcpt(Path("u", "c.d")), Rcpt(Path("x", "y.z"))]


@pytest.mark.conformance("C115")
def test_a_hundred_recipients_are_no_trouble() -> None:
    talk = hold([b"\r\n".join([EHLO, MAIL, *[RCPT] * 100, b"DATA", b""])])
    assert talk.replies == ["250", "250 2.1.0", *["250 2.1.5"] * 100, "354"]


def no_to_first(answers: list[Reply | None]) -> object:
    """Answer the recipients with these, None for yes, and all else with yes."""
    left = list(answers)

    def answer(event: Event) -> Reply | None:
        reply = left.pop(0) if isinstance(event, Rcpt) else None
        return reply or accept(event)

    return answer


@pytest.mark.conformance("C119")
def test_a_refused_recipient_does_not_end_the_transaction() -> None:
    talk = hold(
        [b"\r\n".join([EHLO, MAIL, RCPT, RCPT, b"RCPT TO:<>", RCPT, b"DATA", b""])],
        answer=no_to_first([Reply(550, "No", "5.1.1"), None, Reply(452, "Too many", "4.5.3")]),  # type: ignore[arg-type]
    )
    assert talk.replies[2:] == ["550 5.1.1", OK, "501 5.1.3", "452 4.5.3", "354"]


@pytest.mark.conformance("C124", "C282")
def test_data_with_all_recipients_refused_is_554_and_503_in_lmtp() -> None:
    assert replies(EHLO, MAIL, RCPT, b"DATA", RCPT, b"DATA", answer=refuse(Rcpt))[2:] == [
        "550 5.7.1", "554 5.5.1", "550 5.7.1", "554 5.5.1",
    ]  # fmt: skip
    assert last(EHLO, MAIL, b"RCPT TO:<>", b"DATA") == "554 5.5.1"
    assert last(EHLO, MAIL, b"DATA") == "503 5.5.1"
    assert last(b"LHLO x", MAIL, RCPT, b"DATA", answer=refuse(Rcpt), dialect=Dialect.LMTP) == "503 5.5.1"


@pytest.mark.conformance("C124")
@pytest.mark.parametrize("end", [(b"RSET", MAIL), (EHLO, MAIL), (HELO, MAIL)])
def test_refused_recipients_are_forgotten_with_their_transaction(end: tuple[bytes, ...]) -> None:
    assert last(EHLO, MAIL, RCPT, *end, b"DATA", answer=refuse(Rcpt)) == "503 5.5.1"
