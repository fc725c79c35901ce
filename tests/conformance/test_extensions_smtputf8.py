"""SMTPUTF8 in a session (RFC 6531)."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore import CredentialStore, Dialect, Envelope, Extensions, Leniencies, Mail, Path, Reply, handler
from tests.session.driver import PLAIN_BOB, TLS, Dialogue, config

NOT_UTF8 = [
    b"\xff", b"\xc0\xae", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\xe2\x82",
    b"\xc2\x80", b"\xc2\x85", b"\xc2\x9f", b"\xe2\x80\xa8", b"\xe2\x80\xa9",
]  # fmt: skip


class Open(CredentialStore):
    """Every password is right."""

    def verify_password(self, username: str, password: str) -> bool:
        return True


def dialogue(**settings: object) -> Dialogue:
    return Dialogue(config(leniencies=Leniencies.strict(), **{"smtputf8": True, **settings})).ready()


def say(talk: Dialogue, line: str) -> str:
    """Feed a line in UTF-8."""
    return talk.feed(f"{line}\r\n".encode())


@pytest.mark.conformance("C258")
def test_8bitmime_is_announced_with_it() -> None:
    lines = Dialogue(config(smtputf8=True)).greeted().say("EHLO client.test")
    assert "250-SMTPUTF8\r\n" in lines
    assert "250-8BITMIME\r\n" in lines
    with pytest.raises(ValueError, match="requires 8BITMIME"):
        Extensions({"SMTPUTF8": ""})
    assert "SMTPUTF8" not in Dialogue(config()).greeted().say("EHLO client.test")


@pytest.mark.conformance("C259")
def test_the_parameter_takes_no_value() -> None:
    talk = dialogue()
    assert talk.say("MAIL FROM:<a@b.c> SMTPUTF8=1").startswith("501 5.5.4 ")
    assert talk.say("MAIL FROM:<a@b.c> SMTPUTF8=").startswith("501 5.5.4 ")
    assert talk.say("MAIL FROM:<a@b.c> smtputf8").startswith("250 2.1.0 ")


@pytest.mark.conformance("C260")
@pytest.mark.parametrize("path", ["<é@x.org>", "<a@é.org>", '<"é"@x.org>', "<@é.org:a@x.org>"])
def test_an_address_that_is_not_ascii_without_the_parameter(path: str) -> None:
    talk = dialogue(dsn=True)
    for parameters in ("", " SIZE=5", " RET=FULL"):
        assert say(talk, f"MAIL FROM:{path}{parameters}").startswith("550 5.6.7 ")
    assert say(talk, f"RCPT TO:{path}").startswith("503 ")  # the order is looked at before
    talk.say("MAIL FROM:<a@b.c>")
    assert say(talk, f"RCPT TO:{path}").startswith("553 5.6.7 ")
    assert talk.say("RCPT TO:<b@c.d>").startswith("250 ")


@pytest.mark.conformance("C009", "C260")
def test_where_it_is_not_on_offer_such_an_address_is_a_bad_one() -> None:
    talk = dialogue(smtputf8=False)
    assert say(talk, "MAIL FROM:<é@x.org>").startswith("501 5.1.7 ")
    talk.say("MAIL FROM:<a@b.c>")
    assert say(talk, "RCPT TO:<é@x.org>").startswith("501 5.1.3 ")
    assert say(talk, "VRFY é").startswith("501 5.5.2 ")
    helo = Dialogue(config(smtputf8=True)).greeted()
    helo.say("HELO client.test")
    assert say(helo, "MAIL FROM:<é@x.org>").startswith("501 5.1.7 ")


@pytest.mark.conformance("C261")
@pytest.mark.threat("T-UTF8")
@pytest.mark.parametrize(
    "path", ["<é@x.org>", "<用户@例子.org>", '<"a é"@x.org>', "<\U0001f600@x.org>", "<a\uff20b@x.org>"]
)
def test_with_the_parameter_valid_utf8_is_accepted_and_never_normalised(path: str) -> None:
    seen: list[Path] = []
    hooks = handler(mail=lambda _, mail: seen.append(mail.path), rcpt=lambda _, rcpt: seen.append(rcpt.path))
    talk = Dialogue(config(leniencies=Leniencies.strict(), smtputf8=True), hooks).ready()
    assert say(talk, f"MAIL FROM:{path} SMTPUTF8").startswith("250 2.1.0 ")
    assert say(talk, f"RCPT TO:{path}").startswith("250 2.1.5 ")
    assert [one.raw for one in seen] == [path.encode()] * 2


def test_the_parameter_counts_for_its_own_transaction_only() -> None:
    talk = dialogue()
    say(talk, "MAIL FROM:<é@x.org> SMTPUTF8")
    for reset in ("RSET", "EHLO client.test"):
        talk.say(reset)
        assert say(talk, "MAIL FROM:<é@x.org>").startswith("550 5.6.7 ")
        talk.say("MAIL FROM:<a@b.c>")
        assert say(talk, "RCPT TO:<é@x.org>").startswith("553 5.6.7 ")
        talk.say("RSET")
        say(talk, "MAIL FROM:<é@x.org> SMTPUTF8")
        # A faulty command in between takes nothing from the transaction.
        talk.feed(b"MAIL FROM:<a\x01@b.c>\r\n")
        assert say(talk, "RCPT TO:<é@x.org>").startswith("250 ")


def test_a_refused_mail_asks_for_nothing() -> None:
    hooks = handler(mail=lambda _, mail: Reply(450, "Later") if mail.smtputf8 else None)
    talk = Dialogue(config(smtputf8=True), hooks).ready()
    assert say(talk, "MAIL FROM:<é@x.org> SMTPUTF8").startswith("450 ")
    talk.say("MAIL FROM:<a@b.c>")
    assert say(talk, "RCPT TO:<é@x.org>").startswith("553 5.6.7 ")


@pytest.mark.conformance("C262")
@pytest.mark.threat("T-UTF8")
@pytest.mark.parametrize("octets", NOT_UTF8)
def test_what_is_no_valid_utf8_is_refused(octets: bytes) -> None:
    talk = dialogue(dsn=True)
    assert talk.feed(b"MAIL FROM:<%b@x.org> SMTPUTF8\r\n" % octets).startswith("501 5.1.7 ")
    assert talk.feed(b"MAIL FROM:<%b@x.org>\r\n" % octets).startswith("501 5.1.7 ")
    talk.say("MAIL FROM:<a@b.c> SMTPUTF8")
    assert talk.feed(b"RCPT TO:<a@%b.org>\r\n" % octets).startswith("501 5.1.3 ")
    assert talk.feed(b"RCPT TO:<a@b.c> ORCPT=utf-8;%b\r\n" % octets).startswith("501 5.5.4 ")
    assert talk.feed(b"VRFY %b SMTPUTF8\r\n" % octets).startswith("501 5.5.2 ")
    assert talk.say("RCPT TO:<b@c.d>").startswith("250 ")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL FROM:<a@b.c> SMTPUTF8 BODY=é", "501 5.5.2 "),
        ("MAIL FROM:<a@b.c> SMTPUTF8 ENVID=é", "501 5.5.2 "),
        ("MAIL FROM:<a@b.c> é SMTPUTF8", "501 5.5.4 "),
        ("MAIL FROMé:<a@b.c>", "501 5.5.2 "),
        ("MAIL FROM:<é\x01@b.c> SMTPUTF8", "501 5.5.2 "),
        ("MAIL FROM:<a@b.c> SUBMITTER=é@b.c", "501 5.5.2 "),
        ("MAIL FROM:<a@b.c> SUBMITTER=é@b.c SMTPUTF8", "250 2.1.0 "),
        ("MAIL FROM:<a@b.c> SUBMITTER=+C3+A9@b.c SMTPUTF8", "250 2.1.0 "),
        ("NOOP é", "501 5.5.2 "),
        ("EHLO é.org", "501 "),
        ("NOéP", "500 5.5."),
    ],
)
def test_utf8_stands_where_addresses_stand_and_nowhere_else(line: str, reply: str) -> None:
    assert say(dialogue(dsn=True, submitter=True), line).startswith(reply)


@pytest.mark.conformance("C342")
def test_an_original_recipient_in_raw_utf8_needs_the_parameter_on_mail() -> None:
    talk = dialogue(dsn=True)
    talk.say("MAIL FROM:<a@b.c>")
    assert talk.say("RCPT TO:<b@c.d> ORCPT=utf-8;\\x{E9}@x.org").startswith("250 ")
    assert say(talk, "RCPT TO:<b@c.d> ORCPT=utf-8;é@x.org").startswith("501 ")
    talk.say("RSET")
    talk.say("MAIL FROM:<a@b.c> SMTPUTF8")
    assert say(talk, "RCPT TO:<b@c.d> ORCPT=utf-8;é@x.org").startswith("250 ")
    assert talk.say("RCPT TO:<b@c.d> ORCPT=utf-8;\\x{E9}@x.org").startswith("250 ")


@pytest.mark.conformance("C263")
def test_other_replies_stay_ascii() -> None:
    def echo(_: object, mail: Mail) -> Reply:
        return Reply(250, f"{mail.path} accepted")

    talk = Dialogue(config(smtputf8=True), handler(mail=echo)).ready()
    assert say(talk, "MAIL FROM:<é@x.org> SMTPUTF8") == "250 2.0.0 \\x{e9}@x.org accepted\r\n"


def answering(stage: str, reply: Reply) -> Dialogue:
    hooks: dict[str, Any] = {stage: lambda *_: reply}
    return Dialogue(config(smtputf8=True, expn=True), handler(**hooks)).ready()


def last(talk: Dialogue, line: str) -> bytes:
    """What a line is answered, as octets."""
    talk.session.receive_data(f"{line}\r\n".encode())
    step = talk.session.next_step()
    data: bytes = step.data  # type: ignore[union-attr]
    talk.session.sent()
    return data


@pytest.mark.conformance("C264")
@pytest.mark.parametrize("verb", ["VRFY", "EXPN"])
def test_an_answer_that_needs_utf8_is_given_to_those_only_who_ask_for_it(verb: str) -> None:
    told = Reply(250, "Zoé <é@x.org>", "2.1.5")
    talk = answering(verb.lower(), told)
    assert last(talk, f"{verb} zoe").startswith(b"252 2.6.8 ")
    assert last(talk, f"{verb} zoe SMTPUTF8") == "250 2.1.5 Zoé <é@x.org>\r\n".encode()
    assert last(talk, f"{verb} é smtputf8") == "250 2.1.5 Zoé <é@x.org>\r\n".encode()
    refused = answering(verb.lower(), Reply(553, ("é@x.org", "è@x.org"), "5.1.4"))
    assert last(refused, f"{verb} zoe").startswith(b"550 5.6.8 ")
    assert last(refused, f"{verb} zoe SMTPUTF8") == "553-5.1.4 é@x.org\r\n553 5.1.4 è@x.org\r\n".encode()
    later = answering(verb.lower(), Reply(451, "Später"))
    assert last(later, f"{verb} zoe") == b"451 4.3.0 Sp\\x{e4}ter\r\n"


@pytest.mark.conformance("C264")
def test_a_question_in_utf8_without_the_parameter_cannot_be_answered() -> None:
    talk = dialogue(expn=True)
    for verb in ("VRFY", "EXPN"):
        assert say(talk, f"{verb} é@x.org").startswith("252 2.6.8 ")
        assert say(talk, f"{verb} é@x.org SMTPUTF8").startswith("252 2.5.0 ")
        assert say(talk, f"{verb} e@x.org").startswith("252 2.5.0 ")


def test_the_word_is_text_where_it_means_nothing() -> None:
    seen: list[tuple[str, bool]] = []
    hooks = handler(vrfy=lambda _, command: seen.append((command.text, command.utf8)))
    on = Dialogue(config(smtputf8=True), hooks).ready()
    for line in ("VRFY SMTPUTF8", "VRFY Jo  Doe SMTPUTF8", "VRFY a SMTPUTF8=1", "VRFY  SMTPUTF8"):
        on.say(line)
    Dialogue(config(), hooks).ready().say("VRFY a SMTPUTF8")
    assert seen == [
        ("SMTPUTF8", False), ("Jo  Doe", True), ("a SMTPUTF8=1", False), (" SMTPUTF8", False), ("a SMTPUTF8", False)
    ]  # fmt: skip


@pytest.mark.conformance("C341")
@pytest.mark.parametrize(("code", "instead"), [(251, b"250 2.1.5 "), (551, b"550 5.1.6 ")])
def test_251_and_551_tell_an_address_in_utf8_only_under_smtputf8(code: int, instead: bytes) -> None:
    talk = answering("rcpt", Reply(code, "see <é@x.org>"))
    last(talk, "MAIL FROM:<a@b.c>")
    plain = last(talk, "RCPT TO:<b@c.d>")
    assert plain.startswith(instead)
    assert plain.isascii()
    assert b"\\x" not in plain
    last(talk, "RSET")
    last(talk, "MAIL FROM:<a@b.c> SMTPUTF8")
    assert last(talk, "RCPT TO:<b@c.d>") == f"{code} {instead[4:9].decode()} see <é@x.org>\r\n".encode()


@pytest.mark.conformance("C341")
def test_251_with_an_ascii_address_stays_what_it_is() -> None:
    talk = answering("rcpt", Reply(251, "will forward to <e@x.org>"))
    last(talk, "MAIL FROM:<a@b.c>")
    assert last(talk, "RCPT TO:<b@c.d>") == b"251 2.1.5 will forward to <e@x.org>\r\n"


def test_a_reply_in_utf8_is_folded_between_characters_and_has_no_line_ends_of_other_kinds() -> None:
    text = "x" + "é" * 300  # so that the longest line would end within a character
    wire = Reply(250, text + "\u2028\x85\ud800").to_wire(utf8=True)
    lines = wire.split(b"\r\n")[:-1]
    assert all(len(line) <= 510 for line in lines)
    assert "".join(line.decode()[10:] for line in lines) == text + "\\x{2028}\\x{85}\\x{d800}"
    assert Reply(250, "é\tx").to_wire(utf8=True, enhanced=False) == "250 é\tx\r\n".encode()


@pytest.mark.parametrize(
    ("settings", "protocol"),
    [
        ({}, "UTF8SMTP"),
        ({"mechanisms": ("PLAIN",), "plaintext_auth_without_tls": True}, "UTF8SMTPA"),
        ({"starttls": True}, "UTF8SMTPS"),
        ({"starttls": True, "mechanisms": ("PLAIN",)}, "UTF8SMTPSA"),
        ({"dialect": Dialect.LMTP}, "UTF8LMTP"),
    ],
)
def test_the_trace_line_names_the_protocol_and_the_recipient_in_utf8(
    settings: dict[str, object], protocol: str
) -> None:
    traces: list[bytes] = []

    def message(_: object, envelope: Envelope) -> None:
        traces.append(envelope.trace)

    hooks = handler(message=message)
    hooks.credentials = Open()
    talk = Dialogue(config(smtputf8=True, **settings), hooks).greeted()
    hello = "LHLO" if settings.get("dialect") is Dialect.LMTP else "EHLO"
    talk.say(f"{hello} client.test")
    if "starttls" in settings:
        talk.say("STARTTLS")
        talk.tls(TLS)
        talk.say(f"{hello} client.test")
    if "mechanisms" in settings:
        assert talk.say(PLAIN_BOB).startswith("235 ")
    say(talk, "MAIL FROM:<é@x.org> SMTPUTF8")
    say(talk, "RCPT TO:<è@mx.test>")
    talk.say("DATA")
    talk.say("x", ".")
    [trace] = traces
    assert trace.startswith("Return-Path: <é@x.org>\r\n".encode())
    assert f" with {protocol} id ".encode() in trace
    assert "\tfor <è@mx.test>".encode() in trace
