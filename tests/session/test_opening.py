"""Before the dialogue: the gate, TLS from the first octet, connect, early talk, the greeting."""

from __future__ import annotations

import pytest

from smtpcore import Gate, Peer, Reply, ServerConfig, Timeouts, handler
from smtpcore.session import StartTls
from tests.session.driver import Dialogue, Recorder, config, later


@pytest.mark.conformance("C024", "C025")
def test_the_greeting_has_the_servers_name_first_and_no_enhanced_code() -> None:
    assert Dialogue().greeted().writes == [b"220 mx.test ESMTP\r\n"]
    assert Dialogue(config(hostname="[192.0.2.1]", banner="")).greeted().writes == [b"220 [192.0.2.1]\r\n"]


def test_the_look_for_early_talk_needs_one_receive_even_without_delay() -> None:
    dialogue = Dialogue()
    assert dialogue.run() == ""
    assert dialogue.receiving
    assert dialogue.session.deadline == dialogue.now
    assert dialogue.wait(0) == "220 mx.test ESMTP\r\n"


def test_a_greeting_may_be_delayed() -> None:
    dialogue = Dialogue(config(timeouts=Timeouts(greeting_delay=6)))
    dialogue.run()
    assert dialogue.wait(5) == ""
    assert dialogue.wait(1) == "220 mx.test ESMTP\r\n"
    assert not dialogue.session.early_talk


@pytest.mark.conformance("C034", "C180")
@pytest.mark.threat("T-PIPE")
def test_early_talk_is_reported_and_served_by_default() -> None:
    seen: list[bool] = []
    hook = handler(helo=lambda session, command: seen.append(session.pipelined_early))
    dialogue = Dialogue(config(timeouts=Timeouts(greeting_delay=6)), hook)
    dialogue.run()
    dialogue.wait(3)
    written = dialogue.say("EHLO client.test")
    assert written.startswith("220 mx.test ESMTP\r\n250-mx.test\r\n")
    assert dialogue.session.early_talk
    assert seen == [True]


@pytest.mark.conformance("C034")
@pytest.mark.threat("T-PIPE")
def test_early_talk_may_be_refused() -> None:
    dialogue = Dialogue(config(refuse_early_talk=True))
    assert dialogue.say("EHLO client.test", "QUIT").splitlines() == [
        "554 mx.test You talk before the greeting",
        "503 Not now: bad sequence of commands",
        "221 2.0.0 mx.test closing the connection",
    ]


def test_a_refusal_of_the_application_is_kept_when_the_peer_talks_early() -> None:
    dialogue = Dialogue(config(refuse_early_talk=True), handler(connect=lambda *_: Reply(521, "No mail here")))
    assert dialogue.say("QUIT").startswith("521 mx.test No mail here\r\n")


def test_what_comes_while_connect_is_asked_is_early_talk() -> None:
    dialogue = Dialogue(config(refuse_early_talk=True), handler(connect=later))
    dialogue.run()
    dialogue.asked("connect")
    assert dialogue.say("QUIT") == ""
    assert dialogue.answer().startswith("554 mx.test You talk")


@pytest.mark.conformance("C026", "C027")
def test_behind_a_554_greeting_only_quit_works() -> None:
    dialogue = Dialogue(handler=handler(connect=lambda *_: Reply(554, "No SMTP service here")))
    assert dialogue.run() + dialogue.wait(0) == "554 mx.test No SMTP service here\r\n"
    for line in "EHLO x.test", "HELO x.test", "MAIL FROM:<>", "NOOP", "RSET":
        assert dialogue.say(line)[:4] == "503 "
    assert dialogue.say("QUIT").startswith("221 ")
    assert dialogue.closing


@pytest.mark.conformance("C028")
def test_a_521_greeting_is_possible() -> None:
    dialogue = Dialogue(handler=handler(connect=lambda *_: Reply(521, "mx.test Host does not accept mail")))
    assert dialogue.run() + dialogue.wait(0) == "521 mx.test Host does not accept mail\r\n"
    assert dialogue.say("EHLO x.test") == "521 mx.test Host does not accept mail\r\n"
    assert dialogue.say("NOOP") == "521 5.3.2 mx.test Host does not accept mail\r\n"
    assert dialogue.say("QUIT").startswith("221 ")


def test_a_refusal_of_several_lines_has_the_name_in_the_first() -> None:
    dialogue = Dialogue(handler=handler(connect=lambda *_: Reply(554, ("No", "Really"), close=True)))
    assert dialogue.run() + dialogue.wait(0) == "554-mx.test No\r\n554 Really\r\n"
    assert dialogue.closing


# The gate.


@pytest.mark.threat("T-FLOOD")
def test_a_gate_that_is_full_greets_with_421() -> None:
    gate = Gate(total=1)
    first = Dialogue(gate=gate).greeted()
    ends: list[object] = []
    second = Dialogue(gate=gate, handler=handler(disconnect=lambda *_: ends.append("end"), connect=ends.append))
    assert second.run() == "421 mx.test Too many connections\r\n"
    # Whoever is over a limit is not waited for, or those who are refused would keep others out.
    assert second.cut
    second.close()
    assert second.over
    assert ends == ["end"]
    assert gate.open == 1
    first.close()
    assert gate.open == 0
    assert Dialogue(gate=gate).greeted().receiving


def test_too_many_from_one_address_are_told_so() -> None:
    gate = Gate(per_address=1)
    Dialogue(gate=gate).greeted()
    assert Dialogue(gate=gate).run() == "421 mx.test Too many connections from your address\r\n"
    assert Dialogue(gate=gate, peer=Peer("192.0.2.8")).greeted().receiving


@pytest.mark.parametrize("gate", [Gate(total=0), Gate(per_address=0)])
def test_a_gate_that_is_full_is_a_silent_close_on_a_tls_port(gate: Gate) -> None:
    dialogue = Dialogue(config(implicit_tls=True), gate=gate)
    assert dialogue.run() == ""
    assert dialogue.cut
    dialogue.close()
    assert dialogue.over
    assert gate.open == 0


# TLS from the first octet.


def test_implicit_tls_comes_before_connect_and_the_greeting() -> None:
    order: list[str] = []
    hooks = handler(
        connect=lambda session: order.append(f"connect {session.tls is not None}"),
        secured=lambda *_: order.append("secured"),
    )
    dialogue = Dialogue(config(implicit_tls=True), hooks)
    assert dialogue.run() == ""
    assert isinstance(dialogue.step, StartTls)
    assert not dialogue.session.wants_data
    assert order == []
    assert dialogue.tls() == ""
    assert dialogue.receiving
    assert dialogue.wait(0) == "220 mx.test ESMTP\r\n"
    assert order == ["secured", "connect True"]
    written = dialogue.say("EHLO client.test")
    assert "STARTTLS" not in written
    assert dialogue.say("STARTTLS").startswith("502 ")


def test_octets_that_came_before_the_handshake_are_handed_to_it() -> None:
    dialogue = Dialogue(config(implicit_tls=True))
    dialogue.session.receive_data(b"\x16\x03")
    dialogue.session.receive_data(memoryview(b"\x01"))
    dialogue.run()
    assert isinstance(dialogue.step, StartTls)
    assert dialogue.step.received == b"\x16\x03\x01"


def test_a_handshake_that_fails_is_closed_without_a_word() -> None:
    recorder = Recorder()
    dialogue = Dialogue(config(implicit_tls=True), observer=recorder)
    dialogue.run()
    error = OSError("no shared cipher")
    dialogue.session.tls_failed(error)
    assert dialogue.run() == ""
    assert dialogue.cut
    dialogue.close()
    assert recorder.named("closed") == [(OSError,)]


def test_secured_may_turn_a_client_away_in_the_greeting() -> None:
    for hook in (lambda *_: Reply(421, "Enough"), lambda *_: Reply(554, "Enough", close=True)):
        dialogue = Dialogue(config(implicit_tls=True), handler(secured=hook))
        dialogue.run()
        assert dialogue.tls()[4:] == "mx.test Enough\r\n"
        assert dialogue.closing


def test_an_async_secured_is_asked_before_connect() -> None:
    dialogue = Dialogue(config(implicit_tls=True), handler(secured=later, connect=later))
    dialogue.run()
    dialogue.tls()
    dialogue.asked("secured")
    dialogue.answer()
    dialogue.asked("connect")
    dialogue.answer()
    assert dialogue.wait(0).startswith("220 ")


def test_the_hardened_profile_refuses_early_talk() -> None:
    dialogue = Dialogue(ServerConfig.hardened(hostname="mx.test"))
    assert dialogue.say("EHLO x.test").startswith("554 mx.test ")
