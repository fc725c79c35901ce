"""DSN in a session (RFC 3461, RFC 6533)."""

from __future__ import annotations

import pytest

from smtpcore import Envelope, Leniencies, Mail, Rcpt, Reply, handler
from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.params.orcpt import Orcpt
from tests.session.driver import Dialogue, config


def dialogue(**settings: object) -> Dialogue:
    return Dialogue(config(leniencies=Leniencies.strict(), dsn=True, **settings)).ready()


def test_dsn_is_announced_when_configured() -> None:
    assert "250-DSN\r\n" in Dialogue(config(dsn=True)).greeted().say("EHLO client.test")
    assert "DSN" not in Dialogue(config()).greeted().say("EHLO client.test")


ANSWERS = [None, Reply(550, "No", "5.7.1"), Reply(450, "Later", "4.7.1")]


@pytest.mark.conformance("C267")
@pytest.mark.parametrize("answer", ANSWERS, ids=["accepted", "refused", "put off"])
@pytest.mark.parametrize("parameters", ["RET=FULL", "RET=hdrs ENVID=QQ314159", "ENVID=a+20b", "envid=x RET=HDRS"])
def test_valid_ret_and_envid_never_change_the_answer(parameters: str, answer: Reply | None) -> None:
    with_them = Dialogue(config(dsn=True), handler(mail=lambda *_: answer)).ready()
    without = Dialogue(config(dsn=True), handler(mail=lambda *_: answer)).ready()
    assert with_them.say(f"MAIL FROM:<a@b.c> {parameters}") == without.say("MAIL FROM:<a@b.c>")


@pytest.mark.conformance("C353")
@pytest.mark.parametrize("answer", ANSWERS, ids=["accepted", "refused", "put off"])
@pytest.mark.parametrize("parameters", ["NOTIFY=NEVER", "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;B@c.d", "ORCPT=x400;+20"])
def test_valid_notify_and_orcpt_never_change_the_answer(parameters: str, answer: Reply | None) -> None:
    with_them = Dialogue(config(dsn=True), handler(rcpt=lambda *_: answer)).ready()
    without = Dialogue(config(dsn=True), handler(rcpt=lambda *_: answer)).ready()
    for talk in (with_them, without):
        talk.say("MAIL FROM:<a@b.c>")
    assert with_them.say(f"RCPT TO:<b@c.d> {parameters}") == without.say("RCPT TO:<b@c.d>")


@pytest.mark.conformance("C268", "C271", "C272", "C107")
@pytest.mark.parametrize(
    "parameters",
    [
        "RET=ALL", "RET", "RET=", "RET=FULL RET=FULL", "RET=FULL,HDRS", "ENVID", "ENVID=", "ENVID=a ENVID=a",
        "ENVID=a+3", "ENVID=a+zz", "ENVID=a+0Ab", "ENVID=a+00b", "ENVID=a+FFb", "ENVID=a=b", "ENVID=" + "x" * 101,
    ],
)  # fmt: skip
def test_invalid_or_repeated_ret_and_envid_are_501(parameters: str) -> None:
    talk = dialogue()
    assert talk.say(f"MAIL FROM:<a@b.c> {parameters}").startswith("501 5.5.4 ")
    assert talk.say("MAIL FROM:<a@b.c>").startswith("250 ")


@pytest.mark.conformance("C269", "C270", "C273", "C342")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("NOTIFY=success,Failure", "250 2.1.5 "),
        ("NOTIFY=NEVER", "250 2.1.5 "),
        ("NOTIFY=NEVER,SUCCESS", "501 5.5.4 "),
        ("NOTIFY=SUCCESS NOTIFY=SUCCESS", "501 5.5.4 "),
        ("NOTIFY=SUCCESS,SUCCESS", "501 5.5.4 "),
        ("NOTIFY=", "501 5.5.4 "),
        ("ORCPT=rfc822;b@c.d", "250 2.1.5 "),
        ("ORCPT=rfc822;" + "x" * 493, "250 2.1.5 "),
        ("ORCPT=rfc822;" + "x" * 494, "501 5.5.4 "),
        ("ORCPT=b@c.d", "501 5.5.4 "),
        ("ORCPT=rfc822;a+0Ab", "501 5.5.4 "),
        ("ORCPT=utf-8;\\x{E9}@x.org", "250 2.1.5 "),
        ("ORCPT=utf-8;\\x{D800}@x.org", "501 5.5.4 "),
        ("NOTIFY=NEVER ORCPT=rfc822;b@c.d", "250 2.1.5 "),
    ],
)
def test_what_a_recipient_may_ask_for(parameters: str, code: str) -> None:
    talk = dialogue()
    talk.say("MAIL FROM:<a@b.c>")
    assert talk.say(f"RCPT TO:<b@c.d> {parameters}").startswith(code)
    assert talk.say("RCPT TO:<b@c.d>").startswith("250 ")


@pytest.mark.conformance("C271", "C274")
def test_the_application_gets_typed_values_with_the_raw_form_for_a_relay() -> None:
    mails: list[Mail] = []
    rcpts: list[Rcpt] = []
    envelopes: list[Envelope] = []
    hooks = handler(
        mail=lambda _, mail: mails.append(mail),
        rcpt=lambda _, rcpt: rcpts.append(rcpt),
        message=lambda _, envelope: envelopes.append(envelope),
    )
    talk = Dialogue(config(dsn=True), hooks).ready()
    talk.say("MAIL FROM:<a@b.c> ENVID=a+3Db RET=hdrs", "RCPT TO:<b@c.d> ORCPT=RFC822;Bob+2b@C.d NOTIFY=delay,SUCCESS")
    [mail], [rcpt] = mails, rcpts
    assert (mail.ret, mail.envid) == (Ret.HDRS, Envid("a=b"))
    assert mail.envid is not None
    assert mail.envid.raw == b"a+3Db"
    assert (rcpt.notify, rcpt.orcpt) == (Notify.DELAY | Notify.SUCCESS, Orcpt("RFC822", "Bob+@C.d"))
    assert rcpt.orcpt is not None
    assert rcpt.orcpt.raw == b"RFC822;Bob+2b@C.d"
    talk.say("DATA")
    talk.say("x", ".")
    [envelope] = envelopes
    assert (envelope.mail, envelope.recipients) == (mail, [rcpt])


def test_a_command_without_parameters_asks_for_nothing() -> None:
    seen: list[object] = []

    def mail(_: object, command: Mail) -> None:
        seen.append((command.ret, command.envid, command.smtputf8, command.requiretls, command.by, command.hold_for))
        seen.append((command.hold_until, command.mt_priority, command.mtrk, command.submitter, command.conperm))
        seen.append((command.solicit, command.size, command.body, command.auth))

    def rcpt(_: object, command: Rcpt) -> None:
        seen.append((command.notify, command.orcpt, command.rrvs, command.conneg))

    Dialogue(config(), handler(mail=mail, rcpt=rcpt)).ready().say("MAIL FROM:<a@b.c>", "RCPT TO:<b@c.d>")
    assert seen == [
        (None, None, False, False, None, None),
        (None, None, None, None, False),
        ((), None, None, None),
        (None, None, None, False),
    ]
