"""A server that stops: 421 at once outside a transaction, in one after its final reply, in any case in time."""

from __future__ import annotations

import pytest

from smtpcore import CredentialStore, Gate, Reply, handler
from smtpcore.session import Send, StartTls
from tests.session.driver import PLAIN_BOB, Dialogue, Later, config, later
from tests.session.test_closing import asking

STOP = "421 4.3.2 mx.test Service shutting down\r\n"


@pytest.mark.conformance("C078")
@pytest.mark.parametrize("where", ["greeted", "ready"])
def test_a_shutdown_outside_a_transaction_is_a_421_at_once(where: str) -> None:
    dialogue = getattr(Dialogue(), where)()
    assert dialogue.shut_down() == STOP
    assert dialogue.closing
    assert not dialogue.cut


def test_a_shutdown_before_the_greeting_greets_with_421() -> None:
    for dialogue in Dialogue(), Dialogue(handler=handler(connect=later)):
        dialogue.run()
        assert dialogue.shut_down() == "421 mx.test Service shutting down\r\n"
        assert dialogue.closing
    assert Dialogue().shut_down() == "421 mx.test Service shutting down\r\n"


def test_a_shutdown_in_an_exchange_is_a_421_at_once() -> None:
    settings = config(mechanisms=("LOGIN",), plaintext_auth_without_tls=True)
    dialogue = Dialogue(settings).ready()
    dialogue.say("AUTH LOGIN")
    assert dialogue.shut_down() == STOP
    assert dialogue.closing


def test_a_shutdown_while_a_refused_peer_dawdles_is_a_421_at_once() -> None:
    dialogue = Dialogue(handler=handler(connect=lambda *_: Reply(554, "No")))
    dialogue.run()
    dialogue.wait(0)
    assert dialogue.shut_down() == STOP


@pytest.mark.conformance("C078")
@pytest.mark.parametrize("where", ["mailing", "in_data"])
def test_a_transaction_goes_on_to_its_final_reply(where: str) -> None:
    dialogue = getattr(Dialogue(), where)()
    assert dialogue.shut_down() == ""
    if where == "mailing":
        assert dialogue.say("DATA").startswith("354")
    assert dialogue.say("hi", ".", "MAIL FROM:<>") == "250 2.0.0 Message accepted\r\n" + STOP
    assert dialogue.closing


def test_a_transaction_that_is_given_up_ends_the_session_too() -> None:
    dialogue = Dialogue().mailing()
    dialogue.shut_down()
    assert dialogue.say("RSET") == "250 2.0.0 OK\r\n" + STOP


@pytest.mark.parametrize("where", ["mailing", "in_data"])
def test_when_the_grace_is_over_it_is_a_421_wherever_it_stands(where: str) -> None:
    dialogue = getattr(Dialogue(), where)()
    dialogue.shut_down(grace=5)
    assert dialogue.session.deadline == dialogue.now + 5
    assert dialogue.wait(4) == ""
    assert dialogue.wait(1) == STOP
    assert dialogue.closing


def test_the_final_hook_is_waited_for_until_the_grace_is_over() -> None:
    dialogue = Dialogue(handler=handler(message=later)).in_data()
    dialogue.say("hi", ".")
    ask = dialogue.asked("message")
    assert dialogue.shut_down(grace=5) == ""
    assert dialogue.step is ask
    assert dialogue.answer() == "250 2.0.0 Message accepted\r\n" + STOP
    dialogue = Dialogue(handler=handler(message=later)).in_data()
    dialogue.say("hi", ".")
    ask = dialogue.asked("message")
    dialogue.shut_down(grace=5)
    assert dialogue.wait(5) == STOP
    assert dialogue.closing
    dialogue.session.answer(ask, None)
    assert dialogue.run() == ""


@pytest.mark.parametrize(
    ("hook", "line"),
    [("mail", "MAIL FROM:<>"), ("helo", "EHLO x.test"), ("credentials", PLAIN_BOB), ("vrfy", "VRFY x")],
)
def test_a_shutdown_outside_a_transaction_waits_for_no_hook(hook: str, line: str) -> None:
    class Slow(CredentialStore):
        def verify_password(self, username: str, password: str) -> Later:  # type: ignore[override]
            return Later()

    hooks = {} if hook == "credentials" else {hook: later}
    settings = config(mechanisms=("PLAIN",), plaintext_auth_without_tls=True)
    dialogue = Dialogue(settings, handler(credentials=Slow(), **hooks))
    (dialogue.greeted() if hook == "helo" else dialogue.ready()).say(line)
    ask = dialogue.asked(hook)
    assert dialogue.shut_down().startswith("421 ")
    assert dialogue.closing
    dialogue.session.answer(ask, None)
    dialogue.run()
    assert dialogue.closing
    assert not dialogue.writes[-1].startswith(b"250")


def test_a_grace_of_nothing_is_taken_at_its_word() -> None:
    dialogue = Dialogue().in_data()
    dialogue.shut_down(grace=0)
    assert dialogue.wait(0) == STOP
    assert dialogue.closing


def test_a_second_shutdown_never_lengthens_the_grace_and_may_shorten_it() -> None:
    dialogue = Dialogue().in_data()
    dialogue.shut_down(grace=10)
    start = dialogue.now
    dialogue.shut_down(grace=60)
    assert dialogue.session.deadline == start + 10
    dialogue.session.shutdown(7)
    dialogue.session.shutdown(3)
    dialogue.session.shutdown(5)
    dialogue.run()
    assert dialogue.session.deadline == start + 3


def test_the_end_of_the_grace_ends_the_wait_for_a_hook_behind_a_broken_connection() -> None:
    ends = asking(message=later)
    gate = Gate()
    dialogue = Dialogue(handler=ends, gate=gate).in_data()
    dialogue.say("hi", ".")
    dialogue.close(ConnectionResetError())
    ask = dialogue.asked("message")
    dialogue.shut_down(grace=5)
    assert dialogue.step is ask
    assert dialogue.wait(5) == ""
    assert dialogue.over
    assert gate.open == 0
    assert len(ends.causes) == 1


def test_the_end_of_the_grace_ends_the_wait_for_disconnect() -> None:
    dialogue = Dialogue(handler=handler(disconnect=later)).ready()
    dialogue.close()
    dialogue.asked("disconnect")
    dialogue.shut_down(grace=5)
    dialogue.wait(5)
    assert dialogue.over


def test_a_shutdown_during_a_handshake_waits_for_its_end() -> None:
    dialogue = Dialogue(config(starttls=True)).ready()
    dialogue.say("STARTTLS")
    assert dialogue.shut_down() == ""
    assert isinstance(dialogue.step, StartTls)
    assert dialogue.tls() == STOP
    assert dialogue.closing


def test_when_the_grace_is_over_in_a_handshake_not_an_octet_is_said() -> None:
    dialogue = Dialogue(config(starttls=True)).ready()
    dialogue.say("STARTTLS")
    dialogue.shut_down(grace=5)
    assert dialogue.wait(5) == ""
    assert dialogue.cut
    assert dialogue.session.deadline is None


@pytest.mark.parametrize("begun", [False, True])
def test_a_shutdown_before_an_implicit_handshake_says_nothing_in_clear_text(begun: bool) -> None:
    dialogue = Dialogue(config(implicit_tls=True))
    if begun:
        dialogue.run()
        assert isinstance(dialogue.step, StartTls)
    assert dialogue.shut_down(grace=5) == ""
    assert dialogue.wait(5) == ""
    assert dialogue.cut


def test_a_shutdown_behind_an_implicit_handshake_is_the_greeting() -> None:
    dialogue = Dialogue(config(implicit_tls=True))
    dialogue.run()
    dialogue.shut_down()
    assert dialogue.tls() == "421 mx.test Service shutting down\r\n"


def test_a_shutdown_reaches_a_peer_that_has_replies_to_read_first() -> None:
    dialogue = Dialogue().ready()
    dialogue.stalled = True
    dialogue.say("NOOP")
    dialogue.shut_down()
    assert isinstance(dialogue.step, Send)
    dialogue.stalled = False
    assert dialogue.run().endswith(STOP)
    assert dialogue.closing
