"""What a session puts up with, each with its reply (limits of section 2, T-FLOOD, T-HARVEST)."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore import CredentialStore, Limits, Reply, ServerConfig, handler
from tests.session.driver import PLAIN_BOB, Dialogue, config

ENOUGH = "421 4.7.0 mx.test Too many errors or commands\r\n"


def limited(**limits: int | None) -> ServerConfig:
    return config(limits=Limits(**limits))  # type: ignore[arg-type]


def codes(written: str) -> list[str]:
    """The code of each reply, the lines of one reply together."""
    return [line[:3] for line in written.splitlines() if line[3:4] != "-"]


def until_enough(dialogue: Dialogue, *lines: str) -> int:
    """How many of these lines, again and again, are answered before the 421."""
    for count in range(3000):
        written = dialogue.say(lines[count % len(lines)])
        if written.startswith("421"):
            # To EHLO and HELO without the enhanced code.
            assert written in (ENOUGH, ENOUGH.replace("4.7.0 ", ""))
            assert dialogue.closing
            return count
    raise AssertionError("it never has enough")


@pytest.mark.conformance("C322")
@pytest.mark.threat("T-FLOOD")
@pytest.mark.parametrize("line", ["MAIL x", "RCPT TO:<b@mx.test>", "DATA", "TURN", "NOOP x\x01", "EHLO", "AUTH PLAIN"])
def test_commands_in_error_are_counted(line: str) -> None:
    assert until_enough(Dialogue().ready(), line) == 20
    assert until_enough(Dialogue(limited(max_errors=3)).ready(), line) == 3


def test_a_line_fault_counts_as_an_error() -> None:
    dialogue = Dialogue(limited(max_errors=1)).ready()
    assert codes(dialogue.feed(b"NO\nOP\r\n")) == ["500"]
    assert dialogue.feed(b"NO\nOP\r\n") == ENOUGH


@pytest.mark.parametrize("line", ["NOOP\nx", "NOOP " + "x" * 600, "NOOP " + "x" * 20_000, "XYZZY " + "x" * 600])
def test_a_line_that_cannot_be_read_is_an_error_and_no_unknown_command(line: str) -> None:
    assert until_enough(Dialogue(limited(max_unknown_commands=2)).ready(), line) == 20


@pytest.mark.threat("T-FLOOD")
def test_a_line_that_never_ends_is_the_end_and_the_server_names_itself() -> None:
    dialogue = Dialogue(limited(max_line_drain=20_000)).ready()
    assert dialogue.feed(b"x" * 20_001) == "421 4.7.0 mx.test The line is far too long\r\n"
    assert dialogue.closing


@pytest.mark.threat("T-FLOOD")
@pytest.mark.parametrize("verb", ["NOOP ", "MAIL FROM:<", "XYZZY ", "\n"])
def test_what_is_dropped_of_a_line_may_be_less_than_a_line_of_auth(verb: str) -> None:
    """Settings of the profile ``hardened``: 8192 octets, and 12288 for AUTH."""
    line = verb.encode().ljust(8192, b"x")
    dialogue = Dialogue(config(limits=Limits.hardened())).ready()
    assert dialogue.feed(line + b"\r\n")[:4] == "500 "
    assert dialogue.say("NOOP") == "250 2.0.0 OK\r\n"
    told = dialogue.feed(line)
    assert told[:4] in ("", "500 ")
    assert dialogue.feed(b"x") == "421 4.7.0 mx.test The line is far too long\r\n"
    assert dialogue.closing


def test_a_line_of_auth_has_its_own_length_all_the_same() -> None:
    dialogue = Dialogue(
        config(mechanisms=("LOGIN",), plaintext_auth_without_tls=True, limits=Limits.hardened())
    ).ready()
    assert dialogue.feed(b"auth".ljust(12286, b" ") + b"\r\n")[:4] == "501 "
    assert dialogue.feed(b"Auth LOGIN ".ljust(12287, b"x") + b"\r\n")[:10] == "500 5.5.6 "
    for octet in b"AUTH LOGIN ".ljust(13312, b"x"):
        assert dialogue.feed(bytes([octet])) == ""
    assert dialogue.feed(b"x")[:10] == "421 4.7.0 "


def test_commands_behind_a_barrier_count_as_errors() -> None:
    settings = config(starttls=True, require_tls=True)
    assert until_enough(Dialogue(settings).ready(), "MAIL FROM:<>") == 20


@pytest.mark.threat("T-FLOOD")
@pytest.mark.parametrize("line", ["XYZZY", "", " NOOP"])
def test_unknown_commands_have_a_budget_of_their_own(line: str) -> None:
    assert until_enough(Dialogue().ready(), line) == 10
    assert until_enough(Dialogue(limited(max_unknown_commands=3)).ready(), line) == 3


@pytest.mark.threat("T-HARVEST", "T-FLOOD")
@pytest.mark.parametrize("line", ["NOOP", "RSET", "VRFY x", "EXPN x", "HELP", "EHLO x.test", "HELO x.test"])
def test_commands_that_bring_no_mail_are_counted(line: str) -> None:
    settings = config(expn=True, limits=Limits(max_noops=7))
    dialogue = Dialogue(settings).greeted()
    assert until_enough(dialogue, line) == 7
    # The EHLO of ready() is the first of them.
    assert until_enough(Dialogue(config(expn=True)).ready(), line) == 99


def test_a_message_begins_the_count_anew_and_a_transaction_alone_does_not() -> None:
    dialogue = Dialogue(limited(max_noops=3)).ready()
    dialogue.say("NOOP", "NOOP", "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "DATA")
    dialogue.say(".")
    assert until_enough(dialogue, "NOOP") == 3
    dialogue = Dialogue(limited(max_noops=3)).ready()
    assert until_enough(dialogue, "MAIL FROM:<>", "RSET") == 5


@pytest.mark.threat("T-FLOOD")
def test_mail_commands_are_counted_refused_ones_too() -> None:
    refusing = handler(mail=lambda *_: Reply(550, "No"))
    for dialogue in (
        Dialogue(limited(max_transactions=3)).ready(),
        Dialogue(limited(max_transactions=3), refusing).ready(),
    ):
        assert until_enough(dialogue, "MAIL FROM:<>", "RSET") in (3, 6)
    assert codes(Dialogue(limited(max_transactions=1)).ready().say("MAIL x", "MAIL FROM:<>")) == ["501", "421"]
    assert codes(Dialogue(limited(max_transactions=1)).ready().say("MAIL x", "MAIL x")) == ["501", "421"]
    assert codes(Dialogue(limited(max_transactions=1)).ready().say("MAILBOX x", "MAIL FROM:<>")) == ["500", "250"]


@pytest.mark.conformance("C116")
def test_recipients_over_the_limit_are_452_and_those_before_stay() -> None:
    got: list[int] = []
    hooks = handler(message=lambda session, envelope: got.append(len(envelope.recipients)))
    dialogue = Dialogue(limited(max_recipients=3), hooks).ready()
    written = dialogue.say("MAIL FROM:<>", *["RCPT TO:<b@mx.test>"] * 5, "DATA")
    assert codes(written) == ["250"] * 4 + ["452"] * 2 + ["354"]
    assert "452 4.5.3 Too many recipients\r\n" in written
    dialogue.say(".")
    assert got == [3]


@pytest.mark.threat("T-FLOOD")
def test_a_client_that_overshoots_for_ever_is_cut_off_and_each_transaction_begins_anew() -> None:
    settings = limited(max_recipients=1, max_recipients_overshoot=2)
    dialogue = Dialogue(settings).ready()
    for _ in range(3):
        assert codes(dialogue.say("MAIL FROM:<>", *["RCPT TO:<b@mx.test>"] * 3, "RSET")) == [
            "250", "250", "452", "452", "250",
        ]  # fmt: skip
    written = dialogue.say("MAIL FROM:<>", *["RCPT TO:<b@mx.test>"] * 5)
    assert codes(written) == ["250", "250", "452", "452", "421"]
    assert dialogue.closing


@pytest.mark.threat("T-HARVEST")
@pytest.mark.parametrize("line", ["RCPT TO:<unknown@mx.test>", "RCPT TO:<@>"])
def test_recipients_refused_for_good_are_counted_over_the_session(line: str) -> None:
    hooks = handler(rcpt=lambda session, rcpt: Reply(550, "No such user", "5.1.1"))
    dialogue = Dialogue(limited(max_bad_recipients=5, max_errors=None), hooks).ready()
    assert (
        codes(dialogue.say("MAIL FROM:<>", *[line] * 3, "RSET", "MAIL FROM:<>", *[line] * 2))[-2:]
        == [f"{'550' if 'unknown' in line else '501'}"] * 2
    )
    assert dialogue.say(line) == ENOUGH
    assert dialogue.closing


@pytest.mark.threat("T-FLOOD")
def test_recipients_refused_for_now_are_counted_by_themselves() -> None:
    hooks = handler(rcpt=lambda session, rcpt: Reply(450, "Greylisted", "4.7.1"))
    dialogue = Dialogue(limited(max_bad_recipients=0, max_deferred_recipients=3), hooks).ready()
    line = "RCPT TO:<b@mx.test>"
    assert codes(dialogue.say("MAIL FROM:<>", line, line, "RSET", "MAIL FROM:<>", line))[-1] == "450"
    assert dialogue.say(line) == ENOUGH
    assert dialogue.closing


@pytest.mark.threat("T-FLOOD")
@pytest.mark.parametrize("code", [450, 550])
def test_transactions_that_the_application_refuses_are_counted(code: int) -> None:
    # The EHLO of ready() is the first of them.
    hooks = handler(mail=lambda session, mail: Reply(code, "Not now"))
    assert until_enough(Dialogue(limited(max_noops=7), hooks).ready(), "MAIL FROM:<>") == 6
    too_large = "MAIL FROM:<> SIZE=99999999999"
    assert until_enough(Dialogue(limited(max_noops=7)).ready(), too_large) == 6
    hooks = handler(data=lambda session, envelope: Reply(code, "Not now"))
    dialogue = Dialogue(limited(max_noops=7), hooks).ready()
    dialogue.say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")
    assert until_enough(dialogue, "DATA") == 6


# Before authentication.


class Bob(CredentialStore):
    def verify_password(self, username: str, password: str) -> bool:
        return (username, password) == ("bob", "hunter2")


def submission(**limits: Any) -> Dialogue:
    settings = config(
        mechanisms=("PLAIN",), plaintext_auth_without_tls=True, require_auth=True, limits=Limits(**limits)
    )
    return Dialogue(settings, handler(credentials=Bob()))


@pytest.mark.parametrize("line", ["NOOP", "EHLO x.test", "MAIL FROM:<>"])
def test_commands_before_a_required_authentication_are_counted(line: str) -> None:
    assert until_enough(submission(max_commands_before_auth=5).greeted(), line) == 5


def test_behind_authentication_they_are_counted_no_more() -> None:
    dialogue = submission(max_commands_before_auth=3).ready()
    assert dialogue.say(PLAIN_BOB).startswith("235 ")
    assert codes(dialogue.say(*["NOOP"] * 10)) == ["250"] * 10


def test_where_authentication_is_not_required_nothing_is_counted_for_it() -> None:
    settings = config(mechanisms=("PLAIN",), plaintext_auth_without_tls=True, limits=Limits(max_commands_before_auth=1))
    assert codes(Dialogue(settings).ready().say(*["NOOP"] * 10)) == ["250"] * 10


def test_without_limits_nothing_is_too_much() -> None:
    dialogue = Dialogue(limited(max_errors=None, max_unknown_commands=None, max_noops=None, max_bad_recipients=None))
    dialogue.ready()
    assert len(codes(dialogue.say(*["XYZZY", "NOOP", "RCPT x"] * 500))) == 1500
    assert dialogue.receiving
