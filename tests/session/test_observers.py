"""Transcripts, log lines, and what any observer is told."""

from __future__ import annotations

from collections.abc import Callable

from smtpcore import CredentialStore, Observer, Observers, Peer, Reply, SessionLog, Transcript, handler
from tests.session.driver import PLAIN_BOB, Dialogue, Recorder, config


class Open(CredentialStore):
    def verify_password(self, username: str, password: str) -> bool:
        return True


def failing(text: str) -> Callable[..., None]:
    def hook(*_: object) -> None:
        raise KeyError(text)

    return hook


def test_an_observer_is_told_of_everything_in_order() -> None:
    recorder = Recorder()
    dialogue = Dialogue(config(starttls=True), observer=recorder).ready()
    dialogue.say("XYZZY", "MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    dialogue.say("DATA")
    dialogue.say("hi", ".", "STARTTLS")
    dialogue.tls()
    dialogue.say("QUIT")
    dialogue.close()
    assert recorder.told == [
        ("opened",),
        ("replied", "(greeting)", 220),
        ("received", "EHLO", "EHLO client.test"),
        ("replied", "EHLO", 250),
        ("received", "?", "XYZZY"),
        ("replied", "?", 500),
        ("received", "MAIL", "MAIL FROM:<>"),
        ("replied", "MAIL", 250),
        ("received", "RCPT", "RCPT TO:<b@mx.test>"),
        ("replied", "RCPT", 250),
        ("received", "DATA", "DATA"),
        ("replied", "DATA", 354),
        ("content", 4),
        ("replied", ".", 250),
        ("received", "STARTTLS", "STARTTLS"),
        ("replied", "STARTTLS", 220),
        ("secured", "TLSv1.3"),
        ("received", "QUIT", "QUIT"),
        ("replied", "QUIT", 221),
        ("closed", type(None)),
    ]


def test_a_reply_that_nobody_asked_for_is_told_as_such() -> None:
    recorder = Recorder()
    dialogue = Dialogue(observer=recorder).ready()
    dialogue.shut_down()
    assert recorder.told[-1] == ("replied", "(unasked)", 421)


def test_what_is_out_of_order_is_told_and_counted_by_its_verb() -> None:
    recorder = Recorder()
    Dialogue(observer=recorder).ready().say("rcpt TO:<b@mx.test>", "DATA\t", "AUTH PLAIN AAAA")
    assert recorder.named("replied")[2:] == [("RCPT", 503), ("DATA", 503), ("AUTH", 502)]
    assert " rcpt=0/1 data=0/1 " in log_of(["EHLO x", "RCPT TO:<b@mx.test>", "DATA"])


def test_an_exchange_is_told_by_its_lines() -> None:
    recorder = Recorder()
    settings = config(mechanisms=("LOGIN",), plaintext_auth_without_tls=True)
    Dialogue(settings, observer=recorder).ready().say("AUTH LOGIN", "*", "AUTH LOGIN", "!!!!")
    assert recorder.named("received")[1:] == [
        ("AUTH", "AUTH LOGIN"),
        ("=", "<hidden>"),
        ("AUTH", "AUTH LOGIN"),
        ("=", "<hidden>"),
    ]
    assert recorder.named("replied")[2:] == [("AUTH", 334), ("=", 501), ("AUTH", 334), ("=", 501)]


def test_several_observers_are_told_alike_and_the_base_class_ignores_everything() -> None:
    recorders = Recorder(), Recorder()
    settings = config(starttls=True)
    broken = handler(vrfy=lambda *_: 1 / 0)
    dialogue = Dialogue(settings, broken, observer=Observers(recorders[0], Observer(), recorders[1])).secure()
    dialogue.say("VRFY x", "MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    dialogue.say("DATA")
    dialogue.say(".")
    dialogue.close()
    assert recorders[0].told == recorders[1].told
    assert {kind for kind, *_ in recorders[0].told} == {
        "opened", "received", "content", "replied", "secured", "fault", "closed",
    }  # fmt: skip


def test_a_session_without_an_observer_is_the_same() -> None:
    broken = handler(vrfy=lambda *_: 1 / 0)
    dialogue = Dialogue(config(starttls=True), broken).secure()
    assert dialogue.say("VRFY x").startswith("451 ")
    dialogue.close()
    assert dialogue.over


# Transcript.


def test_a_transcript_shows_the_dialogue_line_by_line() -> None:
    lines: list[str] = []
    hooks = handler(mail=lambda *_: Reply(550, ("No", "Never")), vrfy=failing("who\n"))
    dialogue = Dialogue(config(starttls=True), hooks, observer=Transcript(lines.append)).greeted()
    dialogue.say("HELO client.test", "MAIL FROM:<>", "VRFY x")
    dialogue.close(ConnectionResetError())
    assert [line.removeprefix(f"{dialogue.session.id} ") for line in lines] == [
        "-- connect from [192.0.2.7]",
        "S: 220 mx.test ESMTP",
        "C: HELO client.test",
        "S: 250 mx.test",
        "C: MAIL FROM:<>",
        "S: 550-5.7.1 No",
        "S: 550 5.7.1 Never",
        "C: VRFY x",
        "-- vrfy: KeyError: 'who\\n'",
        "S: 451 4.3.0 Local error in processing",
        "-- closed: ConnectionResetError",
    ]


def test_a_transcript_shows_tls_the_size_of_content_and_a_good_end() -> None:
    lines: list[str] = []
    settings = config(starttls=True, enhanced_codes=False)
    dialogue = Dialogue(settings, observer=Transcript(lines.append), peer=Peer()).secure()
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    dialogue.say("DATA")
    dialogue.say("hi", ".", "QUIT")
    dialogue.close()
    shown = [line.removeprefix(f"{dialogue.session.id} ") for line in lines]
    assert shown[0] == "-- connect from [local]"
    assert "-- TLSv1.3 TLS_AES_256_GCM_SHA384" in shown
    assert shown[-5:] == [
        "C: <4 octets of content>",
        "S: 250 Message accepted",
        "C: QUIT",
        "S: 221 mx.test closing the connection",
        "-- closed",
    ]


def test_a_line_of_a_transcript_is_printable_ascii_whatever_came() -> None:
    lines: list[str] = []
    hooks = handler(mail=failing("\u202e\x1b"), rcpt=lambda *_: Reply(550, "caf\xe9"))
    dialogue = Dialogue(handler=hooks, observer=Transcript(lines.append)).ready()
    dialogue.feed(b"XY\x1b[2JZZY \xff\x85\r\n\x07\r\nMAIL FROM:<>\r\n")
    assert all(line.isascii() and line.isprintable() for line in lines)


# The log line.


def log_of(dialogue_lines: list[str], **arguments: object) -> str:
    lines: list[str] = []
    dialogue = Dialogue(observer=SessionLog(lines.append), **arguments).greeted()  # type: ignore[arg-type]
    for line in dialogue_lines:
        dialogue.say(line)
    assert lines == []
    dialogue.close()
    return "".join(lines)


def test_a_session_is_one_line() -> None:
    transaction = ["EHLO x.test", "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "RCPT TO:<c@mx.test>", "RCPT TO:bad>", "DATA"]
    line = log_of([*transaction, "hi", ".", "QUIT"])
    assert line == "disconnect from [192.0.2.7] helo=1 mail=1 rcpt=2/3 data=1 quit=1 bytes=4"


def test_a_message_that_is_refused_is_not_counted_as_accepted() -> None:
    hooks = handler(message=lambda *_: Reply(550, "No"))
    line = log_of(["EHLO x", "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA", "hi", "."], handler=hooks)
    assert " data=0/1 bytes=4" in line


def test_the_log_line_names_unknown_commands_faults_and_the_cause() -> None:
    hooks = handler(vrfy=lambda *_: 1 / 0)
    line = log_of(["XYZZY", "HELP", "VRFY x", "NOOP", "RSET"], handler=hooks)
    assert line == (
        "disconnect from [192.0.2.7] rset=1 noop=1 vrfy=0/1 other=1/2 fault=0/1 bytes=0 cause=ZeroDivisionError"
    )


def test_the_log_line_names_tls_and_the_user_and_no_name_can_forge_a_field() -> None:
    lines: list[str] = []
    settings = config(starttls=True, mechanisms=("PLAIN",))
    dialogue = Dialogue(settings, handler(credentials=Open()), observer=SessionLog(lines.append)).secure()
    dialogue.say(PLAIN_BOB.replace("AGJvYgBodW50ZXIy", "AGIgYnl0ZXM9MQBw"))
    dialogue.close()
    assert lines == [
        r"disconnect from [192.0.2.7] helo=2 starttls=1 auth=1 bytes=0 tls=TLSv1.3 user=b\x20bytes=1",
    ]


def test_challenges_are_not_counted_and_failures_are() -> None:
    lines: list[str] = []
    settings = config(mechanisms=("LOGIN",), plaintext_auth_without_tls=True)
    dialogue = Dialogue(settings, observer=SessionLog(lines.append)).ready()
    dialogue.say("AUTH LOGIN", "*", "AUTH FOO")
    dialogue.close()
    assert " auth=0/2 " in lines[0]
