from __future__ import annotations

from itertools import product

import pytest

from smtpcore.dialogue import Dialogue
from smtpcore.errors import LocalProtocolError, RemoteProtocolError
from smtpcore.replies import Reply
from smtpcore.spec import BDAT_LAST, COMMANDS, END_OF_DATA, GREETING, PSEUDO, SASL, UNKNOWN, Rule, State

OK, GO_ON, LATER, NO = Reply(250), Reply(354), Reply(450), Reply(550)


def at(state: State, **facts: bool) -> Dialogue:
    dialogue = Dialogue(tls=facts.pop("tls", False))
    dialogue.state = state
    for name, value in facts.items():
        setattr(dialogue, name, value)
    return dialogue


def answered(dialogue: Dialogue, rule: Rule, reply: Reply) -> Dialogue:
    dialogue.move(rule, reply, dialogue.target(rule, reply))
    return dialogue


def test_a_dialogue_begins_before_the_greeting_and_knows_nothing() -> None:
    dialogue = Dialogue()
    assert dialogue.state is State.CONNECTED
    assert not any((dialogue.extended, dialogue.tls, dialogue.authenticated, dialogue.accepted, dialogue.refused))
    assert dialogue.table is COMMANDS
    assert Dialogue(tls=True).tls


@pytest.mark.parametrize("rule", [*COMMANDS.values(), *PSEUDO], ids=lambda rule: rule.verb.decode())
def test_a_reply_leads_somewhere_or_cannot_be_sent(rule: Rule) -> None:
    borders = (Reply(299), Reply(300), Reply(399), Reply(400))
    replies = (OK, GO_ON, LATER, NO, *borders, Reply(421), Reply(250, close=True), Reply(354, close=True))
    for state, reply in product(State, replies):
        moves = rule.positive if reply.positive else rule.intermediate if reply.intermediate else rule.negative
        dialogue = at(state)
        if moves is None or state not in moves:
            with pytest.raises(LocalProtocolError, match="cannot answer"):
                dialogue.target(rule, reply)
            assert dialogue.state is state
        else:
            assert dialogue.target(rule, reply) is (State.CLOSED if reply.close else moves[state])


@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        ("DATA", Reply(250)),
        ("DATA", Reply(250, close=True)),
        ("RCPT", Reply(354)),
        ("QUIT", Reply(334)),
        ("MAIL", GO_ON),
    ],
)
def test_closing_makes_no_reply_fit_that_does_not(verb: str, reply: Reply) -> None:
    with pytest.raises(LocalProtocolError, match=f"{reply.code} cannot answer {verb}; send a reply of another class"):
        at(State.RCPT).target(COMMANDS[verb.encode()], reply)


@pytest.mark.parametrize(
    ("state", "rule", "code", "reached"),
    [
        (State.CONNECTED, GREETING, 220, State.GREETED),
        (State.CONNECTED, GREETING, 400, State.REFUSED),
        (State.READY, COMMANDS[b"MAIL"], 250, State.MAIL),
        (State.READY, COMMANDS[b"MAIL"], 400, State.READY),
        (State.RCPT, COMMANDS[b"DATA"], 300, State.DATA),
        (State.RCPT, COMMANDS[b"QUIT"], 221, State.CLOSED),
        (State.RCPT, COMMANDS[b"NOOP"], 421, State.CLOSED),
        # Out of order, as far as the client knows: there is one place where a yes can lead, or the server stays.
        (State.READY, COMMANDS[b"DATA"], 354, State.DATA),
        (State.READY, COMMANDS[b"DATA"], 503, State.READY),
        (State.DATA, COMMANDS[b"NOOP"], 250, State.DATA),
    ],
)
def test_a_client_sees_where_a_reply_has_led_the_server(state: State, rule: Rule, code: int, reached: State) -> None:
    assert at(state).reached(rule, Reply(code)) is reached


@pytest.mark.parametrize(("verb", "code"), [(b"DATA", 250), (b"DATA", 299), (b"MAIL", 300), (b"RCPT", 354)])
def test_a_reply_of_another_class_than_the_verb_has_is_the_servers_fault(verb: bytes, code: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"{code} cannot answer {verb.decode()}"):
        at(State.RCPT).reached(COMMANDS[verb], Reply(code))


def test_a_message_that_cannot_be_completed_cannot_be_accepted() -> None:
    with pytest.raises(LocalProtocolError, match="BDAT LAST"):
        at(State.BDAT_FAILED).target(BDAT_LAST, OK)


def test_recipients_are_counted_until_the_transaction_ends() -> None:
    rcpt = COMMANDS[b"RCPT"]
    for rule, reply, state in [
        (COMMANDS[b"RSET"], OK, State.RCPT),
        (COMMANDS[b"EHLO"], OK, State.RCPT),
        (COMMANDS[b"LHLO"], OK, State.RCPT),
        (COMMANDS[b"HELO"], OK, State.RCPT),
        (END_OF_DATA, OK, State.DATA),
        (END_OF_DATA, NO, State.DATA),
        (BDAT_LAST, OK, State.BDAT),
        (BDAT_LAST, LATER, State.BDAT),
    ]:
        dialogue = at(State.MAIL)
        for one in (OK, NO, OK, Reply(400)):
            answered(dialogue, rcpt, one)
        assert (dialogue.accepted, dialogue.refused) == (2, 2)
        dialogue.state = state
        answered(dialogue, rule, reply)
        assert (dialogue.accepted, dialogue.refused) == (0, 0)


@pytest.mark.parametrize("verb", [b"RSET", b"EHLO", b"HELO", b"NOOP", b"VRFY"])
def test_what_was_refused_changes_nothing(verb: bytes) -> None:
    dialogue = answered(answered(at(State.MAIL, extended=True), COMMANDS[b"RCPT"], OK), COMMANDS[verb], NO)
    assert (dialogue.state, dialogue.accepted, dialogue.extended) == (State.RCPT, 1, True)


def test_a_hello_says_whether_there_are_extensions() -> None:
    dialogue = answered(at(State.GREETED), COMMANDS[b"EHLO"], OK)
    assert dialogue.extended
    assert not answered(dialogue, COMMANDS[b"HELO"], OK).extended
    assert answered(dialogue, COMMANDS[b"LHLO"], OK).extended


def test_only_a_2yz_authenticates() -> None:
    dialogue = answered(at(State.READY, extended=True), COMMANDS[b"AUTH"], Reply(334))
    assert (dialogue.state, dialogue.authenticated) == (State.AUTH, False)
    answered(dialogue, SASL, Reply(334))
    assert (dialogue.state, dialogue.authenticated) == (State.AUTH, False)
    answered(dialogue, SASL, Reply(535))
    assert (dialogue.state, dialogue.authenticated) == (State.READY, False)
    answered(dialogue, COMMANDS[b"AUTH"], Reply(235))
    assert (dialogue.state, dialogue.authenticated) == (State.READY, True)


@pytest.mark.parametrize(
    ("verb", "facts", "allowed"),
    [
        (b"STARTTLS", {"extended": True}, True),
        (b"STARTTLS", {"extended": True, "authenticated": True}, True),
        (b"STARTTLS", {"extended": False}, False),
        (b"STARTTLS", {"extended": True, "tls": True}, False),
        (b"AUTH", {"extended": True}, True),
        (b"AUTH", {"extended": True, "tls": True}, True),
        (b"AUTH", {"extended": False}, False),
        (b"AUTH", {"extended": True, "authenticated": True}, False),
        (b"MAIL", {}, True),
        (b"RCPT", {"extended": True}, False),
    ],
)
def test_a_verb_is_in_order_by_the_state_and_its_guards(verb: bytes, facts: dict[str, bool], allowed: bool) -> None:
    assert at(State.READY, **facts).allows(COMMANDS[verb]) is allowed
    assert not at(State.CONNECTED, **facts).allows(COMMANDS[verb])


def test_binary_content_does_not_come_by_data() -> None:
    assert at(State.RCPT).allows(COMMANDS[b"DATA"])
    assert at(State.RCPT, authenticated=True, tls=True, extended=True).allows(COMMANDS[b"DATA"])
    assert not at(State.RCPT, binary=True).allows(COMMANDS[b"DATA"])


def test_tls_begins_anew_behind_the_greeting() -> None:
    dialogue = at(State.TLS_HANDSHAKE, extended=True, authenticated=True)
    dialogue.restart()
    assert (dialogue.state, dialogue.tls, dialogue.extended, dialogue.authenticated) == (
        State.GREETED,
        True,
        False,
        False,
    )


def test_the_greeting_and_what_is_unknown_have_moves_too() -> None:
    assert at(State.CONNECTED).target(GREETING, Reply(220)) is State.GREETED
    assert at(State.CONNECTED).target(GREETING, Reply(554)) is State.REFUSED
    assert at(State.CONNECTED).target(GREETING, Reply(421)) is State.CLOSED
    with pytest.raises(LocalProtocolError):
        at(State.READY).target(UNKNOWN, OK)
