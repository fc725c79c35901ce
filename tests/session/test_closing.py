"""The end of a session: QUIT, the end of the input, or a connection that breaks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smtpcore import BodySink, Gate, Handler, Reply, handler
from smtpcore.session import Ask, Send, StartTls
from tests.session.driver import Dialogue, Later, Recorder, config, later


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


def test_a_close_that_fails_behind_a_good_end_changes_nothing() -> None:
    # Many a client is gone as soon as it has the 221, and the close_notify of TLS finds nobody.
    ends = Ends()
    dialogue = Dialogue(handler=ends).ready()
    dialogue.say("QUIT")
    dialogue.close(BrokenPipeError())
    assert ends.causes == [None]


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


def test_a_connection_may_break_while_connect_is_asked() -> None:
    ends = asking(connect=later)
    dialogue = Dialogue(handler=ends)
    dialogue.run()
    dialogue.close(ConnectionResetError())
    dialogue.asked("connect")
    assert dialogue.answer() == ""
    assert dialogue.over
    assert len(ends.causes) == 1


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
