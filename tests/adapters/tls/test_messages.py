"""The envelope and the content that an object of the email package stands for."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from smtpcore_tls import message_of

from smtpcore.paths import Path
from smtpcore.session.client import Message


def email(*fields: tuple[str, str], body: str = "hello\n") -> EmailMessage:
    made = EmailMessage()
    for name, value in fields:
        made[name] = value
    made.set_content(body)
    return made


def read(octets: str | bytes) -> EmailMessage:
    octets = octets.encode() if isinstance(octets, str) else octets
    made = message_from_bytes(octets, policy=policy.default)
    assert isinstance(made, EmailMessage)
    return made


FROM = ("From", "Ann <ann@a.example>")
TO = ("To", "Bob <bob@b.example>")


def sender(message: Message) -> str:
    return message.mail.path.address


def recipients(message: Message) -> list[str]:
    return [recipient.path.address for recipient in message.recipients]


def octets(message: Message) -> bytes:
    assert isinstance(message.content, bytes)
    return message.content


def test_the_envelope_is_that_of_the_header_section() -> None:
    message = message_of(email(FROM, TO, ("Cc", "carl@c.example, bob@B.example"), ("Bcc", "dora@d.example")))
    assert sender(message) == "ann@a.example"
    assert recipients(message) == ["bob@b.example", "carl@c.example", "dora@d.example"]
    assert message.mail.params == {}


def test_bcc_is_not_sent_and_the_original_stays_as_it_is() -> None:
    original = email(FROM, TO, ("Bcc", "dora@d.example"), ("Resent-Bcc", "emil@e.example"))
    before = original.as_bytes()
    content = octets(message_of(original, "ann@a.example"))
    assert b"Bcc" not in content
    assert content.startswith(b"From: Ann <ann@a.example>\r\nTo: Bob <bob@b.example>\r\n")
    assert original["Bcc"] == "dora@d.example"
    assert original.as_bytes() == before


def test_parts_of_parts_stay_as_they_are() -> None:
    inner = MIMEMultipart("alternative", _subparts=[MIMEText("hello"), MIMEText("<p>hello", "html")])
    original = MIMEMultipart(_subparts=[inner, MIMEApplication(bytes(1000))])
    original["From"], original["To"] = FROM[1], TO[1]
    message = message_of(original)
    assert recipients(message) == ["bob@b.example"]
    assert octets(message).count(b"\r\n--===") == 6
    assert inner.get_boundary() is None
    assert original.get_boundary() is None


def test_what_is_given_counts_more_than_the_header_section() -> None:
    given: list[str | Path] = ["y@y.example", Path("z", "z.example"), '"a b"@y.example', "<y@y.example>"]
    message = message_of(email(FROM, TO), "x@x.example", given)
    assert sender(message) == "x@x.example"
    assert recipients(message) == ["y@y.example", "z@z.example", '"a b"@y.example', "y@y.example"]
    assert octets(message).startswith(b"From: Ann <ann@a.example>\r\nTo: Bob <bob@b.example>\r\n")


@pytest.mark.parametrize("null", ["", "<>", Path("", "")])
def test_the_null_sender_has_to_be_given(null: str | Path) -> None:
    assert message_of(email(FROM, TO), null).mail.path.is_null


def test_a_message_needs_no_header_section_where_the_envelope_is_given() -> None:
    message = message_of(email(), "ann@a.example", ["bob@b.example"])
    assert (sender(message), recipients(message)) == ("ann@a.example", ["bob@b.example"])


def test_the_sender_is_the_one_that_is_called_so() -> None:
    several = ("From", "ann@a.example, other@a.example")
    assert sender(message_of(email(several, ("Sender", "secretary@a.example"), TO))) == "secretary@a.example"
    with pytest.raises(ValueError, match="From has several addresses: give a sender"):
        message_of(email(several, TO))


def test_a_message_that_was_sent_on_goes_where_it_was_sent_on_to() -> None:
    message = message_of(
        email(
            FROM,
            TO,
            ("Resent-From", "ann@r.example, other@r.example"),
            ("Resent-Sender", "sender@r.example"),
            ("Resent-To", "to@r.example"),
            ("Resent-Cc", "cc@r.example"),
            ("Resent-Bcc", "bcc@r.example"),
            ("Bcc", "dora@d.example"),
        )
    )
    assert sender(message) == "sender@r.example"
    assert recipients(message) == ["to@r.example", "cc@r.example", "bcc@r.example"]
    assert b"bcc" not in octets(message).lower()


@pytest.mark.parametrize("between", ["", "Received: from x by y; Mon, 2 Mar 2026 10:00:00 +0000\n"])
def test_the_newest_of_several_blocks_counts(between: str) -> None:
    message = message_of(
        read(
            "Return-Path: <>\nReceived: from z by x; Mon, 2 Mar 2026 11:00:00 +0000\n"
            "Resent-From: second@r.example\nX-Between: them\nResent-To: newest@r.example\n"
            f"{between}"
            "Resent-From: first@r.example\nResent-To: old@r.example\nResent-Cc: older@r.example\n"
            "From: ann@a.example\nTo: bob@b.example\n\nhello\n"
        )
    )
    assert sender(message) == "second@r.example"
    assert recipients(message) == ["newest@r.example"]
    assert b"Resent-To: old@r.example\r\n" in octets(message)


def test_groups_and_quoted_local_parts_are_read() -> None:
    to = '"a b"@q.example, Friends: x@y.example, "Zoe, Z." <"q\\"r"@z.example>;, u@[192.0.2.1]'
    message = message_of(email(FROM, ("To", to), ("Cc", "undisclosed-recipients:;")))
    assert recipients(message) == ['"a b"@q.example', "x@y.example", '"q\\"r"@z.example', "u@[192.0.2.1]"]
    assert message.recipients[0].path == Path("a b", "q.example")


def test_an_address_that_is_not_ascii_makes_the_header_section_utf8() -> None:
    ascii_only = message_of(email(FROM, TO, ("Subject", "Grüße")))
    assert b"Subject: =?utf-8?" in octets(ascii_only)
    assert ascii_only.mail.params == {}
    for message in (
        message_of(email(FROM, ("To", "jürgen@bücher.example"), ("Subject", "Grüße"))),
        message_of(email(FROM, TO, ("Subject", "Grüße")), recipients=["jürgen@bücher.example"]),
        message_of(email(FROM, TO, ("Reply-To", "jürgen@bücher.example"), ("Subject", "Grüße"))),
    ):
        assert "Subject: Grüße\r\n".encode() in octets(message)
        assert message.mail.params == {"SMTPUTF8": True}
    assert sender(message_of(email(FROM, TO), "jürgen@bücher.example")) == "jürgen@bücher.example"


def test_a_policy_for_utf8_is_kept_to_messages_that_need_it() -> None:
    made = EmailMessage(policy=policy.SMTPUTF8)
    made["From"], made["To"], made["Subject"] = FROM[1], TO[1], "Grüße"
    assert b"Subject: =?utf-8?" in octets(message_of(made))


def test_a_message_that_was_read_as_octets_has_utf8_addresses_too() -> None:
    raw = "From: ann@a.example\nTo: Jürgen <jürgen@bücher.example>\nSubject: Grüße\n\nhello\n"
    for made in (read(raw), message_from_bytes(raw.encode())):
        message = message_of(made)
        assert recipients(message) == ["jürgen@bücher.example"]
        assert octets(message) == raw.replace("\n", "\r\n").encode()
        assert message.mail.params == {"SMTPUTF8": True}


def test_an_address_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match=r"To: .* not valid UTF-8"):
        message_of(read("From: ann@a.example\nTo: jürgen@b.example\n\n".encode("latin-1")))


def test_a_field_that_nothing_is_sent_to_may_be_whatever_it_is() -> None:
    message = message_of(read("From: a@a.example\nTo: b@b.example\nReply-To: =?utf-8?q?a=0D?=@x.example\n\nhello\n"))
    assert message.mail.params == {}
    assert b"\r\nReply-To: =?utf-8?q?a=0D?=@x.example\r\n" in octets(message)


def test_every_line_ends_with_crlf() -> None:
    message = message_of(read(b"From: ann@a.example\nTo: bob@b.example\n\nFrom here\r\nto there\n"))
    assert octets(message).endswith(b"\r\n\r\nFrom here\r\nto there\r\n")


def test_a_body_of_eight_bits_is_sent_as_such() -> None:
    made = email(FROM, TO)
    made.set_content("Grüße\n", cte="8bit")
    assert octets(message_of(made)).endswith("\r\n\r\nGrüße\r\n".encode())


def test_lines_that_begin_like_those_of_a_mailbox_stay_as_they_are() -> None:
    made = MIMEText("From here\n")
    made["From"], made["To"] = FROM[1], TO[1]
    assert octets(message_of(made)).endswith(b"\r\n\r\nFrom here\r\n")


def test_parameters_are_those_that_are_given() -> None:
    message = message_of(email(FROM, TO), mail={"ENVID": "x"}, rcpt={"NOTIFY": "NEVER"})
    assert message.mail.params == {"ENVID": "x"}
    assert message.recipients[0].params == {"NOTIFY": "NEVER"}


@pytest.mark.parametrize("field", [("Cc", "undisclosed-recipients:;"), ("Subject", "hello")])
def test_a_message_without_recipients_is_refused(field: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="no recipient: give recipients, or a field To, Cc or Bcc"):
        message_of(email(FROM, field))
    with pytest.raises(ValueError, match="no recipient"):
        message_of(email(FROM, TO), recipients=[])


def test_a_message_without_a_sender_is_refused() -> None:
    with pytest.raises(ValueError, match="no sender: give one"):
        message_of(email(TO))


@pytest.mark.parametrize(
    ("to", "fault"),
    [
        ("bob", "To: 'bob' is no list of addresses"),
        ("<>", "To: '<>' is no list of addresses"),
        ("a@b@c.example", "is no list of addresses"),
        ("a@b.example c@d.example", "is no list of addresses"),
        ("a@b.example; c@d.example", "is no list of addresses"),
        ("a@-b.example", "To: 'a@-b.example' cannot be sent to: "),
        ("grün@b\x9f.example", "cannot be sent to: control character"),
    ],
)
def test_a_field_that_is_no_list_of_addresses_is_refused_as_a_whole(to: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        message_of(email(FROM, ("To", to)))


@pytest.mark.parametrize(
    "to",
    [
        "=?utf-8?q?a=0D=0ARCPT_TO=3A=3Cx=40y.example=3E?=@b.example",
        "a@=?utf-8?q?b=0A?=.example",
        "=?utf-8?q?a=00?=@b.example",
        "=?utf-8?b?4oCo?=@b.example",
    ],
)
def test_an_address_cannot_carry_a_line_end_into_the_dialogue(to: str) -> None:
    with pytest.raises(ValueError, match="To"):
        message_of(read(f"From: ann@a.example\nTo: {to}\n\nhello\n"))


def test_an_address_cannot_end_its_path() -> None:
    message = message_of(read("From: ann@a.example\nTo: =?utf-8?q?x=40y=2Eexample=3E?= @b.example\n\nhello\n"))
    assert message.recipients[0].path.to_wire() == b'<"x@y.example>"@b.example>'


@pytest.mark.parametrize("address", ["bob@", "a@b.example\r\nDATA", "<a@b.example> SIZE=1", "a b@c.example"])
def test_what_is_given_has_to_be_an_address(address: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        message_of(email(FROM, TO), address)
    with pytest.raises(ValueError, match="is no address"):
        message_of(email(FROM, TO), recipients=[address])


def test_one_text_is_no_list_of_recipients() -> None:
    with pytest.raises(TypeError, match="not one string"):
        message_of(email(FROM, TO), recipients="bob@b.example")
