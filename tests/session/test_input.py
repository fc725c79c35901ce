"""What comes in: how much of it is wanted, and the traps for those who are no mail clients (T-PIPE, T-LINE)."""

from __future__ import annotations

import pytest

from smtpcore import Limits, Reply, handler
from tests.session.driver import Dialogue, Later, config, later

HTTP = "421 4.7.0 mx.test This is no HTTP server\r\n"


# How much is wanted.


@pytest.mark.threat("T-PIPE")
def test_a_full_buffer_wants_no_more_until_it_was_worked_on() -> None:
    dialogue = Dialogue(config(limits=Limits(max_input_buffer=4096)), handler(vrfy=later)).ready()
    assert dialogue.session.wants_data
    dialogue.say("VRFY x", *["NOOP " + "x" * 94] * 40)
    assert dialogue.session.wants_data
    dialogue.feed(b"NOOP\r\n" * 20)
    assert not dialogue.session.wants_data
    assert dialogue.answer().count("250 ") == 60
    assert dialogue.session.wants_data


@pytest.mark.threat("T-PIPE")
def test_one_read_may_pass_the_limit_and_nothing_is_lost() -> None:
    dialogue = Dialogue(config(limits=Limits(max_input_buffer=4096, max_noops=None))).ready()
    assert dialogue.say(*["NOOP"] * 5000).count("250 ") == 5000


def test_input_is_of_no_use_when_it_is_over() -> None:
    dialogue = Dialogue().ready()
    dialogue.say("QUIT")
    assert not dialogue.session.wants_data
    dialogue.session.receive_data(b"NOOP\r\n")
    assert dialogue.run() == ""
    dialogue.close()
    dialogue.session.receive_data(b"NOOP\r\n")
    assert dialogue.run() == ""


def test_any_buffer_may_be_fed_and_used_again() -> None:
    dialogue = Dialogue().ready()
    octets = bytearray(b"NOOP\r")
    dialogue.session.receive_data(memoryview(octets))
    octets[:] = b"QUIT\r"
    dialogue.session.receive_data(bytearray(b"\n"))
    assert dialogue.run() == "250 2.0.0 OK\r\n"


@pytest.mark.conformance("C237")
def test_a_line_that_is_longer_than_the_input_buffer_still_comes() -> None:
    settings = config(limits=Limits(max_input_buffer=4096), mechanisms=("PLAIN",), plaintext_auth_without_tls=True)
    dialogue = Dialogue(settings).ready()
    dialogue.say("AUTH PLAIN")
    line = b"A" * 12_000 + b"\r\n"
    written = ""
    for at in range(0, len(line), 500):
        assert dialogue.session.wants_data
        written += dialogue.feed(line[at : at + 500])
    assert written.startswith("501 5.5.2 ")


# HTTP.


@pytest.mark.threat("T-PIPE")
@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1",
        "POST /x HTTP/1.1",
        "CONNECT mx.test:25 HTTP/1.1",
        "HEAD / HTTP/1.0",
        "PUT /x HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "get / HTTP/1.1",
        "Host: mx.test",
        "User-Agent: curl",
        "X-Forwarded-For:",
    ],
)
def test_http_before_ehlo_closes_at_once(line: str) -> None:
    dialogue = Dialogue().greeted()
    assert dialogue.say(line, "QUIT") == HTTP
    assert dialogue.closing
    assert dialogue.session.budget.errors == 1


@pytest.mark.parametrize("line", ["GETTING x", "GET", "MAIL: x", "Re:x", "x" * 40 + ": y", "HELLO there"])
def test_what_only_looks_a_little_like_http_does_not(line: str) -> None:
    dialogue = Dialogue().greeted()
    assert dialogue.say(line)[:3] == "500" or line == "MAIL: x"


def test_behind_ehlo_http_is_an_unknown_command_and_the_trap_can_be_off() -> None:
    assert Dialogue().ready().say("GET / HTTP/1.1").startswith("500 5.5.1 ")
    dialogue = Dialogue(config(forbid_http=False)).greeted()
    assert dialogue.say("GET / HTTP/1.1", "Host: x", "NOOP").splitlines()[2] == "250 2.0.0 OK"


# Line faults.


@pytest.mark.threat("T-LINE")
@pytest.mark.parametrize("octets", [b"NO\nOP\r\n", b"NO\rOP\r\n", b"NO\0OP\r\n"])
def test_a_line_fault_may_close(octets: bytes) -> None:
    dialogue = Dialogue(config(close_on_line_fault=True)).ready()
    written = dialogue.feed(octets + b"NOOP\r\n").splitlines()
    assert [line[:9] for line in written] == ["500 5.5.2", "421 4.7.0"]
    assert dialogue.closing
    dialogue = Dialogue().ready()
    assert [line[:3] for line in dialogue.feed(octets + b"NOOP\r\n").splitlines()] == ["500", "250"]


@pytest.mark.parametrize("line", ["", "x" * 600, "NO\x01OP", "\xff", " NOOP", "XYZZY", "AUTH PLAIN AAAA"])
def test_other_faults_of_a_line_never_close(line: str) -> None:
    dialogue = Dialogue(config(close_on_line_fault=True)).ready()
    assert [line[:3] for line in dialogue.say(line, "NOOP").splitlines()][1] == "250"


def test_an_endless_line_closes_with_one_421() -> None:
    dialogue = Dialogue(config(limits=Limits(max_line_drain=8192))).ready()
    written = "".join(dialogue.feed(b"x" * 4096) for _ in range(10))
    assert [line[:9] for line in written.splitlines()] == ["421 4.7.0"]
    assert dialogue.closing


# Input behind a refused DATA.


@pytest.mark.threat("T-PIPE")
@pytest.mark.parametrize("how", ["order", "hook", "async hook", "argument"])
def test_input_behind_a_refused_data_may_close(how: str) -> None:
    no = Reply(554, "No")
    hooks = {"hook": handler(data=lambda *_: no), "async hook": handler(data=later)}
    dialogue = Dialogue(config(close_on_pipelined_data=True), hooks.get(how))
    if how == "order":
        dialogue.ready()
    else:
        dialogue.mailing()
    written = dialogue.say("data x" if how == "argument" else "data", "MAIL FROM:<evil@x.test>", ".")
    if how == "async hook":
        written = dialogue.answer(no)
    codes = [line[:3] for line in written.splitlines()]
    assert codes == [{"order": "503", "argument": "501"}.get(how, "554"), "421"]
    assert "4.7.0" in written.splitlines()[1]
    assert dialogue.closing


def test_a_refused_data_with_nothing_behind_it_closes_nothing() -> None:
    dialogue = Dialogue(config(close_on_pipelined_data=True)).ready()
    assert dialogue.say("DATA").startswith("503 ")
    assert dialogue.say("NOOP").startswith("250 ")


@pytest.mark.threat("T-PIPE")
def test_by_default_what_is_behind_a_refused_data_is_read_as_commands() -> None:
    dialogue = Dialogue().ready()
    written = dialogue.say("DATA", "Subject: x", "", "MAIL FROM:<evil@x.test>", ".")
    assert [line[:3] for line in written.splitlines()] == ["503", "500", "500", "250", "500"]


def test_a_refused_data_that_is_one_error_too_many_closes_once() -> None:
    dialogue = Dialogue(config(close_on_pipelined_data=True, limits=Limits(max_errors=0))).ready()
    assert dialogue.say("DATA", "NOOP") == "421 4.7.0 mx.test Too many errors or commands\r\n"
    assert dialogue.closing


@pytest.mark.parametrize("verb", ["DATABASE", "DATAX"])
def test_a_verb_that_begins_like_data_is_not_taken_for_it(verb: str) -> None:
    dialogue = Dialogue(config(close_on_pipelined_data=True)).ready()
    assert [line[:3] for line in dialogue.say(verb, "NOOP").splitlines()] == ["500", "250"]


# Pipelining that nobody announced.


@pytest.mark.conformance("C180")
def test_commands_behind_ehlo_or_helo_are_pipelined_early() -> None:
    for verb in "EHLO", "HELO":
        seen: list[bool] = []
        hooks = handler(mail=lambda session, mail, seen=seen: seen.append(session.pipelined_early))
        Dialogue(handler=hooks).greeted().say(f"{verb} x.test", "MAIL FROM:<>")
        assert seen == [True]


@pytest.mark.conformance("C180")
def test_under_helo_any_pipelining_is_early_and_under_ehlo_none_is() -> None:
    dialogue = Dialogue().greeted()
    dialogue.say("HELO x.test")
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    assert dialogue.session.pipelined_early
    dialogue = Dialogue().greeted()
    dialogue.say("HELO x.test")
    dialogue.say("MAIL FROM:<>")
    dialogue.say("RCPT TO:<b@mx.test>", "DATA")
    assert dialogue.session.pipelined_early
    dialogue = Dialogue().ready()
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA")
    assert not dialogue.session.pipelined_early


@pytest.mark.conformance("C180")
def test_content_that_does_not_wait_for_the_354_is_early() -> None:
    seen: list[bool] = []
    hooks = handler(data=lambda session, envelope: seen.append(session.pipelined_early))
    Dialogue(handler=hooks).mailing().say("DATA", "hi", ".")
    assert seen == [True]


def test_what_comes_while_a_hook_is_awaited_waits() -> None:
    dialogue = Dialogue(handler=handler(helo=lambda *_: Later())).greeted()
    dialogue.say("EHLO x.test")
    dialogue.say("NOOP")
    dialogue.asked("helo")
    assert dialogue.answer().endswith("250 2.0.0 OK\r\n")
