"""XFORWARD: where a message came from, for the logs and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from smtpcore import Handler, Limits, Peer, ServerSession
from smtpcore.commands.attributes import Attribute, Unavailable
from tests.session.driver import Dialogue, config
from tests.wire import codes

FILTER = Peer("192.0.2.7", 4711)
UNKNOWN = dict.fromkeys(("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"), Unavailable.PERMANENT)
OK = "250 2.0.0"


class Application(Handler):
    """Notes what was forwarded with each message."""

    def __init__(self) -> None:
        self.forwarded: list[Mapping[str, Attribute]] = []

    def message(self, session: ServerSession, envelope: object) -> None:
        self.forwarded.append(session.forwarded)


def content_filter(application: Handler | None = None, peer: Peer = FILTER, **settings: object) -> Dialogue:
    made = config(**{"xforward_networks": ("192.0.2.7",), **settings})
    return Dialogue(made, application, peer=peer).ready()


def code(output: str) -> str:
    return output[:9]


def send(dialogue: Dialogue) -> None:
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    dialogue.say("DATA")
    assert code(dialogue.say("hi", ".")) == OK


def test_it_is_unknown_unless_it_is_configured() -> None:
    assert code(Dialogue().ready().say("XFORWARD NAME=a.test")) == "500 5.5.1"


@pytest.mark.threat("T-PROXY")
def test_only_the_trusted_are_told_of_it_and_served() -> None:
    assert "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE" in content_filter().say("EHLO c.test")
    dialogue = content_filter(peer=Peer("192.0.2.8"), limits=Limits(max_errors=1))
    assert "XFORWARD" not in dialogue.say("EHLO c.test")
    assert codes(dialogue.say("XFORWARD NAME=a", "XFORWARD NAME=a").encode()) == ["550 5.7.1", "421 4.7.0"]
    assert dialogue.session.forwarded == {}


def test_what_is_not_told_is_unavailable_and_later_ones_add() -> None:
    application = Application()
    dialogue = content_filter(application)
    assert codes(dialogue.say("XFORWARD NAME=a.test ADDR=203.0.113.5", "xforward ident=4F addr=IPV6:::1").encode()) == [
        OK,
        OK,
    ]
    send(dialogue)
    assert application.forwarded == [{**UNKNOWN, "NAME": "a.test", "ADDR": "::1", "IDENT": "4F"}]


@pytest.mark.conformance("C303")
def test_it_is_gone_behind_the_message() -> None:
    application = Application()
    dialogue = content_filter(application)
    dialogue.say("XFORWARD NAME=a.test")
    send(dialogue)
    send(dialogue)
    dialogue.say("XFORWARD IDENT=2")
    send(dialogue)
    assert application.forwarded == [{**UNKNOWN, "NAME": "a.test"}, {}, {**UNKNOWN, "IDENT": "2"}]


@pytest.mark.conformance("C303")
@pytest.mark.parametrize("line", ["RSET", "EHLO a.test", "HELO a.test"])
def test_it_is_gone_behind_what_ends_a_transaction(line: str) -> None:
    dialogue = content_filter()
    dialogue.say("XFORWARD NAME=a.test", line)
    assert dialogue.session.forwarded == {}


@pytest.mark.conformance("C303")
def test_it_is_gone_behind_a_refused_message_by_chunks() -> None:
    dialogue = content_filter(limits=Limits(max_message_size=1))
    for chunks in (b"BDAT 2 LAST\r\nab", b"BDAT 2\r\nabBDAT 0 LAST\r\n"):
        dialogue.say("XFORWARD NAME=a.test", "MAIL FROM:<>", "RCPT TO:<b@mx.test>")
        assert codes(dialogue.feed(chunks).encode())[0] == "552 5.3.4"
        assert dialogue.session.forwarded == {}


def test_it_does_not_survive_starttls() -> None:
    dialogue = content_filter(starttls=True)
    dialogue.say("XFORWARD NAME=a.test")
    dialogue.say("STARTTLS")
    dialogue.tls()
    assert dialogue.session.forwarded == {}


def test_it_changes_nothing_else() -> None:
    dialogue = content_filter()
    dialogue.say("XFORWARD NAME=a.test ADDR=203.0.113.5 PORT=9 HELO=b.test")
    session = dialogue.session
    assert (session.peer, session.claimed, session.identity) == (FILTER, {}, None)
    assert session.helo is not None
    assert session.helo.domain == "client.test"


def test_it_may_stand_in_a_group() -> None:
    dialogue = content_filter()
    assert codes(dialogue.say("XFORWARD NAME=a", "MAIL FROM:<>").encode()) == [OK, "250 2.1.0"]
    assert len(dialogue.writes) == 3


def test_within_a_transaction_it_is_out_of_order() -> None:
    dialogue = content_filter()
    said = codes(dialogue.say("XFORWARD NAME=a", "MAIL FROM:<>", "XFORWARD NAME=b", "RCPT TO:<b@mx.test>").encode())
    assert said == [OK, "250 2.1.0", "503 5.5.1", "250 2.1.5"]
    assert dialogue.session.forwarded["NAME"] == "a"


@pytest.mark.parametrize("line", ["XFORWARD", "XFORWARD NAME=a+28b", "XFORWARD LOGIN=bob"])
def test_what_cannot_be_read_changes_nothing(line: str) -> None:
    dialogue = content_filter()
    assert code(dialogue.say(line)) == "501 5.5.4"
    assert dialogue.session.forwarded == {}


def test_trust_goes_by_who_is_there_and_not_by_whom_xclient_names() -> None:
    dialogue = content_filter(xclient_networks=("192.0.2.7",))
    dialogue.say("XCLIENT ADDR=203.0.113.5", "EHLO a.test")
    assert code(dialogue.say("XFORWARD NAME=a.test")) == OK
    dialogue = content_filter(peer=Peer("192.0.2.8"), xclient_networks=("192.0.2.8",))
    dialogue.say("XCLIENT ADDR=192.0.2.7", "EHLO a.test")
    assert code(dialogue.say("XFORWARD NAME=a.test")) == "550 5.7.1"
