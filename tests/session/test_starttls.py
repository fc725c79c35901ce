"""STARTTLS: what may stand behind it, what is forgotten, and what goes to the TLS layer (RFC 3207, T-TLS)."""

from __future__ import annotations

import pytest

from smtpcore import Reply, handler
from smtpcore.session import Send, StartTls
from tests.session.driver import PLAIN_BOB, TLS, Dialogue, Later, config, later

CONFIG = config(starttls=True)
INJECTION = "554 5.5.1 Clear text behind STARTTLS\r\n"


def start_tls() -> Dialogue:
    dialogue = Dialogue(CONFIG).ready()
    assert dialogue.say("STARTTLS") == "220 2.0.0 Ready to start TLS\r\n"
    return dialogue


@pytest.mark.conformance("C214")
@pytest.mark.threat("T-TLS")
@pytest.mark.parametrize("behind", [b"NOOP\r\n", b"N", b"\r\n", b"\x16\x03\x01\x00"])
def test_clear_text_behind_starttls_is_one_554_and_a_close(behind: bytes) -> None:
    dialogue = Dialogue(CONFIG).ready()
    assert dialogue.feed(b"STARTTLS\r\n" + behind) == INJECTION
    assert dialogue.closing
    assert not dialogue.cut


@pytest.mark.conformance("C214")
@pytest.mark.threat("T-TLS")
def test_clear_text_that_comes_while_the_hook_is_awaited_is_found_too() -> None:
    dialogue = Dialogue(CONFIG, handler(starttls=later)).ready()
    dialogue.say("STARTTLS")
    dialogue.asked("starttls")
    dialogue.session.receive_data(b"NOOP\r\n")
    assert dialogue.answer() == INJECTION
    assert dialogue.closing


def test_clear_text_behind_a_starttls_that_is_refused_is_run() -> None:
    for hook in (lambda *_: Reply(454, "Not now"), later):
        dialogue = Dialogue(CONFIG, handler(starttls=hook)).ready()
        written = dialogue.say("STARTTLS", "NOOP")
        if hook is later:
            written += dialogue.answer(Reply(454, "Not now"))
        assert written == "454 4.7.0 Not now\r\n250 2.0.0 OK\r\n"


@pytest.mark.threat("T-TLS")
def test_octets_between_the_220_and_the_handshake_go_to_the_tls_layer() -> None:
    dialogue = Dialogue(CONFIG).ready()
    dialogue.stalled = True
    dialogue.say("STARTTLS")
    assert isinstance(dialogue.step, Send)
    assert not dialogue.session.wants_data
    dialogue.session.receive_data(b"\x16\x03")
    dialogue.session.receive_data(bytearray(b"NOOP\r\n"))
    dialogue.session.sent()
    step = dialogue.session.next_step()
    assert isinstance(step, StartTls)
    assert step.received == b"\x16\x03NOOP\r\n"


@pytest.mark.threat("T-TLS")
def test_clear_text_during_the_handshake_never_reaches_the_parser() -> None:
    dialogue = start_tls()
    dialogue.session.receive_data(b"NOOP\r\n")
    assert dialogue.tls() == ""
    assert dialogue.receiving
    assert dialogue.session.connection.buffered == 0


def test_what_came_through_tls_with_the_end_of_the_handshake_is_read() -> None:
    dialogue = start_tls()
    dialogue.session.receive_data(b"clear text")
    dialogue.session.tls_started(TLS)
    dialogue.session.receive_data(b"EHLO cli")
    dialogue.session.receive_data(b"ent.test\r\n")
    assert dialogue.run().startswith("250-mx.test\r\n")


def test_the_end_of_the_input_with_the_end_of_the_handshake_is_read() -> None:
    for order in ("before", "behind", "with text"):
        dialogue = start_tls()
        if order == "before":
            dialogue.session.receive_data(b"")
        dialogue.session.tls_started(TLS)
        if order == "with text":
            dialogue.session.receive_data(b"QUIT\r\n")
        dialogue.session.receive_data(b"")
        assert dialogue.run() == ("221 2.0.0 mx.test closing the connection\r\n" if order == "with text" else "")
        assert dialogue.closing


@pytest.mark.conformance("C212", "C213")
@pytest.mark.threat("T-TLS")
def test_nothing_is_said_behind_the_handshake_and_everything_is_forgotten() -> None:
    dialogue = start_tls()
    assert dialogue.session.helo is not None
    assert dialogue.tls() == ""
    assert dialogue.receiving
    assert dialogue.session.helo is None
    assert dialogue.session.tls == TLS
    assert dialogue.say("MAIL FROM:<>").startswith("503 ")
    assert dialogue.say("NOOP").startswith("250 ")


@pytest.mark.threat("T-TLS")
def test_an_identity_from_clear_text_is_forgotten() -> None:
    class Open:
        def verify_password(self, username: str, password: str) -> bool:
            return True

    settings = config(starttls=True, mechanisms=("PLAIN",), plaintext_auth_without_tls=True, require_auth=True)
    dialogue = Dialogue(settings, handler(credentials=Open())).ready()  # type: ignore[arg-type]
    assert dialogue.say(PLAIN_BOB).startswith("235 ")
    dialogue.say("STARTTLS")
    dialogue.tls()
    assert dialogue.session.identity is None
    assert "AUTH PLAIN" in dialogue.say("EHLO client.test")
    assert dialogue.say("MAIL FROM:<>").startswith("530 5.7.0 ")


@pytest.mark.conformance("C211", "C215")
def test_inside_tls_it_is_neither_announced_nor_served() -> None:
    dialogue = start_tls()
    dialogue.tls()
    assert "STARTTLS" not in dialogue.say("EHLO client.test")
    assert dialogue.say("STARTTLS").startswith("503 5.5.1 ")


def test_a_handshake_that_fails_is_closed_without_a_word() -> None:
    causes: list[object] = []
    dialogue = Dialogue(CONFIG, handler(disconnect=lambda session, cause: causes.append(cause))).ready()
    dialogue.say("STARTTLS")
    error = OSError("bad record")
    dialogue.session.tls_failed(error)
    assert dialogue.run() == ""
    assert dialogue.cut
    dialogue.close()
    assert causes == [error]


@pytest.mark.conformance("C210", "C328", "C329")
def test_where_it_is_out_of_order_the_session_goes_on() -> None:
    dialogue = Dialogue(CONFIG).greeted()
    assert dialogue.say("STARTTLS").startswith("503 5.5.1 ")
    dialogue.say("HELO client.test")
    assert dialogue.say("STARTTLS").startswith("503 5.5.1 ")
    dialogue.say("EHLO client.test")
    assert dialogue.say("STARTTLS x").startswith("501 5.5.4 ")
    dialogue.say("MAIL FROM:<>")
    assert dialogue.say("STARTTLS").startswith("503 5.5.1 ")
    assert dialogue.say("RCPT TO:<b@mx.test>", "RSET").startswith("250 ")
    assert dialogue.say("STARTTLS").startswith("220 2.0.0 ")


def test_not_configured_it_is_502() -> None:
    dialogue = Dialogue().ready()
    assert dialogue.say("STARTTLS").startswith("502 5.5.1 ")


@pytest.mark.conformance("C218")
def test_it_may_be_temporarily_impossible() -> None:
    dialogue = Dialogue(CONFIG, handler(starttls=lambda *_: Reply(454, "TLS not available"))).ready()
    assert dialogue.say("STARTTLS") == "454 4.7.0 TLS not available\r\n"
    assert dialogue.say("MAIL FROM:<>").startswith("250 ")


@pytest.mark.conformance("C216")
def test_required_and_missing_it_stands_before_everything_but_a_few() -> None:
    dialogue = Dialogue(config(starttls=True, require_tls=True)).greeted()
    assert dialogue.say("HELO x") == "530 Must issue a STARTTLS command first\r\n"
    for line in "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA", "RSET", "VRFY x", "HELP":
        assert dialogue.say(line) == "530 5.7.0 Must issue a STARTTLS command first\r\n", line
    assert dialogue.say("NOOP").startswith("250 ")
    assert dialogue.say("EHLO client.test").startswith("250-")
    assert dialogue.say("MAIL FROM:<>").startswith("530 ")
    assert dialogue.say("STARTTLS").startswith("220 ")
    dialogue.tls()
    dialogue.say("EHLO client.test")
    assert dialogue.say("MAIL FROM:<>").startswith("250 ")


@pytest.mark.conformance("C217")
@pytest.mark.parametrize("answered_later", [False, True])
def test_security_that_does_not_suffice_is_told_to_every_command_but_quit(answered_later: bool) -> None:
    weak = Reply(554, "Security insufficient", "5.7.0")
    dialogue = Dialogue(CONFIG, handler(secured=later if answered_later else lambda *_: weak)).ready()
    dialogue.say("STARTTLS")
    dialogue.tls()
    if answered_later:
        assert dialogue.say("NOOP") == ""
        assert dialogue.answer(weak) == "554 5.7.0 Security insufficient\r\n"
    for line in "EHLO x", "NOOP", "RSET", "MAIL FROM:<>", "STARTTLS", "HELP":
        assert dialogue.say(line).endswith("Security insufficient\r\n"), line
    assert dialogue.say("QUIT").startswith("221 ")


def test_a_secured_hook_that_fails_lets_nobody_through() -> None:
    def secured(*_: object) -> Later:
        raise KeyError

    for hook in secured, later:
        dialogue = Dialogue(CONFIG, handler(secured=hook)).ready()
        dialogue.say("STARTTLS")
        dialogue.tls()
        if hook is later:
            dialogue.wait(100)
        assert dialogue.say("EHLO x") == "451 Local error in processing\r\n"
        assert dialogue.say("MAIL FROM:<>").startswith("451 4.3.0 ")
        assert dialogue.say("QUIT").startswith("221 ")


@pytest.mark.threat("T-FLOOD")
def test_refused_again_and_again_it_uses_the_budget_up() -> None:
    dialogue = Dialogue(CONFIG, handler(starttls=lambda *_: Reply(454))).ready()
    written = dialogue.say(*["STARTTLS"] * 200)
    assert written.count("454 ") == 99
    assert written.endswith("421 4.7.0 mx.test Too many errors or commands\r\n")


def test_the_budget_does_not_begin_anew_behind_the_handshake() -> None:
    settings = config(starttls=True)
    dialogue = Dialogue(settings).ready()
    for _ in range(20):
        assert dialogue.say("MAIL x").startswith("501 ")
    dialogue.say("STARTTLS")
    dialogue.tls()
    assert dialogue.say("MAIL x") == "421 4.7.0 mx.test Too many errors or commands\r\n"
    assert dialogue.closing
