"""The end of a session: QUIT, the end of the input, a connection that breaks, and a server that stops."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smtpcore import BodySink, CredentialStore, Gate, Handler, Reply, handler
from smtpcore.session import Ask, Send, StartTls
from tests.session.driver import PLAIN_BOB, Dialogue, Later, Recorder, config, later

STOP = "421 4.3.2 mx.test Service shutting down\r\n"


class Ends(Handler):
    """Counts what must happen once."""

    def __init__(self) -> None:
        self.causes: list[BaseException | None] = []

    def disconnect(self, session: object, cause: BaseException | None) -> None:
        self.causes.append(cause)


def asking(**hooks: Callable[..., object]) -> Ends:
    ends = Ends()
    for name, hook in hooks.items():
        setattr(ends, name, hook)
    return ends


# QUIT and the end of the input.


@pytest.mark.conformance("C072")
def test_quit_is_answered_and_then_the_connection_is_closed_gracefully() -> None:
    dialogue = Dialogue().ready()
    assert dialogue.say("QUIT") == "221 2.0.0 mx.test closing the connection\r\n"
    assert dialogue.closing
    assert not dialogue.cut
    assert not dialogue.session.wants_data


@pytest.mark.conformance("C073")
def test_everything_pipelined_before_quit_is_answered_before_the_close() -> None:
    dialogue = Dialogue().ready()
    written = dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>", "QUIT", "NOOP")
    assert [line[:3] for line in written.splitlines()] == ["250", "250", "221"]
    assert dialogue.closing


@pytest.mark.conformance("C075")
def test_commands_before_the_end_of_the_input_are_answered() -> None:
    ends = Ends()
    dialogue = Dialogue(handler=ends).ready()
    dialogue.session.receive_data(b"MAIL FROM:<>\r\nRCPT TO:<b@mx.test>\r\nNOO")
    assert dialogue.end_input().count("250") == 2
    assert dialogue.closing
    assert dialogue.session.peer_gone
    dialogue.close()
    assert ends.causes == [None]


def test_replies_behind_the_end_of_the_input_are_still_sent_after_a_slow_hook() -> None:
    dialogue = Dialogue(handler=handler(mail=later)).ready()
    dialogue.session.receive_data(b"MAIL FROM:<>\r\nNOOP\r\n")
    dialogue.end_input()
    dialogue.asked("mail")
    assert dialogue.session.peer_gone
    assert not dialogue.session.wants_data
    assert dialogue.answer().splitlines() == ["250 2.1.0 Sender accepted", "250 2.0.0 OK"]
    assert dialogue.closing


def test_input_behind_the_end_of_the_input_is_ignored() -> None:
    dialogue = Dialogue().ready()
    dialogue.session.receive_data(b"")
    dialogue.session.receive_data(b"NOOP\r\n")
    assert dialogue.run() == ""
    assert dialogue.closing


@pytest.mark.conformance("C074")
def test_a_lost_connection_cancels_the_open_transaction_only() -> None:
    got: list[bytes] = []
    dialogue = Dialogue(handler=handler(message=lambda session, envelope: got.append(envelope.content))).in_data()
    dialogue.say("first", ".", "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA")
    dialogue.say("second")
    dialogue.end_input()
    assert dialogue.closing
    assert dialogue.close() == ""
    assert got == [b"first\r\n"]


@pytest.mark.parametrize("where", ["greeted", "ready", "mailing", "in_data"])
def test_the_end_of_the_input_closes_in_every_state(where: str) -> None:
    dialogue = getattr(Dialogue(), where)()
    assert dialogue.end_input() == ""
    assert dialogue.closing
    dialogue.close()
    assert dialogue.over


def test_the_end_of_the_input_before_the_greeting_gets_a_greeting_and_a_close() -> None:
    dialogue = Dialogue()
    assert dialogue.end_input() == "220 mx.test ESMTP\r\n"
    assert dialogue.closing


def test_the_end_of_the_input_behind_the_last_reply_is_known() -> None:
    dialogue = Dialogue().ready()
    dialogue.say("QUIT")
    dialogue.end_input()
    assert dialogue.session.peer_gone


# closed().


def test_a_connection_that_breaks_is_the_cause() -> None:
    ends = Ends()
    error = ConnectionResetError()
    dialogue = Dialogue(handler=ends).ready()
    dialogue.close(error)
    assert dialogue.over
    assert ends.causes == [error]
    dialogue.close(OSError())
    assert dialogue.over
    assert ends.causes == [error]


def test_what_ended_the_session_stays_the_cause_whatever_befalls_the_close() -> None:
    ends = Ends()
    dialogue = Dialogue(handler=ends).ready()
    dialogue.wait(300)
    dialogue.close(BrokenPipeError())
    assert [type(cause) for cause in ends.causes] == [TimeoutError]


def test_a_close_that_fails_behind_a_good_end_is_told() -> None:
    ends = Ends()
    dialogue = Dialogue(handler=ends).ready()
    dialogue.say("QUIT")
    dialogue.close(BrokenPipeError())
    assert [type(cause) for cause in ends.causes] == [BrokenPipeError]


@pytest.mark.parametrize("where", ["greeted", "ready", "mailing", "in_data"])
def test_a_connection_may_break_in_every_state(where: str) -> None:
    ends = Ends()
    gate = Gate()
    dialogue = getattr(Dialogue(handler=ends, gate=gate), where)()
    assert gate.open == 1
    assert dialogue.close(ConnectionResetError()) == ""
    assert dialogue.over
    assert gate.open == 0
    assert len(ends.causes) == 1
    assert dialogue.session.deadline is None


def test_a_connection_may_break_before_anything_happened() -> None:
    ends = Ends()
    gate = Gate()
    dialogue = Dialogue(handler=ends, gate=gate)
    dialogue.close(ConnectionResetError())
    assert dialogue.over
    assert gate.open == 0
    assert len(ends.causes) == 1


def test_a_connection_that_breaks_takes_the_send_and_the_handshake_with_it() -> None:
    dialogue = Dialogue(config(starttls=True)).ready()
    dialogue.stalled = True
    dialogue.say("NOOP")
    assert isinstance(dialogue.step, Send)
    dialogue.close(ConnectionResetError())
    assert dialogue.over
    dialogue = Dialogue(config(starttls=True)).ready()
    dialogue.say("STARTTLS")
    assert isinstance(dialogue.step, StartTls)
    dialogue.close(ConnectionResetError())
    assert dialogue.over
    assert dialogue.session.deadline is None


def test_a_hook_outlives_the_connection_and_its_reply_is_dropped() -> None:
    ends = asking(message=later)
    gate = Gate()
    recorder = Recorder()
    dialogue = Dialogue(handler=ends, gate=gate, observer=recorder).in_data()
    dialogue.say("hi", ".")
    ask = dialogue.asked("message")
    dialogue.session.closed(ConnectionResetError())
    assert dialogue.run() == ""
    assert dialogue.step is ask
    assert dialogue.session.peer_gone
    assert gate.open == 1
    assert ends.causes == []
    assert dialogue.answer() == ""
    assert dialogue.over
    assert gate.open == 0
    assert [type(cause) for cause in ends.causes] == [ConnectionResetError]
    assert len(recorder.named("closed")) == 1


def test_a_hook_that_outlives_the_connection_still_has_its_deadline() -> None:
    dialogue = Dialogue(handler=asking(message=later)).in_data()
    dialogue.say("hi", ".")
    dialogue.close(ConnectionResetError())
    dialogue.asked("message")
    assert dialogue.wait(600) == ""
    assert dialogue.over


def test_a_sink_that_comes_when_the_connection_is_gone_is_aborted() -> None:
    aborted: list[str] = []

    class Sink(BodySink):
        def abort(self) -> None:
            aborted.append("abort")

    dialogue = Dialogue(handler=asking(data=later)).mailing()
    dialogue.say("DATA")
    dialogue.close(ConnectionResetError())
    dialogue.answer(Sink())
    assert dialogue.over
    assert aborted == ["abort"]


def test_an_answer_and_the_break_may_be_told_at_once() -> None:
    ends = asking(mail=later)
    dialogue = Dialogue(handler=ends).ready()
    dialogue.say("MAIL FROM:<>")
    dialogue.session.answer(dialogue.asked(), Reply(550, "No"))
    assert dialogue.close(ConnectionResetError()) == ""
    assert dialogue.over
    assert len(ends.causes) == 1


def test_the_end_of_the_input_and_then_the_break_disconnect_once() -> None:
    ends = asking(mail=later)
    gate = Gate()
    dialogue = Dialogue(handler=ends, gate=gate).ready()
    dialogue.say("MAIL FROM:<>")
    dialogue.end_input()
    dialogue.close(ConnectionResetError())
    assert dialogue.answer() == ""
    assert dialogue.over
    assert gate.open == 0
    assert len(ends.causes) == 1


# shutdown().


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


def test_an_abort_is_waited_for_before_the_close() -> None:
    class Sink(BodySink):
        def abort(self) -> Later:  # type: ignore[override]
            return Later()

    dialogue = Dialogue(handler=handler(data=lambda *_: Sink())).in_data()
    dialogue.end_input()
    dialogue.asked("abort")
    assert dialogue.answer() == ""
    assert dialogue.closing
    dialogue = Dialogue(handler=handler(data=lambda *_: Sink())).in_data()
    dialogue.close(ConnectionResetError())
    assert isinstance(dialogue.step, Ask)
    dialogue.answer()
    assert dialogue.over
