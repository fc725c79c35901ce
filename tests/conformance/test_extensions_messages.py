"""REQUIRETLS, AUTH=, priorities, times and the other services that are asked for a message (in a session)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smtpcore import (
    CredentialStore,
    Dialect,
    Envelope,
    Leniencies,
    Mail,
    Path,
    Rcpt,
    Reply,
    ServerConfig,
    ServerSession,
    handler,
)
from smtpcore.params.deliverby import ByMode, DeliverBy
from smtpcore.params.mtrk import Mtrk
from smtpcore.params.rrvs import Rrvs, RrvsAction
from smtpcore.session import Limits
from tests.session.driver import MOMENT, PLAIN_BOB, TLS, Dialogue, config

STRICT = Leniencies.strict()


class Open(CredentialStore):
    """Every password is right."""

    def verify_password(self, username: str, password: str) -> bool:
        return True


def dialogue(**settings: object) -> Dialogue:
    return Dialogue(config(leniencies=STRICT, limits=Limits(max_errors=None), **settings)).ready()


def hello(settings: ServerConfig) -> str:
    return Dialogue(settings).greeted().say("EHLO client.test")


@pytest.mark.conformance("C275")
def test_requiretls_is_for_use_within_tls() -> None:
    talk = dialogue(starttls=True, requiretls=True)
    assert "REQUIRETLS" not in talk.say("EHLO client.test")
    for parameter in ("REQUIRETLS", "requiretls", "REQUIRETLS=x"):
        assert talk.say(f"MAIL FROM:<a@b.c> {parameter}").startswith("530 5.7.0 ")
    talk.say("STARTTLS")
    talk.tls(TLS)
    assert "250-REQUIRETLS\r\n" in talk.say("EHLO client.test")
    assert talk.say("MAIL FROM:<a@b.c> REQUIRETLS=x").startswith("501 5.5.4 ")
    assert talk.say("MAIL FROM:<a@b.c> REQUIRETLS").startswith("250 2.1.0 ")
    assert talk.session.envelope is not None
    assert talk.session.envelope.mail.requiretls
    talk.say("HELO client.test")
    assert talk.say("MAIL FROM:<a@b.c> REQUIRETLS").startswith("555 5.5.4 ")


@pytest.mark.conformance("C275")
def test_requiretls_is_unknown_where_it_is_not_configured() -> None:
    assert dialogue(starttls=True).say("MAIL FROM:<a@b.c> REQUIRETLS").startswith("555 5.5.4 ")


AUTH = {"mechanisms": ("PLAIN",), "plaintext_auth_without_tls": True}


def authenticating(trusted: bool | None = None, **settings: object) -> tuple[Dialogue, list[Envelope]]:
    envelopes: list[Envelope] = []

    def mail(session: ServerSession, _: object) -> None:
        session.trusted = trusted

    hooks = handler(mail=mail, message=lambda _, envelope: envelopes.append(envelope))
    hooks.credentials = Open()
    return Dialogue(config(leniencies=STRICT, **AUTH, **settings), hooks).ready(), envelopes


def send(talk: Dialogue, parameters: str) -> str:
    """Send a message; gives the reply to MAIL."""
    reply = talk.say(f"MAIL FROM:<a@b.c> {parameters}".rstrip())
    talk.say("RCPT TO:<b@c.d>", "DATA")
    talk.say("x", ".")
    return reply


@pytest.mark.conformance("C246", "C334")
@pytest.mark.parametrize(
    ("logged_in", "trusted", "believed"),
    [
        (False, None, Path("", "")),
        (True, None, Path("e=mc2", "d.e")),
        (False, True, Path("e=mc2", "d.e")),
        (True, False, Path("", "")),
    ],
)
def test_what_auth_claims_is_believed_of_those_only_who_are_trusted(
    logged_in: bool, trusted: bool | None, believed: Path
) -> None:
    talk, envelopes = authenticating(trusted)
    if logged_in:
        assert talk.say(PLAIN_BOB).startswith("235 ")
        # AUTH is no longer on offer, and still in force.
        assert send(talk, "AUTH=e+3Dmc2@d.e").startswith("250 2.1.0 ")
    else:
        assert send(talk, "AUTH=e+3Dmc2@d.e").startswith("250 2.1.0 ")
    [envelope] = envelopes
    assert envelope.mail.auth == Path("e=mc2", "d.e")
    assert envelope.auth == believed


@pytest.mark.conformance("C246")
def test_auth_is_accepted_from_anyone_and_may_be_null_or_missing() -> None:
    talk, envelopes = authenticating()
    assert send(talk, "AUTH=<>").startswith("250 2.1.0 ")
    assert send(talk, "").startswith("250 2.1.0 ")
    assert [envelope.auth for envelope in envelopes] == [Path("", ""), None]


@pytest.mark.conformance("C247")
@pytest.mark.threat("T-REPLY")
@pytest.mark.parametrize("value", ["a+0D+0Ab@c.d", "a+00@b.c", "a", "a@", "a+zz@b.c", "+3Ca@b.c+3E"])
def test_what_auth_decodes_to_is_a_mailbox_or_nothing(value: str) -> None:
    assert dialogue(**AUTH).say(f"MAIL FROM:<a@b.c> AUTH={value}").startswith("501 5.5.4 ")


@pytest.mark.conformance("C278")
@pytest.mark.parametrize(
    ("parameters", "reply"),
    [
        ("MT-PRIORITY=-9", "250 2.1.0 "),
        ("MT-PRIORITY=0", "250 2.1.0 "),
        ("MT-PRIORITY=10", "501 5.5.2 "),
        ("MT-PRIORITY=+3", "501 5.5.2 "),
        ("MT-PRIORITY=03", "501 5.5.2 "),
        ("MT-PRIORITY=1 MT-PRIORITY=1", "501 5.5.2 "),
        ("MT-PRIORITY", "501 5.5.2 "),
    ],
)
def test_a_priority_is_minus_nine_to_nine(parameters: str, reply: str) -> None:
    assert dialogue(mt_priority=True).say(f"MAIL FROM:<a@b.c> {parameters}").startswith(reply)


@pytest.mark.parametrize(
    ("logged_in", "asked", "reply", "given"),
    [
        (False, 5, "250 2.3.6 0 ", 0),
        (False, -5, "250 2.1.0 ", -5),
        (True, 9, "250 2.1.0 ", 9),
        (True, -9, "250 2.1.0 ", -9),
        (False, 0, "250 2.1.0 ", 0),
    ],
)
def test_nobody_goes_before_others_by_their_own_word(logged_in: bool, asked: int, reply: str, given: int) -> None:
    talk, envelopes = authenticating(mt_priority=True)
    if logged_in:
        talk.say(PLAIN_BOB)
    assert send(talk, f"MT-PRIORITY={asked}").startswith(reply)
    [envelope] = envelopes
    assert (envelope.mail.mt_priority, envelope.priority) == (asked, given)
    assert f"\tpriority {given};".encode() in envelope.trace


def test_without_a_priority_the_trace_line_tells_none() -> None:
    talk, envelopes = authenticating(mt_priority=True)
    send(talk, "")
    assert envelopes[0].priority == 0
    assert b"priority" not in envelopes[0].trace


@pytest.mark.conformance("C276")
@pytest.mark.parametrize(
    ("parameters", "reply"),
    [
        ("BY=0;R", "501 5.5.4 "),
        ("BY=-5;R", "501 5.5.4 "),
        ("BY=-5;N", "250 2.1.0 "),
        ("BY=59;N", "250 2.1.0 "),
        ("BY=60;R", "250 2.1.0 "),
        ("BY=59;R", "555 5.5.4 "),
        ("BY=x", "501 5.5.4 "),
        ("BY=60;RT BY=60;R", "501 5.5.4 "),
    ],
)
def test_by_when_a_message_is_to_be_delivered(parameters: str, reply: str) -> None:
    assert dialogue(deliver_by=True, min_by_time=60).say(f"MAIL FROM:<a@b.c> {parameters}").startswith(reply)


def test_without_a_least_time_any_will_do() -> None:
    talk = dialogue(deliver_by=True)
    assert talk.say("MAIL FROM:<a@b.c> BY=1;RT").startswith("250 ")
    assert talk.session.envelope is not None
    assert talk.session.envelope.mail.by == DeliverBy(1, ByMode.RETURN, trace=True)


@pytest.mark.conformance("C277")
@pytest.mark.parametrize(
    ("parameters", "reply"),
    [
        ("HOLDFOR=5 HOLDUNTIL=2026-03-01T12:31:00Z", "501 5.5.4 "),
        ("HOLDFOR=5 HOLDFOR=5", "501 5.5.4 "),
        ("HOLDFOR=3600", "250 2.1.0 "),
        ("HOLDFOR=3601", "501 5.5.4 "),
        ("HOLDFOR=0", "501 5.5.4 "),
        ("HOLDUNTIL=2026-03-01T13:30:05Z", "250 2.1.0 "),
        ("HOLDUNTIL=2026-03-01T13:30:06Z", "501 5.5.4 "),
        ("HOLDUNTIL=2026-03-01T13:00:00+00:00", "501 5.5.4 "),
        ("HOLDUNTIL=tomorrow", "501 5.5.4 "),
        ("HOLDFOR=60 BY=60;R", "250 2.1.0 "),
        ("HOLDFOR=61 BY=60;R", "501 5.5.4 "),
        ("HOLDUNTIL=2026-03-01T12:31:05Z BY=60;N", "250 2.1.0 "),
        ("BY=60;N HOLDUNTIL=2026-03-01T12:31:06Z", "501 5.5.4 "),
    ],
)
def test_how_long_a_message_may_be_held(parameters: str, reply: str) -> None:
    talk = dialogue(submission=True, future_release=3600, deliver_by=True)
    assert talk.say(f"MAIL FROM:<a@b.c> {parameters}").startswith(reply)


@pytest.mark.conformance("C277")
def test_the_keyword_has_both_maxima_and_is_announced_on_submission_servers_only() -> None:
    assert "250-FUTURERELEASE 3600 2026-03-01T13:30:05Z\r\n" in hello(config(submission=True, future_release=3600))
    with pytest.raises(ValueError, match="submission"):
        config(future_release=3600)
    assert "FUTURERELEASE" not in hello(config(submission=True))


def test_a_client_is_held_to_what_it_was_told_however_long_ago() -> None:
    talk = dialogue(submission=True, future_release=3600)
    talk.session.utcnow = lambda: MOMENT + timedelta(hours=1)
    assert talk.say("MAIL FROM:<a@b.c> HOLDUNTIL=2026-03-01T13:30:06Z").startswith("501 ")
    assert "2026-03-01T14:30:05Z" in talk.say("EHLO client.test")
    assert talk.say("MAIL FROM:<a@b.c> HOLDUNTIL=2026-03-01T13:30:06Z").startswith("250 ")
    assert talk.session.envelope is not None
    assert talk.session.envelope.mail.hold_until == datetime(2026, 3, 1, 13, 30, 6, tzinfo=UTC)
    assert talk.session.envelope.mail.hold_for is None


@pytest.mark.conformance("C279")
@pytest.mark.parametrize(
    ("value", "reply"),
    [
        ("2014-04-03T23:01:00Z;C", "250 2.1.5 "),
        ("2014-04-03T23:01:00Z", "250 2.1.5 "),
        ("2014-04-03T23:01:00.5Z", "501 5.5.4 "),
        ("2014-04-03T23:01:00Z;X", "501 5.5.4 "),
    ],
)
def test_since_when_a_mailbox_has_its_owner(value: str, reply: str) -> None:
    talk = dialogue(rrvs=True)
    talk.say("MAIL FROM:<a@b.c>")
    assert talk.say(f"RCPT TO:<b@c.d> RRVS={value}").startswith(reply)


def test_the_services_are_given_to_the_application_as_values() -> None:
    seen: list[object] = []

    def mail_(_: object, mail: Mail) -> None:
        seen.append((mail.solicit, mail.mtrk, mail.submitter, mail.conperm))

    def rcpt_(_: object, rcpt: Rcpt) -> Reply:
        seen.append((rcpt.rrvs, rcpt.conneg))
        return Reply(250, "(image-file-structure=TIFF)")

    settings = {"dsn": True, "mtrk": True, "submitter": True, "conperm": True, "conneg": True, "rrvs": True}
    talk = Dialogue(config(no_soliciting=("org.example:ADV",), **settings), handler(mail=mail_, rcpt=rcpt_)).ready()
    mail = "SOLICIT=org.example:ADV,b:c MTRK=AAECAwQFBgcICQoLDA0ODxAREhM:60 ENVID=1@x.org SUBMITTER=c@d.e CONPERM"
    assert talk.say(f"MAIL FROM:<a@b.c> {mail}").startswith("250 2.1.0 ")
    assert talk.say("RCPT TO:<b@c.d> CONNEG RRVS=2014-04-03T23:01:00Z;C").startswith("250 2.0.0 (image")
    since = datetime(2014, 4, 3, 23, 1, tzinfo=UTC)
    assert seen == [
        (("org.example:ADV", "b:c"), Mtrk(bytes(range(20)), 60), Path("c", "d.e"), True),
        (Rrvs(since, RrvsAction.CONTINUE), True),
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        "SOLICIT=1a", "SOLICIT=", "SOLICIT=" + "a" * 1001, "MTRK=x ENVID=1@x.org", "CONPERM=yes",
        "MTRK=AAECAwQFBgcICQoLDA0ODxAREhM", "MTRK=AAECAwQFBgcICQoLDA0ODxAREhM ENVID=1", "SUBMITTER=<>", "SUBMITTER=a",
    ],
)  # fmt: skip
def test_bad_values_of_the_other_services_are_501(parameters: str) -> None:
    talk = dialogue(dsn=True, mtrk=True, submitter=True, conperm=True, no_soliciting=())
    assert talk.say(f"MAIL FROM:<a@b.c> {parameters}").startswith("501 5.5.4 ")
    assert talk.say("MAIL FROM:<a@b.c>").startswith("250 ")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"deliver_by": True}, "DELIVERBY"),
        ({"deliver_by": True, "min_by_time": 0}, "DELIVERBY 0"),
        ({"mt_priority": True}, "MT-PRIORITY"),
        ({"mt_priority": True, "mt_priority_policy": "MIXER"}, "MT-PRIORITY MIXER"),
        ({"no_soliciting": ()}, "NO-SOLICITING"),
        ({"no_soliciting": ("a:b", "c")}, "NO-SOLICITING a:b,c"),
        ({"rrvs": True}, "RRVS"),
        ({"dsn": True, "mtrk": True}, "MTRK"),
        ({"submitter": True}, "SUBMITTER"),
        ({"conperm": True}, "CONPERM"),
        ({"conneg": True}, "CONNEG"),
    ],
)
def test_each_service_is_announced_when_configured_and_not_otherwise(settings: dict[str, object], line: str) -> None:
    assert f"250-{line}\r\n" in hello(config(**settings))
    assert line.partition(" ")[0] not in hello(config())


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"requiretls": True}, "starttls"),
        ({"mtrk": True}, "DSN"),
        ({"min_by_time": 5}, "deliver_by"),
        ({"deliver_by": True, "min_by_time": -1}, "min_by_time"),
        ({"deliver_by": True, "min_by_time": 10**9}, "min_by_time"),
        ({"submission": True, "future_release": 0}, "999999999"),
        ({"submission": True, "future_release": 10**9}, "999999999"),
        ({"submission": True, "dialect": Dialect.LMTP}, "LMTP"),
        ({"mt_priority_policy": "MIXER"}, "mt_priority"),
        ({"mt_priority": True, "mt_priority_policy": "x" * 21}, "20"),
        ({"mt_priority": True, "mt_priority_policy": "a b"}, "20"),
        ({"no_soliciting": ("a,b", "")}, "no_soliciting"),
        ({"no_soliciting": ("1a",)}, "no_soliciting"),
    ],
)
def test_what_cannot_be_offered_is_told_at_once(settings: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        config(**settings)


@pytest.mark.conformance("C339")
def test_a_submission_server_never_greets_with_521() -> None:
    def greeting(**settings: object) -> str:
        talk = Dialogue(config(**settings), handler(connect=lambda *_: Reply(521, "No mail here")))
        return talk.run() + talk.wait(0)

    assert greeting(submission=True) == "554 mx.test No mail here\r\n"
    assert greeting() == "521 mx.test No mail here\r\n"
    lines = hello(config(submission=True))
    assert "ETRN" not in lines
    assert "ATRN" not in lines


def test_size_is_looked_at_behind_what_the_parameters_say() -> None:
    talk = dialogue(deliver_by=True, min_by_time=60)
    assert talk.say("MAIL FROM:<a@b.c> SIZE=99999999999 BY=5;R").startswith("555 ")
    assert talk.say("MAIL FROM:<a@b.c> SIZE=99999999999").startswith("552 5.3.4 ")
    assert talk.say("MAIL FROM:<a@b.c> SIZE=5").startswith("250 ")
