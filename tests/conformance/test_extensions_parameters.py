"""MAIL and RCPT parameters in a session: what is in force, and how long the lines may be (RFC 5321 4.1.1.11)."""

from __future__ import annotations

import pytest

from smtpcore import Leniencies, Path, Rcpt, Reply, ServerConfig, handler
from smtpcore.session import Limits
from tests.session.driver import TLS, Dialogue, config

EVERYTHING = {
    "starttls": True,
    "mechanisms": ("PLAIN",),
    "dsn": True,
    "smtputf8": True,
    "requiretls": True,
    "announce_limits": True,
}
EXPOSED = {
    "submission": True,
    "deliver_by": True,
    "future_release": 86400,
    "mt_priority": True,
    "rrvs": True,
    "no_soliciting": (),
    "mtrk": True,
    "submitter": True,
    "conperm": True,
    "conneg": True,
}


def strict(**settings: object) -> Dialogue:
    """A session behind EHLO that is lenient in nothing."""
    return Dialogue(config(leniencies=Leniencies.strict(), **settings)).ready()


def secure(settings: ServerConfig) -> Dialogue:
    """A session behind STARTTLS and EHLO."""
    dialogue = Dialogue(settings).ready()
    dialogue.say("STARTTLS")
    dialogue.tls(TLS)
    dialogue.say("EHLO client.test")
    return dialogue


@pytest.mark.conformance("C102", "C103", "C105", "C106")
@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL FROM:<a@b.c> FOO=1", "555 5.5.4 "),
        ("MAIL FROM:<a@b.c> RET=FULL", "555 5.5.4 "),
        ("MAIL FROM:<a@b.c> SMTPUTF8", "555 5.5.4 "),
        ("MAIL FROM:<a@b.c> REQUIRETLS", "555 5.5.4 "),
        ("MAIL FROM:<a@b.c> AUTH=<>", "555 5.5.4 "),
        ("MAIL FROM:<a@b.c> TRANSID=<1@b.c>", "555 5.5.4 "),
        ("MAIL FROM:<a@b.c> ALT-ADDRESS=a@b.c", "555 5.5.4 "),
        ("MAIL FROM:<a@b.c> HOLDFOR=5", "555 5.5.4 "),
        ("MAIL FROM:<a@b.c>SIZE=1", "501 5.5.4 "),
        ("MAIL FROM:<a@b.c> SIZE=1 SIZE=2", "501 5.5.4 "),
        ("MAIL FROM:<a@b.c> SIZE=1 size=1", "501 5.5.4 "),
    ],
)
def test_a_parameter_that_is_not_in_force_or_not_well_put(line: str, reply: str) -> None:
    dialogue = strict()
    assert dialogue.say(line).startswith(reply)
    assert dialogue.say("MAIL FROM:<a@b.c>").startswith("250 2.1.0 ")


@pytest.mark.conformance("C103")
@pytest.mark.parametrize("parameter", ["NOTIFY=NEVER", "ORCPT=rfc822;a@b.c", "RRVS=2014-04-03T23:01:00Z", "CONNEG"])
def test_a_parameter_of_a_recipient_that_is_not_in_force(parameter: str) -> None:
    dialogue = strict()
    dialogue.say("MAIL FROM:<a@b.c>")
    assert dialogue.say(f"RCPT TO:<a@b.c> {parameter}").startswith("555 5.5.4 ")
    assert dialogue.say("RCPT TO:<a@b.c>").startswith("250 2.1.5 ")


@pytest.mark.conformance("C104")
def test_no_parameters_are_known_after_helo() -> None:
    dialogue = Dialogue(config(leniencies=Leniencies.strict(), **EVERYTHING)).greeted()
    dialogue.say("HELO client.test")
    for parameter in ("SIZE=1", "RET=FULL", "SMTPUTF8", "REQUIRETLS"):
        assert dialogue.say(f"MAIL FROM:<a@b.c> {parameter}").startswith("555 5.5.4 ")
    lenient = Dialogue(config(leniencies=Leniencies(helo_params=True))).greeted()
    lenient.say("HELO client.test")
    assert lenient.say("MAIL FROM:<a@b.c> RET=FULL").startswith("555 5.5.4 ")
    assert lenient.say("MAIL FROM:<a@b.c> SIZE=1 BODY=7BIT").startswith("250 2.1.0 ")


@pytest.mark.conformance("C107")
def test_an_equals_sign_inside_a_value_is_refused() -> None:
    assert strict(dsn=True).say("MAIL FROM:<a@b.c> ENVID=a=b").startswith("501 5.5.4 ")


def test_what_was_in_force_is_forgotten_with_the_next_helo() -> None:
    dialogue = strict(dsn=True)
    assert dialogue.say("MAIL FROM:<a@b.c> RET=FULL").startswith("250 ")
    dialogue.say("HELO client.test")
    assert dialogue.say("MAIL FROM:<a@b.c> RET=FULL").startswith("555 ")


def mail_limit(dialogue: Dialogue) -> int:
    """The longest MAIL line that is not too long, in octets with its CRLF, found by trying."""
    return longest(dialogue, "MAIL FROM:<a@b.c> X=")


def longest(dialogue: Dialogue, start: str) -> int:
    low, high = 512, 5000
    while low < high:
        middle = (low + high + 1) // 2
        reply = dialogue.say(start + "x" * (middle - 2 - len(start)))
        assert reply.startswith(("500 5.5.2 ", "555 5.5.4 ")), reply
        low, high = (middle, high) if reply.startswith("555") else (low, middle - 1)
    return low


UNBOUNDED = Limits(max_errors=None)


@pytest.mark.parametrize(
    ("settings", "mail", "rcpt"),
    [
        ({}, 512 + 26 + 14, 512),
        ({"dsn": True}, 512 + 26 + 14 + 116, 512 + 536),
        ({"smtputf8": True}, 512 + 26 + 14 + 10, 512),
        ({"deliver_by": True, "mt_priority": True}, 512 + 26 + 14 + 17 + 15, 512),
        ({"rrvs": True, "conneg": True}, 512 + 26 + 14, 512 + 33 + 7),
        ({"dsn": True, "mtrk": True, "submitter": True}, 512 + 26 + 14 + 116 + 40 + 780, 512 + 536),
        ({"no_soliciting": (), "conperm": True}, 512 + 26 + 14 + 1007 + 8, 512),
        ({"submission": True, "future_release": 5}, 512 + 26 + 14 + 34, 512),
    ],
)
def test_lines_grow_with_what_is_announced(settings: dict[str, object], mail: int, rcpt: int) -> None:
    dialogue = Dialogue(config(limits=UNBOUNDED, **settings)).ready()
    assert mail_limit(dialogue) == mail
    dialogue.say("MAIL FROM:<a@b.c>")
    assert longest(dialogue, "RCPT TO:<a@b.c> X=") == rcpt


def test_with_everything_that_is_served_in_full_mail_has_1191_octets_and_rcpt_1048() -> None:
    dialogue = secure(config(limits=UNBOUNDED, **{"binarymime": True} if BINARYMIME else {}, **EVERYTHING))
    assert mail_limit(dialogue) == (1191 if BINARYMIME else 1189)
    dialogue.say("MAIL FROM:<a@b.c>")
    assert longest(dialogue, "RCPT TO:<a@b.c> X=") == 1048


def test_with_all_there_is_mail_has_3092_octets_and_rcpt_1088() -> None:
    everything = {**EVERYTHING, **EXPOSED, **({"binarymime": True} if BINARYMIME else {})}
    dialogue = secure(config(limits=UNBOUNDED, **everything))
    assert mail_limit(dialogue) == (3092 if BINARYMIME else 3090)
    dialogue.say("MAIL FROM:<a@b.c>")
    assert longest(dialogue, "RCPT TO:<a@b.c> X=") == 1088


# BINARYMIME takes two octets more than 8BITMIME does.
BINARYMIME = "binarymime" in ServerConfig.__dataclass_fields__


def test_after_helo_every_line_has_512_octets_again() -> None:
    dialogue = Dialogue(config(limits=UNBOUNDED, **EVERYTHING)).ready()
    dialogue.say("HELO client.test")
    assert mail_limit(dialogue) == 512


@pytest.mark.conformance("C280")
def test_the_limit_that_is_announced_is_the_one_that_is_kept() -> None:
    def rcpt(_: object, command: Rcpt) -> Reply | None:
        return Reply(550, "No such user", "5.1.1") if command.path == Path("no", "mx.test") else None

    dialogue = Dialogue(config(announce_limits=True, limits=Limits(max_recipients=3)), handler(rcpt=rcpt)).greeted()
    assert "250-LIMITS RCPTMAX=3\r\n" in dialogue.say("EHLO client.test")
    for _ in range(2):
        dialogue.say("MAIL FROM:<a@b.c>")
        assert dialogue.say("RCPT TO:<yes@mx.test>").startswith("250 ")
        assert dialogue.say("RCPT TO:<no@mx.test>").startswith("550 ")
        assert dialogue.say("RCPT TO:<@>").startswith("501 ")
        assert dialogue.say("RCPT TO:<yes@mx.test>").startswith("452 4.5.3 ")
        dialogue.say("RSET")


@pytest.mark.conformance("C280")
def test_a_chunk_that_is_out_of_order_does_not_let_recipients_begin_anew() -> None:
    dialogue = Dialogue(config(announce_limits=True, limits=Limits(max_recipients=2))).ready()
    dialogue.say("MAIL FROM:<a@b.c>")
    for _ in range(2):
        assert dialogue.say("RCPT TO:<@>").startswith("501 ")
    assert dialogue.say("RCPT TO:<yes@mx.test>").startswith("452 4.5.3 ")
    assert dialogue.say("BDAT 0 LAST").startswith("503 ")
    assert dialogue.say("RCPT TO:<yes@mx.test>").startswith("452 4.5.3 ")


def test_where_nothing_was_announced_refused_recipients_take_no_room() -> None:
    dialogue = Dialogue(config(limits=Limits(max_recipients=1))).greeted()
    assert "LIMITS" not in dialogue.say("EHLO client.test")
    dialogue.say("MAIL FROM:<a@b.c>")
    assert dialogue.say("RCPT TO:<@>").startswith("501 ")
    assert dialogue.say("RCPT TO:<yes@mx.test>").startswith("250 ")
    assert dialogue.say("RCPT TO:<yes@mx.test>").startswith("452 4.5.3 ")


@pytest.mark.conformance("C357")
def test_mailmax_counts_every_mail_refused_ones_too() -> None:
    dialogue = Dialogue(config(announce_limits=True, limits=Limits(max_transactions=2))).greeted()
    assert "250-LIMITS RCPTMAX=1000 MAILMAX=2\r\n" in dialogue.say("EHLO client.test")
    assert dialogue.say("MAIL FROM:<@>").startswith("501 ")
    assert dialogue.say("MAIL FROM:<a@b.c>").startswith("250 ")
    assert dialogue.say("RSET").startswith("250 ")
    assert dialogue.say("MAIL FROM:<a@b.c>").startswith("421 4.7.0 ")
    assert dialogue.closing


def test_a_limit_that_cannot_be_said_is_not_announced() -> None:
    dialogue = Dialogue(config(announce_limits=True, limits=Limits(max_recipients=1_000_000))).greeted()
    assert "LIMITS" not in dialogue.say("EHLO client.test")
