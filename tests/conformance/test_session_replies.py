"""What the application answers, as it goes out; and what is never said twice."""

from __future__ import annotations

import re

import pytest

from smtpcore import Envelope, Limits, Reply, handler
from tests.session.driver import Dialogue, Recorder, config


def rcpt(reply: Reply) -> str:
    return Dialogue(handler=handler(rcpt=lambda *_: reply)).ready().say("MAIL FROM:<>", "RCPT TO:<b@mx.test>")


@pytest.mark.conformance("C108")
@pytest.mark.parametrize("code", [450, 451, 452, 550, 553, 554])
def test_a_refusal_says_whether_it_is_for_now_or_for_good(code: int) -> None:
    dialogue = Dialogue(handler=handler(mail=lambda *_: Reply(code, "No"))).ready()
    assert dialogue.say("MAIL FROM:<a@b.example>").startswith(f"{code} {code // 100}.")
    assert dialogue.session.envelope is None


@pytest.mark.conformance("C109")
def test_a_new_transaction_has_no_recipients_of_the_one_before() -> None:
    dialogue = Dialogue(handler=handler(data=lambda *_: Reply(451, "Later"))).mailing()
    dialogue.say("DATA", "RSET", "MAIL FROM:<>")
    assert dialogue.session.envelope is not None
    assert dialogue.session.envelope.recipients == []
    assert dialogue.say("DATA").startswith("503 ")


@pytest.mark.conformance("C119", "C124")
def test_a_refused_recipient_does_not_end_the_transaction_and_data_needs_an_accepted_one() -> None:
    hooks = handler(rcpt=lambda session, rcpt: Reply(550, "No") if rcpt.path.local == "no" else None)
    dialogue = Dialogue(handler=hooks).ready()
    written = dialogue.say("MAIL FROM:<>", "RCPT TO:<no@mx.test>", "DATA")
    assert [line[:9] for line in written.splitlines()] == ["250 2.1.0", "550 5.7.1", "554 5.5.1"]
    assert dialogue.say("RCPT TO:<yes@mx.test>", "DATA").splitlines()[1].startswith("354 ")
    assert [one.path.local for one in dialogue.session.envelope.recipients] == ["yes"]  # type: ignore[union-attr]


@pytest.mark.conformance("C122", "C123")
@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (Reply(556, "No mail here", "5.1.10"), "556 5.1.10 No mail here"),
        (Reply(251, "Will forward to <c@b.example>"), "251 2.1.5 Will forward to <c@b.example>"),
        (Reply(551, "Please try <c@b.example>"), "551 5.1.6 Please try <c@b.example>"),
        (Reply(452, "No room"), "452 4.3.1 No room"),
    ],
)
def test_the_less_usual_answers_to_rcpt_are_possible(reply: Reply, line: str) -> None:
    assert rcpt(reply).splitlines()[1] == line


@pytest.mark.conformance("C138", "C139")
@pytest.mark.parametrize("answer", [Reply(451, "Later"), Reply(554, "No"), RuntimeError("half of it")])
def test_a_message_gets_one_reply_and_a_refused_one_is_nobodys(answer: object) -> None:
    stored: list[Envelope] = []

    def message(session: object, envelope: Envelope) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    recorder = Recorder()
    dialogue = Dialogue(handler=handler(message=message), observer=recorder).mailing()
    dialogue.say("RCPT TO:<c@mx.test>", "DATA")
    written = dialogue.say("hi", ".")
    assert re.fullmatch(r"[45]\d\d [45]\.\d\.\d [^\r\n]*\r\n", written)
    assert stored == []
    assert [code for verb, code in recorder.named("replied") if verb == "."] == [int(written[:3])]
    assert dialogue.session.envelope is None


@pytest.mark.conformance("C141")
def test_a_declared_size_does_not_end_the_content() -> None:
    got: list[bytes] = []
    dialogue = Dialogue(handler=handler(message=lambda session, envelope: got.append(envelope.content))).ready()
    dialogue.say("MAIL FROM:<> SIZE=5", "RCPT TO:<b@mx.test>", "DATA")
    dialogue.say("x" * 98, ".")
    assert len(got[0]) == 100


@pytest.mark.conformance("C144")
def test_a_message_without_a_valid_recipient_cannot_be_had() -> None:
    asked: list[str] = []
    hooks = handler(
        rcpt=lambda *_: Reply(550, "No"),
        data=lambda *_: asked.append("data"),
        message=lambda *_: asked.append("message"),
    )
    dialogue = Dialogue(handler=hooks).ready()
    assert dialogue.say("MAIL FROM:<>", "DATA").splitlines()[1].startswith("503 ")
    assert dialogue.say("RCPT TO:<b@mx.test>", "DATA").splitlines()[1].startswith("554 ")
    assert asked == []


@pytest.mark.conformance("C152", "C155", "C158")
@pytest.mark.parametrize("arguments", [(250, "a\r\n250 ok"), (250, "a\nb"), (250, "a\0b"), (99, "x"), (600, "x")])
def test_a_reply_that_cannot_be_one_is_the_hooks_fault(arguments: tuple[int, str]) -> None:
    dialogue = Dialogue(handler=handler(mail=lambda *_: Reply(*arguments))).ready()
    assert dialogue.say("MAIL FROM:<>") == "451 4.3.0 Local error in processing\r\n"
    mismatched = Dialogue(handler=handler(mail=lambda *_: Reply(550, "x", "4.1.1"))).ready()
    assert mismatched.say("MAIL FROM:<>").startswith("451 4.3.0 ")


@pytest.mark.conformance("C157", "C159", "C160")
def test_enhanced_codes_stand_on_every_line_and_for_helo_clients_too() -> None:
    dialogue = Dialogue(handler=handler(mail=lambda *_: Reply(550, ("One", "Two"), "5.7.1"))).greeted()
    dialogue.say("HELO client.test")
    assert dialogue.say("MAIL FROM:<>") == "550-5.7.1 One\r\n550 5.7.1 Two\r\n"
    assert dialogue.say("NOOP") == "250 2.0.0 OK\r\n"
    assert Dialogue().mailing().say("DATA") == "354 Start mail input; end with <CRLF>.<CRLF>\r\n"


@pytest.mark.conformance("C157")
def test_enhanced_codes_may_be_off() -> None:
    dialogue = Dialogue(config(enhanced_codes=False)).ready()
    assert dialogue.say("NOOP", "XYZZY", "RCPT x") == (
        "250 OK\r\n500 Command unknown\r\n503 Not now: bad sequence of commands\r\n"
    )


# SIZE.


@pytest.mark.conformance("C182", "C183", "C186")
def test_what_is_declared_too_big_is_refused_at_once_and_what_is_not_never_for_its_size() -> None:
    settings = config(limits=Limits(max_message_size=1000))
    dialogue = Dialogue(settings).ready()
    assert dialogue.say("MAIL FROM:<> SIZE=1001") == "552 5.3.4 Message size exceeds the limit\r\n"
    assert dialogue.say("MAIL FROM:<> SIZE=1000").startswith("250 ")
    dialogue.say("RCPT TO:<b@mx.test>", "DATA")
    assert dialogue.say("x" * 998, ".").startswith("250 ")
    full = Dialogue(settings, handler(mail=lambda *_: Reply(452, "No room", "4.3.1"))).ready()
    assert full.say("MAIL FROM:<> SIZE=500") == "452 4.3.1 No room\r\n"


def test_without_a_limit_any_size_may_be_declared() -> None:
    dialogue = Dialogue(config(limits=Limits(max_message_size=0))).ready()
    assert dialogue.say("MAIL FROM:<> SIZE=99999999999999999999").startswith("250 ")


# Enquiries.


@pytest.mark.conformance("C288", "C289", "C290")
def test_vrfy_tells_nothing_by_default_and_is_never_missing() -> None:
    dialogue = Dialogue().greeted()
    assert dialogue.say("VRFY bob").startswith("252 2.5.0 ")
    assert dialogue.say("VRFY <bob@mx.test>").startswith("252 ")
    assert dialogue.say("VRFY").startswith("501 5.5.4 ")


@pytest.mark.conformance("C340")
@pytest.mark.parametrize("text", ["u@d.example", "<u@d.example>", "John Smith", "<", '"J. Smith" (home)', "x=y  z"])
def test_vrfy_and_expn_take_any_text(text: str) -> None:
    asked: list[str] = []
    hooks = handler(vrfy=lambda _, vrfy: asked.append(vrfy.text), expn=lambda _, expn: asked.append(expn.text))
    dialogue = Dialogue(config(expn=True), hooks).greeted()
    assert dialogue.say(f"VRFY {text}").startswith("252 2.5.0 ")
    assert dialogue.say(f"EXPN {text}").startswith("252 2.5.0 ")
    assert asked == [text, text]


@pytest.mark.conformance("C290", "C291")
def test_vrfy_verifies_where_somebody_knows() -> None:
    known = Dialogue(handler=handler(vrfy=lambda *_: Reply(250, "Bob <bob@mx.test>", "2.1.5"))).greeted()
    assert known.say("VRFY bob") == "250 2.1.5 Bob <bob@mx.test>\r\n"
    broken = Dialogue(handler=handler(vrfy=lambda *_: 1 / 0)).greeted()
    assert broken.say("VRFY bob").startswith("451 4.3.0 ")


@pytest.mark.conformance("C292")
def test_expn_is_announced_and_served_or_neither() -> None:
    assert Dialogue().ready().say("EXPN list").startswith("502 5.5.1 ")
    dialogue = Dialogue(
        config(expn=True), handler(expn=lambda *_: Reply(250, ("<a@mx.test>", "<b@mx.test>")))
    ).greeted()
    assert "EXPN" in dialogue.say("EHLO client.test")
    assert dialogue.say("EXPN list") == "250-2.0.0 <a@mx.test>\r\n250 2.0.0 <b@mx.test>\r\n"
    assert Dialogue(config(expn=True)).ready().say("EXPN list").startswith("252 2.5.0 ")


@pytest.mark.conformance("C293")
def test_help_lists_the_verbs_and_no_version() -> None:
    dialogue = Dialogue().greeted()
    written = dialogue.say("HELP")
    assert all(line.startswith(("214-2.0.0 ", "214 2.0.0 ")) for line in written.splitlines())
    assert " MAIL " in written
    assert "STARTTLS" not in written
    assert "smtpcore" not in written.lower()
    assert dialogue.say("HELP MAIL").startswith("214")


@pytest.mark.conformance("C070", "C071")
def test_arguments_where_none_belong() -> None:
    dialogue = Dialogue().mailing()
    for line in "RSET x", "DATA x", "QUIT x":
        assert dialogue.say(line).startswith("501 5.5.4 ")
    assert dialogue.say("NOOP anything <>").startswith("250 ")
    assert dialogue.say("DATA").startswith("354 ")


@pytest.mark.conformance("C246", "C247")
def test_auth_on_mail_is_taken_from_anybody_if_it_is_a_mailbox() -> None:
    dialogue = Dialogue(config(mechanisms=("PLAIN",), plaintext_auth_without_tls=True)).ready()
    assert dialogue.say("MAIL FROM:<a@b.example> AUTH=<>", "RSET").startswith("250 ")
    assert dialogue.say("MAIL FROM:<a@b.example> AUTH=a+0D+0Ab@c.example").startswith("501 5.5.4 ")
