"""Our client and Postfix's smtp-sink, which fails where it is told to: at each stage each recipient has its result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from smtpcore.session.client import ClientTimeouts, Delivery, Result, SessionError, Status
from smtpcore.spec import Dialect
from tests.interop.delivering import ACCEPTED, Deliver, Sent, message, outcome
from tests.interop.letters import LARGE
from tests.interop.programs import listens, running, until

pytestmark = pytest.mark.interop("smtp-sink")
Start: TypeAlias = Callable[..., Path]

TEMPORARY, PERMANENT, UNCERTAIN = Status.TEMPORARY, Status.PERMANENT, Status.UNCERTAIN
SOFT, HARD = ("-b", "451 4.7.9 not today"), ("-B", "552 5.7.8 not ever")
SHORT = ClientTimeouts(
    greeting=0.2, hello=0.2, mail=0.2, rcpt=0.2, data=0.2, final=0.2, rset=0.2, quit=0.2, command=0.2
)


@pytest.fixture
def sink(public_folder: Path) -> Iterator[Start]:
    """Start smtp-sink with these flags; where it listens."""
    place = public_folder / "sink"
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    with ExitStack() as stack:

        def start(*flags: str) -> Path:
            log = public_folder / "log"
            process = stack.enter_context(running("smtp-sink", *user, *flags, f"unix:{place}", "9", log=log))
            until(lambda: listens(place) or process.poll() is not None, log.read_text)
            return place

        yield start


def tried(deliver: Deliver, place: Path, sent: Sent, **settings: object) -> Delivery:
    """Deliver to two recipients; where the client does not become ready, the delivery has failed with it."""
    letter = message("b@mx.test", "c@mx.test")
    try:
        deliver(place, letter, sent=sent, **settings)
    except SessionError as error:
        failed = Delivery(letter, [Result(recipient) for recipient in letter.recipients])
        failed.fail(error)
        return failed
    return sent.delivery


STAGES = {
    "CONNECT": "greeting", "EHLO": "hello", "MAIL": "mail", "RCPT": "rcpt", "DATA": "data", ".": "final",
}  # fmt: skip
"""The commands that smtp-sink fails at, and what the client calls it."""


@pytest.mark.parametrize("soft", [True, False], ids=["soft", "hard"])
@pytest.mark.parametrize("command", STAGES)
def test_a_refusal_has_its_stage_and_its_words(sink: Start, deliver: Deliver, command: str, soft: bool) -> None:
    place = sink("-r" if soft else "-f", f"{command},HELO" if command == "EHLO" else command, *SOFT, *HARD)
    sent = Sent()
    delivery = tried(deliver, place, sent)
    status, code, text = (TEMPORARY, 451, "4.7.9 not today") if soft else (PERMANENT, 552, "5.7.8 not ever")
    assert outcome(delivery) == [(status, STAGES[command], code)] * 2, sent.text
    assert [result.text for result in delivery.results] == [f"{code} {text}"] * 2
    assert ("octets of content" in sent.text) == (command == ".")
    assert sent.lines[-1] == "-- closed" or command in ("CONNECT", "EHLO")


@pytest.mark.parametrize("command", ["QUIT", "RSET", "VRFY"])
@pytest.mark.parametrize("flag", ["-f", "-r", "-q", "-Q"])
def test_a_refusal_of_what_does_not_matter_does_not_matter(
    sink: Start, deliver: Deliver, flag: str, command: str
) -> None:
    sent = Sent()
    assert outcome(tried(deliver, sink(flag, command), sent)) == [ACCEPTED] * 2, sent.text


@pytest.mark.parametrize("said", [True, False], ids=["with 421", "without a word"])
@pytest.mark.parametrize("pipelining", [True, False], ids=["in a group", "one by one"])
@pytest.mark.parametrize("command", STAGES)
def test_a_connection_that_is_closed_is_a_temporary_failure_unless_all_was_sent(
    sink: Start, deliver: Deliver, command: str, pipelining: bool, said: bool
) -> None:
    sent = Sent()
    delivery = tried(deliver, sink("-Q" if said else "-q", command), sent, pipelining=pipelining)
    [first, second] = outcome(delivery)
    status = UNCERTAIN if command == "." and not said else TEMPORARY
    assert first == second
    assert first == (status, STAGES[command], 421 if said else None), sent.text
    assert delivery.results[0].text
    assert ("octets of content" in sent.text) == (command == ".")


@pytest.mark.parametrize("soft", [True, False], ids=["soft", "hard"])
def test_behind_a_refusal_the_session_goes_on(sink: Start, deliver: Deliver, soft: bool) -> None:
    sent = deliver(sink("-r" if soft else "-f", "DATA"), message(), message("c@mx.test"))
    status, code = (TEMPORARY, 450) if soft else (PERMANENT, 500)
    assert [outcome(delivery) for delivery in sent.deliveries] == [[(status, "data", code)]] * 2
    assert len(sent.said("EHLO")) == 1


@pytest.mark.parametrize("command", STAGES)
def test_a_reply_that_does_not_come_is_not_waited_for_longer_than_allowed(
    sink: Start, deliver: Deliver, command: str
) -> None:
    sent = Sent()
    # In a group smtp-sink would answer the other commands first.
    delivery = tried(deliver, sink("-p", "-W", f"{command}:20"), sent, timeouts=SHORT)
    status = UNCERTAIN if command == "." else TEMPORARY
    assert outcome(delivery) == [(status, STAGES[command], None)] * 2, sent.text
    assert ("octets of content" in sent.text) == (command == ".")


def test_a_slow_reply_is_waited_for(sink: Start, deliver: Deliver) -> None:
    sent = deliver(sink("-w", "1"))
    assert outcome(sent.delivery) == [ACCEPTED]


@pytest.mark.parametrize("flags", [("-e",), ("-P",), ("-E",), ("-p",), ("-8",), ("-4aCEFN8p",)])
def test_a_server_without_extensions_gets_mail_all_the_same(
    sink: Start, deliver: Deliver, flags: tuple[str, ...]
) -> None:
    sent = deliver(sink(*flags), message(content=LARGE), message("b@mx.test", "c@mx.test"))
    assert [outcome(delivery) for delivery in sent.deliveries] == [[ACCEPTED], [ACCEPTED, ACCEPTED]]


@pytest.mark.parametrize("kind", ["f", "r"])
def test_a_server_that_refuses_ehlo_gets_helo(sink: Start, deliver: Deliver, kind: str) -> None:
    place = sink(f"-{kind}", "EHLO")
    sent = Sent()
    delivery = tried(deliver, place, sent)
    if kind == "f":
        assert (outcome(delivery), sent.said("HELO")) == ([ACCEPTED] * 2, ["HELO client.test"])
    else:
        assert (outcome(delivery), sent.said("HELO")) == ([(TEMPORARY, "hello", 450)] * 2, [])


def test_a_refusal_in_the_middle_of_the_content_is_heard(sink: Start, deliver: Deliver) -> None:
    sent = deliver(sink("-A", "0"), message(content=LARGE * 4))
    assert outcome(sent.delivery) == [(PERMANENT, "content", 550)], sent.text


def test_lmtp_is_refused_for_each_recipient(sink: Start, deliver: Deliver) -> None:
    sent = Sent()
    delivery = tried(deliver, sink("-L", "-f", "."), sent, dialect=Dialect.LMTP)
    assert outcome(delivery) == [(PERMANENT, "final", 500)] * 2, sent.text
