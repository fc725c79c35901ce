"""ETRN (RFC 1985): where it is served, and what the application answers."""

from __future__ import annotations

import pytest

from smtpcore import Handler, Limits, Reply, ServerSession, handler
from smtpcore.commands import Etrn
from tests.session.driver import Dialogue, config, later
from tests.wire import codes


class Queues(Handler):
    def __init__(self, answer: object = None) -> None:
        self.asked: list[Etrn] = []
        self._answer = answer

    def etrn(self, session: ServerSession, command: Etrn) -> Reply | None:
        self.asked.append(command)
        return self._answer  # type: ignore[return-value]


def served(application: Handler | None = None, **settings: object) -> Dialogue:
    return Dialogue(config(etrn=True, **settings), application).ready()


def code(output: str) -> str:
    return output[:9]


def test_it_is_off_unless_it_is_configured() -> None:
    dialogue = Dialogue(handler=Queues()).ready()
    assert code(dialogue.say("ETRN client.test")) == "502 5.5.1"
    assert "ETRN" not in dialogue.say("EHLO c.test")
    assert "ETRN" in served().say("EHLO c.test")


def test_it_is_accepted_unless_the_application_says_otherwise() -> None:
    queues = Queues()
    assert code(served().say("ETRN client.test")) == "250 2.0.0"
    assert code(served(queues).say("etrn @client.test")) == "250 2.0.0"
    assert queues.asked == [Etrn("client.test", "@")]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(251, "No messages waiting", "2.0.0"), "251 2.0.0"),
        (Reply(252, "Pending messages started", "2.0.0"), "252 2.0.0"),
        (Reply(253, "7 pending messages started"), "253 2.0.0"),
        (Reply(458, "Unable to queue"), "458 4.5.0"),
        (Reply(459, "Not allowed", "4.7.1"), "459 4.7.1"),
        (Reply(354, "Go on"), "451 4.3.0"),
        ("yes", "451 4.3.0"),
    ],
)
def test_the_application_answers(answer: object, said: str) -> None:
    dialogue = served(Queues(answer))
    assert code(dialogue.say("ETRN #slow")) == said
    assert code(dialogue.say("NOOP")) == "250 2.0.0"


def test_the_application_may_be_waited_for() -> None:
    dialogue = served(handler(etrn=later))
    dialogue.say("ETRN client.test")
    dialogue.asked("etrn")
    assert code(dialogue.answer(Reply(251, "None", "2.0.0"))) == "251 2.0.0"


@pytest.mark.conformance("C296")
def test_it_has_no_place_in_a_transaction_or_before_ehlo_or_behind_helo() -> None:
    dialogue = Dialogue(config(etrn=True)).greeted()
    said = dialogue.say("ETRN a.test", "HELO a.test", "ETRN a.test", "EHLO a.test")
    assert codes(said.encode()) == ["503 5.5.1", "250", "503 5.5.1", "250"]
    assert codes(dialogue.say("MAIL FROM:<>", "ETRN a.test").encode()) == ["250 2.1.0", "503 5.5.1"]


@pytest.mark.parametrize("line", ["ETRN", "ETRN @", "ETRN #", "ETRN a b"])
def test_without_a_name_nobody_is_asked(line: str) -> None:
    queues = Queues()
    assert code(served(queues).say(line)) == "501 5.5.4"
    assert queues.asked == []


def test_who_asks_and_asks_is_cut_off() -> None:
    dialogue = served(limits=Limits(max_noops=3))
    assert codes(dialogue.say(*["ETRN a.test"] * 3).encode()) == ["250 2.0.0", "250 2.0.0", "421 4.7.0"]
