"""XCLIENT: whom a trusted front names, and that nobody else can name anybody (T-PROXY)."""

from __future__ import annotations

import pytest

from smtpcore import Gate, Handler, Limits, Observers, Peer, Reply, ServerSession, SessionLog, Transcript, handler
from smtpcore.commands.attributes import Unavailable
from smtpcore.sasl import Identity
from smtpcore.spec import Dialect, State
from tests.session.driver import Dialogue, Recorder, config, later
from tests.wire import codes

FRONT = Peer("192.0.2.7", 4711, "192.0.2.1", 25)
GREETING = "220 mx.test ESMTP\r\n"
ANNOUNCED = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME"
NOBODY = "550 5.7.1"


class Application(Handler):
    """Notes whom it hears of."""

    def __init__(self, *answers: object) -> None:
        self.seen: list[Peer] = []
        self.traces: list[bytes] = []
        self.answers = list(answers)

    def connect(self, session: ServerSession) -> Reply | None:
        self.seen.append(session.peer)
        return self.answers.pop(0) if self.answers else None  # type: ignore[return-value]

    def message(self, session: ServerSession, envelope: object) -> None:
        self.traces.append(envelope.trace)  # type: ignore[attr-defined]


def front(application: Handler | None = None, peer: Peer = FRONT, **settings: object) -> Dialogue:
    """A dialogue with a front that may use XCLIENT, behind its EHLO."""
    observer, gate = settings.pop("observer", None), settings.pop("gate", None)
    made = config(**{"xclient_networks": ("192.0.2.0/28", "unix"), **settings})
    return Dialogue(made, application, peer=peer, observer=observer, gate=gate).ready()  # type: ignore[arg-type]


def code(output: str) -> str:
    return output[:9]


# Trust.


def test_it_is_unknown_unless_it_is_configured() -> None:
    dialogue = Dialogue().ready()
    assert code(dialogue.say("XCLIENT NAME=a.test")) == "500 5.5.1"
    assert "XCLIENT" not in dialogue.say("EHLO c.test")


@pytest.mark.conformance("C297")
@pytest.mark.threat("T-PROXY")
@pytest.mark.parametrize("peer", [Peer("192.0.2.99"), Peer("2001:db8::1"), Peer("::ffff:192.0.2.99")])
def test_others_hear_nothing_of_it_and_are_refused(peer: Peer) -> None:
    dialogue = front(peer=peer)
    assert "XCLIENT" not in dialogue.say("EHLO c.test")
    assert code(dialogue.say("XCLIENT ADDR=127.0.0.1 LOGIN=admin")) == NOBODY
    assert dialogue.session.peer is peer
    assert dialogue.session.identity is None
    assert dialogue.session.claimed == {}


@pytest.mark.conformance("C297")
@pytest.mark.parametrize("peer", [FRONT, Peer("::ffff:192.0.2.7"), Peer()])
def test_the_trusted_are_told_of_it(peer: Peer) -> None:
    dialogue = front(peer=peer)
    assert ANNOUNCED in dialogue.say("EHLO c.test")
    assert dialogue.say("XCLIENT ADDR=203.0.113.5") == GREETING


def test_an_address_is_no_network_without_one() -> None:
    dialogue = front(xclient_networks=("unix",))
    assert code(dialogue.say("XCLIENT ADDR=203.0.113.5")) == NOBODY
    assert code(front(xclient_networks=("192.0.2.0/28",), peer=Peer()).say("XCLIENT PORT=1")) == NOBODY
    for networks in ("192.0.2.1/28", "example.org", ""):
        with pytest.raises(ValueError, match=r"host bits|does not appear"):
            config(xclient_networks=(networks,))


@pytest.mark.threat("T-PROXY")
def test_a_second_one_is_refused_and_not_announced_though_the_claimed_address_is_trusted() -> None:
    dialogue = front()
    dialogue.say("XCLIENT ADDR=192.0.2.8")
    assert "XCLIENT" not in dialogue.say("EHLO c.test")
    assert code(dialogue.say("XCLIENT ADDR=203.0.113.5")) == NOBODY
    assert dialogue.session.peer.host == "192.0.2.8"


def test_who_is_refused_may_not_ask_for_ever() -> None:
    dialogue = front(peer=Peer("192.0.2.99"), limits=Limits(max_errors=2))
    assert codes(dialogue.say(*["XCLIENT NAME=a"] * 3).encode()) == [NOBODY, NOBODY, "421 4.7.0"]
    assert dialogue.closing


# What it changes.


@pytest.mark.conformance("C298")
def test_the_session_begins_anew() -> None:
    dialogue = front()
    assert (
        dialogue.say("XCLIENT NAME=a.test ADDR=203.0.113.5 PORT=99 DESTADDR=IPV6:2001:db8::9 DESTPORT=26") == GREETING
    )
    session = dialogue.session
    assert session.peer == Peer("203.0.113.5", 99, "2001:db8::9", 26)
    assert session.transport_peer == session.front == FRONT
    assert session.helo is None
    assert session.state is State.GREETED
    assert code(dialogue.say("MAIL FROM:<>")) == "503 5.5.1"
    assert code(dialogue.say("STARTTLS")) == "502 5.5.1"
    assert dialogue.say("EHLO a.test").startswith("250-mx.test\r\n")
    assert code(dialogue.say("MAIL FROM:<>")) == "250 2.1.0"


def test_it_may_come_before_ehlo() -> None:
    dialogue = Dialogue(config(xclient_networks=("192.0.2.7",)), peer=FRONT).greeted()
    assert dialogue.say("XCLIENT ADDR=203.0.113.5") == GREETING
    assert dialogue.session.peer.host == "203.0.113.5"


def test_extensions_are_announced_anew() -> None:
    dialogue = front()
    dialogue.say("XCLIENT ADDR=203.0.113.5", "HELO a.test")
    assert code(dialogue.say("MAIL FROM:<> SIZE=1")) == "555 5.5.4"


@pytest.mark.conformance("C301")
@pytest.mark.parametrize(
    "line",
    [
        "XCLIENT ADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE] NAME=[TEMPUNAVAIL]",
        "xclient addr=[unavailable] destport=[Unavailable] name=[tempunavail]",
    ],
)
def test_what_is_not_told_stays_and_what_is_unavailable_goes(line: str) -> None:
    dialogue = front()
    dialogue.say(line)
    assert dialogue.session.peer == Peer(None, 4711, "192.0.2.1", None)
    assert dialogue.session.claimed == {
        "ADDR": Unavailable.PERMANENT,
        "DESTPORT": Unavailable.PERMANENT,
        "NAME": Unavailable.TEMPORARY,
    }


def test_the_trace_names_whom_the_front_named() -> None:
    application = Application()
    dialogue = front(application)
    dialogue.say("XCLIENT ADDR=203.0.113.5 LOGIN=bob", "EHLO a.test", "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA")
    dialogue.say("hi", ".")
    assert b"from a.test ([203.0.113.5])" in application.traces[0].replace(b"\r\n", b"")
    assert b"with ESMTPA " in application.traces[0]


@pytest.mark.conformance("C363")
def test_a_login_is_an_identity_and_leaves_no_room_for_another() -> None:
    dialogue = front(mechanisms=("ANONYMOUS",), require_auth=True)
    assert dialogue.say("XCLIENT LOGIN=bob") == GREETING
    assert dialogue.session.identity == Identity("bob", mechanism="XCLIENT")
    assert "AUTH" not in dialogue.say("EHLO a.test")
    assert code(dialogue.say("AUTH ANONYMOUS eA==")) == "503 5.5.1"
    assert code(dialogue.say("MAIL FROM:<>")) == "250 2.1.0"


@pytest.mark.parametrize("attribute", ["LOGIN=[UNAVAILABLE]", "ADDR=203.0.113.5"])
def test_who_had_logged_in_before_has_not_any_more(attribute: str) -> None:
    dialogue = front(handler(authenticate=lambda *_: None), mechanisms=("ANONYMOUS",), require_auth=True)
    assert dialogue.say("AUTH ANONYMOUS eA==").startswith("235 ")
    dialogue.say(f"XCLIENT {attribute}")
    assert dialogue.session.identity is None
    assert "250-AUTH ANONYMOUS\r\n" in dialogue.say("EHLO a.test")
    assert code(dialogue.say("MAIL FROM:<>")) == "530 5.7.0"


def test_it_is_served_before_authentication_and_tls_that_are_required() -> None:
    dialogue = front(starttls=True, require_tls=True, mechanisms=("ANONYMOUS",), require_auth=True)
    assert dialogue.say("XCLIENT ADDR=203.0.113.5") == GREETING
    dialogue.say("EHLO a.test")
    assert code(dialogue.say("MAIL FROM:<>")) == "530 5.7.0"


def test_the_gate_is_released_with_the_peer_that_it_counted() -> None:
    gate = Gate(per_address=1)
    dialogue = front(gate=gate)
    dialogue.say("XCLIENT ADDR=203.0.113.5")
    assert Dialogue(peer=FRONT, gate=gate).run().startswith("421 ")
    dialogue.say("QUIT")
    dialogue.close()
    assert Dialogue(peer=FRONT, gate=gate).greeted().receiving


def test_budgets_survive() -> None:
    dialogue = front(limits=Limits(max_errors=3))
    dialogue.say("DATA", "DATA", "XCLIENT ADDR=203.0.113.5", "EHLO a.test")
    assert codes(dialogue.say("DATA", "DATA").encode()) == ["503 5.5.1", "421 4.7.0"]


def test_under_lmtp_the_greeting_says_so() -> None:
    made = config(dialect=Dialect.LMTP, xclient_networks=("192.0.2.7",))
    assert Dialogue(made, peer=FRONT).greeted().say("XCLIENT ADDR=203.0.113.5") == "220 mx.test LMTP\r\n"


# TLS.


@pytest.mark.conformance("C302")
def test_tls_stays_and_is_not_offered_again() -> None:
    dialogue = front(starttls=True)
    dialogue.say("STARTTLS")
    dialogue.tls()
    dialogue.say("EHLO a.test", "XCLIENT ADDR=203.0.113.5")
    assert "STARTTLS" not in dialogue.say("EHLO a.test")
    assert code(dialogue.say("STARTTLS")) == "503 5.5.1"
    assert dialogue.session.tls is not None


@pytest.mark.threat("T-TLS")
def test_what_was_told_in_clear_text_does_not_survive_starttls() -> None:
    dialogue = front(starttls=True)
    dialogue.say("XCLIENT ADDR=203.0.113.5 LOGIN=bob", "EHLO a.test")
    assert dialogue.say("STARTTLS").startswith("220 ")
    dialogue.tls()
    session = dialogue.session
    assert (session.peer, session.claimed, session.identity) == (FRONT, {}, None)
    assert ANNOUNCED in dialogue.say("EHLO a.test")
    assert dialogue.say("XCLIENT ADDR=203.0.113.6") == GREETING


# The hook connect.


def test_the_hook_connect_is_asked_about_the_new_peer() -> None:
    application = Application()
    front(application).say("XCLIENT ADDR=203.0.113.5 PORT=9")
    assert application.seen == [FRONT, Peer("203.0.113.5", 9, "192.0.2.1", 25)]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(554, "Go away", "5.7.1"), "554 5.7.1 mx.test Go away\r\n"),
        (Reply(450, "Later", "4.7.1"), "450 4.7.1 mx.test Later\r\n"),
        (Reply(421, "Busy", "4.3.2"), "421 4.3.2 mx.test Busy\r\n"),
        (Reply(354, "Go on"), "421 4.3.0 mx.test Local error in processing\r\n"),
        (Reply(250, "Yes"), "421 4.3.0 mx.test Local error in processing\r\n"),
        ("yes", "421 4.3.0 mx.test Local error in processing\r\n"),
    ],
)
def test_a_refusal_of_the_new_peer_is_told_and_closes(answer: object, said: str) -> None:
    dialogue = front(Application(None, answer))
    assert dialogue.say("XCLIENT ADDR=203.0.113.5", "NOOP") == said
    assert dialogue.closing


def test_a_greeting_of_the_hooks_own_has_the_name_of_the_server() -> None:
    dialogue = front(Application(None, Reply(220, "Welcome")))
    assert dialogue.say("XCLIENT ADDR=203.0.113.5") == "220 mx.test Welcome\r\n"


def test_a_submission_server_does_not_say_521() -> None:
    dialogue = front(Application(None, Reply(521, "Never")), submission=True)
    assert dialogue.say("XCLIENT ADDR=203.0.113.5").startswith("554 ")


def test_the_hook_may_be_waited_for() -> None:
    application = handler(connect=later)
    dialogue = Dialogue(config(xclient_networks=("192.0.2.7",)), application, peer=FRONT)
    dialogue.run()
    dialogue.answer()
    dialogue.wait(0)
    dialogue.say("EHLO a.test")
    assert dialogue.say("XCLIENT ADDR=203.0.113.5", "EHLO b.test") == ""
    dialogue.asked("connect")
    assert dialogue.answer().startswith(GREETING + "250-mx.test\r\n")
    assert dialogue.session.peer.host == "203.0.113.5"


def test_a_hook_that_is_late_or_a_shutdown_is_421() -> None:
    for end in ("late", "raised", "shutdown"):
        dialogue = Dialogue(config(xclient_networks=("192.0.2.7",)), handler(connect=later), peer=FRONT)
        dialogue.run()
        dialogue.answer()
        dialogue.wait(0)
        dialogue.say("XCLIENT ADDR=203.0.113.5")
        match end:
            case "late":
                said = dialogue.wait(100)
            case "raised":
                said = dialogue.fail(KeyError("secret"))
            case _:
                said = dialogue.shut_down()
        assert code(said) in ("421 4.3.0", "421 4.3.2")
        assert dialogue.closing


# Where it may not stand.


@pytest.mark.conformance("C299")
@pytest.mark.threat("T-PROXY")
def test_within_a_transaction_it_is_out_of_order() -> None:
    dialogue = front()
    assert codes(dialogue.say("MAIL FROM:<>", "XCLIENT ADDR=203.0.113.5").encode()) == ["250 2.1.0", "503 5.5.1"]
    dialogue.say("RCPT TO:<b@mx.test>")
    dialogue.feed(b"BDAT 1\r\na")
    assert code(dialogue.say("XCLIENT ADDR=203.0.113.5")) == "503 5.5.1"
    assert codes(dialogue.feed(b"BDAT 1 LAST\r\nb").encode()) == ["250 2.0.0"]
    assert dialogue.session.peer is FRONT
    assert dialogue.say("XCLIENT ADDR=203.0.113.5") == GREETING


@pytest.mark.threat("T-PROXY")
def test_what_is_pipelined_behind_it_is_the_new_clients() -> None:
    dialogue = front()
    said = codes(dialogue.say("XCLIENT ADDR=203.0.113.5", "MAIL FROM:<>", "EHLO b.test", "MAIL FROM:<>").encode())
    assert said == ["220", "503 5.5.1", "250", "250 2.1.0"]


@pytest.mark.conformance("C300", "C363")
@pytest.mark.parametrize("line", ["XCLIENT", "XCLIENT FOO=1", "XCLIENT HELO=a+0D+0Ab", "XCLIENT ADDR=::1"])
def test_what_cannot_be_read_changes_nothing(line: str) -> None:
    dialogue = front()
    assert code(dialogue.say(line)) == "501 5.5.4"
    assert dialogue.session.claimed == {}
    assert dialogue.say("XCLIENT ADDR=203.0.113.5") == GREETING


# What is written down of it.


@pytest.mark.parametrize(
    "line", ["XCLIENT LOGIN=bob", "xclient login=bob", " XCLIENT LOGIN=bob", "XCLIENT\tLOGIN=bob", "XCLIENT=LOGIN=bob"]
)
def test_observers_do_not_see_what_is_told(line: str) -> None:
    lines: list[str] = []
    recorder = Recorder()
    dialogue = front(observer=Observers(Transcript(lines.append), recorder))
    dialogue.say(line)
    assert recorder.named("received")[1] == ("XCLIENT", "XCLIENT <hidden>")
    assert not any("bob" in line for line in lines)


def test_a_transcript_shows_the_greeting_as_it_went_out() -> None:
    lines: list[str] = []
    dialogue = front(observer=Transcript(lines.append))
    dialogue.say("XCLIENT ADDR=203.0.113.5")
    assert lines[-1].endswith(" S: 220 mx.test ESMTP")


def test_the_log_line_has_both_peers() -> None:
    lines: list[str] = []
    dialogue = front(observer=SessionLog(lines.append))
    dialogue.say("XCLIENT ADDR=203.0.113.5 LOGIN=bob", "QUIT")
    dialogue.close()
    assert lines[0].startswith("disconnect from [203.0.113.5] via=[192.0.2.7]")
    assert " user=bob" in lines[0]
