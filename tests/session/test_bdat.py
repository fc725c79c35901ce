"""BDAT in a session: sinks, collected content, limits, deadlines, and what happens between chunks."""

from __future__ import annotations

import pytest

from smtpcore import BodySink, Envelope, Gate, Handler, Reply, ServerSession, SessionLog, handler
from smtpcore.body import Defect
from smtpcore.session.replies import BUSY
from smtpcore.spec import State
from tests.session.driver import Dialogue, Later, Recorder, config, later

NO = Reply(550, "No such content here", "5.6.0")


class Keeper(Handler):
    """Keeps whole messages."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.defects: list[Defect] = []
        self.resets = 0

    def message(self, session: ServerSession, envelope: Envelope) -> None:
        self.contents.append(envelope.content)
        self.defects.append(envelope.defects)

    def reset(self, session: ServerSession) -> None:
        self.resets += 1


class Sink(BodySink):
    """Notes what it is told, and answers as it is made to."""

    def __init__(self, write: object = None, finish: object = None) -> None:
        self.told: list[object] = []
        self._write, self._finish = write, finish

    def write(self, chunk: bytes) -> Reply | None:
        self.told.append(chunk)
        return self._write  # type: ignore[return-value]

    def finish(self) -> Reply | None:
        self.told.append("finish")
        return self._finish  # type: ignore[return-value]

    def abort(self) -> None:
        self.told.append("abort")


def streaming(sink: object) -> Handler:
    return handler(data=lambda *_: sink)


def codes(output: str) -> list[str]:
    return [line[:9] for line in output.splitlines() if line[3] == " "]


# Collected content.


@pytest.mark.conformance("C193", "C194", "C195")
def test_chunks_are_collected_as_they_were_sent() -> None:
    keeper = Keeper()
    dialogue = Dialogue(handler=keeper).mailing()
    assert dialogue.feed(b"BDAT 3\r\na\r\n") == "250 2.0.0 3 octets received\r\n"
    assert dialogue.feed(b"BDAT 0\r\n") == "250 2.0.0 0 octets received\r\n"
    assert codes(dialogue.feed(b"BDAT 5 LAST\r\n.\r\n..")) == ["250 2.0.0"]
    assert keeper.contents == [b"a\r\n.\r\n.."]
    assert keeper.defects == [Defect.NO_FINAL_CRLF]
    assert dialogue.session.state is State.READY
    assert dialogue.session.envelope is None


@pytest.mark.conformance("C192")
def test_a_message_by_data_may_follow_one_by_chunks_and_the_other_way_round() -> None:
    keeper = Keeper()
    dialogue = Dialogue(handler=keeper).mailing()
    dialogue.feed(b"BDAT 1 LAST\r\na")
    for content in ("DATA\r\nb\r\n.\r\n", "BDAT 1 LAST\r\nc"):
        dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
        dialogue.feed(content.encode())
    assert keeper.contents == [b"a", b"b\r\n", b"c"]


@pytest.mark.conformance("C347")
@pytest.mark.parametrize("line", ["RSET", "EHLO again.test"])
def test_what_ends_the_transaction_between_chunks_drops_what_was_sent(line: str) -> None:
    keeper = Keeper()
    dialogue = Dialogue(handler=keeper).mailing()
    dialogue.feed(b"BDAT 3\r\nabc")
    assert dialogue.say(line).startswith("250")
    assert keeper.resets == 1
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    dialogue.feed(b"BDAT 3 LAST\r\ndef")
    assert keeper.contents == [b"def"]


@pytest.mark.conformance("C199", "C204")
def test_the_transaction_goes_on_behind_other_commands() -> None:
    keeper = Keeper()
    dialogue = Dialogue(handler=keeper).mailing()
    dialogue.feed(b"BDAT 1\r\na")
    said = dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA", "NOOP", "VRFY x", "XYZZY")
    assert [code[:3] for code in codes(said)] == ["503", "503", "503", "250", "252", "500"]
    dialogue.feed(b"BDAT 1 LAST\r\nb")
    assert keeper.contents == [b"ab"]


def test_quit_between_chunks_is_no_message() -> None:
    sink = Sink()
    dialogue = Dialogue(handler=streaming(sink)).mailing()
    dialogue.feed(b"BDAT 1\r\na")
    assert dialogue.say("QUIT").startswith("221 ")
    assert sink.told == [b"a", "abort"]


@pytest.mark.conformance("C345")
def test_a_group_with_chunks_is_answered_at_once() -> None:
    keeper = Keeper()
    dialogue = Dialogue(handler=keeper).ready()
    sent = b"MAIL FROM:<>\r\nRCPT TO:<b@mx.test>\r\nBDAT 1\r\naBDAT 1 LAST\r\nbQUIT\r\n"
    assert [code[:3] for code in codes(dialogue.feed(sent))] == ["250", "250", "250", "250", "221"]
    assert len(dialogue.writes) == 3
    assert keeper.contents == [b"ab"]


@pytest.mark.conformance("C345")
def test_chunks_behind_a_refused_recipient_are_not_run() -> None:
    dialogue = Dialogue(handler=handler(rcpt=lambda *_: NO)).ready()
    sent = b"MAIL FROM:<>\r\nRCPT TO:<b@mx.test>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"
    assert [code[:3] for code in codes(dialogue.feed(sent))] == ["250", "550", "503", "250"]


@pytest.mark.parametrize("sent", [b"BDAT 5\r\nab", b"BDAT 5 LAST\r\nabcd", b"BDAT 2\r\nab"])
def test_the_end_of_the_input_is_never_a_message(sent: bytes) -> None:
    keeper, sink = Keeper(), Sink()
    dialogue = Dialogue(handler=keeper).mailing()
    dialogue.feed(sent)
    assert dialogue.end_input() == ""
    assert dialogue.closing
    assert keeper.contents == []
    dialogue = Dialogue(handler=streaming(sink)).mailing()
    dialogue.feed(sent)
    dialogue.close(ConnectionResetError())
    assert sink.told[-1] == "abort"


def test_where_chunks_are_off_a_bdat_is_the_end() -> None:
    dialogue = Dialogue(config(chunking=False)).greeted()
    assert "CHUNKING" not in dialogue.say("EHLO c.test")
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    assert dialogue.feed(b"BDAT 6\r\nQUIT\r\n").startswith("502 5.5.1 ")
    assert dialogue.closing


def test_under_helo_chunks_are_drained_and_refused() -> None:
    dialogue = Dialogue().greeted()
    dialogue.say("HELO c.test", "MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    assert codes(dialogue.feed(b"BDAT 6\r\nQUIT\r\nNOOP\r\n")) == ["503 5.5.1", "250 2.0.0"]
    assert "CHUNKING" in Dialogue().greeted().say("EHLO c.test")


def test_chunks_behind_the_barrier_are_drained() -> None:
    dialogue = Dialogue(config(starttls=True, require_tls=True)).ready()
    assert codes(dialogue.feed(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")) == ["530 5.7.0", "250 2.0.0"]


# Sinks and the hook data.


def test_a_sink_gets_the_octets_and_the_end_once() -> None:
    sink = Sink(finish=Reply(250, "queued as 7", "2.6.0"))
    dialogue = Dialogue(handler=streaming(sink)).mailing()
    assert dialogue.feed(b"BDAT 2\r\nab").startswith("250 ")
    assert dialogue.feed(b"BDAT 1 LAST\r\nc") == "250 2.6.0 queued as 7\r\n"
    assert sink.told == [b"ab", b"c", "finish"]


def test_a_sink_that_refuses_early_is_told_at_the_end_of_its_chunk() -> None:
    sink = Sink(write=NO)
    dialogue = Dialogue(handler=streaming(sink)).mailing()
    assert dialogue.feed(b"BDAT 4\r\nab") == ""
    assert dialogue.feed(b"cd") == "550 5.6.0 No such content here\r\n"
    assert codes(dialogue.feed(b"BDAT 6\r\nQUIT\r\nBDAT 1 LAST\r\nxMAIL FROM:<>\r\n")) == [
        "503 5.5.1", "503 5.5.1", "250 2.1.0",
    ]  # fmt: skip
    assert sink.told == [b"ab", "abort"]


def test_a_sink_that_refuses_the_last_chunk_ends_the_transaction() -> None:
    sink = Sink(write=NO)
    dialogue = Dialogue(handler=streaming(sink)).mailing()
    assert codes(dialogue.feed(b"BDAT 2 LAST\r\nabMAIL FROM:<>\r\n")) == ["550 5.6.0", "250 2.1.0"]
    assert sink.told == [b"ab", "abort"]


def test_a_sink_that_wants_the_connection_closed_need_not_wait() -> None:
    sink = Sink(write=BUSY)
    dialogue = Dialogue(handler=streaming(sink)).mailing()
    assert dialogue.feed(b"BDAT 400\r\nab").startswith("421 ")
    assert dialogue.closing


def test_the_octets_wait_while_the_hook_data_is_asked() -> None:
    sink = Sink()
    dialogue = Dialogue(handler=handler(data=later)).mailing()
    dialogue.feed(b"BDAT 2\r\nabBDAT 1 LAST\r\ncQUIT\r\n")
    dialogue.asked("data")
    assert sink.told == []
    assert [code[:3] for code in codes(dialogue.answer(sink))] == ["250", "250", "221"]
    assert sink.told == [b"ab", b"c", "finish"]


def test_the_hook_data_is_asked_once_a_message() -> None:
    asked: list[object] = []
    dialogue = Dialogue(handler=handler(data=lambda _, envelope: asked.append(envelope))).mailing()
    dialogue.feed(b"BDAT 1\r\naBDAT 1\r\nbBDAT 1 LAST\r\nc")
    assert len(asked) == 1


@pytest.mark.parametrize(("answer", "code"), [(NO, "550 5.6.0"), (Reply(250, "Yes"), "451 4.3.0"), ("x", "451 4.3.0")])
def test_a_refusal_of_the_hook_data_comes_behind_the_chunk(answer: object, code: str) -> None:
    keeper = Keeper()
    keeper.data = lambda *_: answer  # type: ignore[method-assign,assignment]
    dialogue = Dialogue(handler=keeper).mailing()
    assert dialogue.feed(b"BDAT 6\r\nQUIT") == ""
    assert codes(dialogue.feed(b"\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")) == [code, "503 5.5.1", "250 2.0.0"]
    assert keeper.contents == []


def test_a_reply_that_lets_data_come_lets_chunks_come_too() -> None:
    keeper = Keeper()
    keeper.data = lambda *_: Reply(354, "Go on")  # type: ignore[method-assign]
    dialogue = Dialogue(handler=keeper).mailing()
    assert codes(dialogue.feed(b"BDAT 1 LAST\r\na")) == ["250 2.0.0"]
    assert keeper.contents == [b"a"]


def test_a_hook_that_fails_or_is_late_costs_the_message() -> None:
    dialogue = Dialogue(handler=handler(data=later)).mailing()
    dialogue.feed(b"BDAT 1\r\na")
    assert codes(dialogue.fail(KeyError("secret"))) == ["451 4.3.0"]
    dialogue = Dialogue(handler=handler(data=later)).mailing()
    dialogue.feed(b"BDAT 1\r\na")
    assert codes(dialogue.wait(100)) == ["451 4.3.0"]


def test_writes_and_the_end_may_be_waited_for() -> None:
    sink = Sink(write=Later(), finish=Later())
    dialogue = Dialogue(handler=streaming(sink)).mailing()
    dialogue.feed(b"BDAT 1\r\naBDAT 1 LAST\r\nb")
    for stage, written in (("write", []), ("write", []), ("finish", ["250 2.0.0", "250 2.0.0"])):
        dialogue.asked(stage)
        assert codes(dialogue.answer()) == written
    assert sink.told == [b"a", b"b", "finish"]


def test_where_there_is_no_memory_left_the_first_chunk_says_so() -> None:
    gate = Gate(max_collected=2)
    dialogue = Dialogue(handler=Keeper(), gate=gate).mailing()
    assert codes(dialogue.feed(b"BDAT 2\r\nab")) == ["250 2.0.0"]
    other = Dialogue(handler=Keeper(), gate=gate).mailing()
    assert codes(other.feed(b"BDAT 1\r\nc")) == ["452 4.3.1"]
    assert codes(dialogue.feed(b"BDAT 1 LAST\r\nc")) == ["452 4.3.1"]
    assert not gate.full


# What is wrong with the content.


@pytest.mark.conformance("C348")
def test_a_border_within_crlf_is_no_bare_newline() -> None:
    keeper = Keeper()
    dialogue = Dialogue(handler=keeper).mailing()
    assert codes(dialogue.feed(b"BDAT 2\r\na\rBDAT 2 LAST\r\n\nb")) == ["250 2.0.0", "250 2.0.0"]
    assert keeper.contents == [b"a\r\nb"]


@pytest.mark.threat("T-EOD")
def test_bare_newlines_refuse_the_message_at_its_end() -> None:
    keeper = Keeper()
    dialogue = Dialogue(handler=keeper).mailing()
    assert codes(dialogue.feed(b"BDAT 2\r\na\nBDAT 1 LAST\r\nbNOOP\r\n")) == ["250 2.0.0", "554 5.6.0", "250 2.0.0"]
    assert keeper.contents == []


@pytest.mark.threat("T-EOD")
def test_bare_newlines_may_pass_by_chunks_alone() -> None:
    keeper = Keeper()
    dialogue = Dialogue(config(bare_newlines_bdat="pass"), keeper).mailing()
    assert codes(dialogue.feed(b"BDAT 2 LAST\r\na\n")) == ["250 2.0.0"]
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA")
    assert codes(dialogue.feed(b"a\nb\r\n.\r\n")) == ["554 5.6.0"]
    assert keeper.contents == [b"a\n"]


@pytest.mark.threat("T-EOD")
def test_bare_newlines_may_close() -> None:
    dialogue = Dialogue(config(bare_newlines_bdat="close"), Keeper()).mailing()
    assert codes(dialogue.feed(b"BDAT 9 LAST\r\na\nb")) == ["421 4.7.0"]
    assert dialogue.closing
    dialogue = Dialogue(config(bare_newlines_bdat="close"), Keeper()).mailing()
    assert codes(dialogue.feed(b"BDAT 2 LAST\r\na\r")) == ["421 4.7.0"], "that the CR is bare shows at the end"
    with pytest.raises(ValueError, match="bare_newlines_bdat"):
        config(bare_newlines_bdat="drop")


# Observers.


def test_observers_hear_of_each_line_once_and_of_the_whole_content() -> None:
    recorder = Recorder()
    dialogue = Dialogue(observer=recorder).mailing()
    dialogue.feed(b"BDAT 1\r\naBDAT 2 LAST\r\nbcBDAT 1\r\nd")
    assert recorder.named("received")[3:] == [("BDAT", "BDAT 1"), ("BDAT", "BDAT 2 LAST"), ("BDAT", "BDAT 1")]
    assert recorder.named("content") == [(3,)]
    assert recorder.named("replied")[4:] == [("BDAT", 250), ("BDAT LAST", 250), ("BDAT", 503)]


def test_the_log_line_counts_chunks() -> None:
    lines: list[str] = []
    dialogue = Dialogue(observer=SessionLog(lines.append)).mailing()
    dialogue.feed(b"BDAT 1\r\naBDAT 2 LAST\r\nbcBDAT 1\r\ndQUIT\r\n")
    dialogue.close()
    assert " rcpt=1 bdat=2/3 quit=1 bytes=3" in lines[0]
