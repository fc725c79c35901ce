"""Trace lines: what a delivering server writes before the content, and what cannot get into it (T-HEADER)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from smtpcore import CredentialStore, Envelope, Path, Peer, TlsInfo, handler
from smtpcore.session.received import date_time, received_line, safe_name, with_protocol
from tests.session.driver import PLAIN_BOB, TLS, Dialogue, config


class Open(CredentialStore):
    def verify_password(self, username: str, password: str) -> bool:
        return True


def trace_of(dialogue: Dialogue, *lines: str) -> bytes:
    """The trace of a message sent with these lines before DATA."""
    got: list[bytes] = []

    def message(session: object, envelope: Envelope) -> None:
        got.append(envelope.trace)

    dialogue.session.handler.message = message  # type: ignore[method-assign]
    dialogue.session.overridden |= {"message"}
    dialogue.say(*lines)
    dialogue.say("DATA")
    dialogue.say("hi", ".")
    return got[0]


@pytest.mark.conformance("C312", "C315", "C362")
def test_a_message_with_one_recipient() -> None:
    dialogue = Dialogue().ready()
    assert trace_of(dialogue, "MAIL FROM:<Ann@client.test>", "RCPT TO:<b@mx.test>") == (
        b"Return-Path: <Ann@client.test>\r\n"
        b"Received: from client.test ([192.0.2.7])\r\n"
        b"\tby mx.test with ESMTP id 000102030405.1\r\n"
        b"\tfor <b@mx.test>;\r\n"
        b"\tSun, 1 Mar 2026 12:30:05 +0000\r\n"
    )


@pytest.mark.conformance("C314", "C362")
def test_a_notification_with_two_recipients_names_neither() -> None:
    dialogue = Dialogue(peer=Peer("2001:db8::7")).greeted()
    dialogue.say("HELO [192.0.2.9]")
    assert trace_of(dialogue, "MAIL FROM:<>", "RCPT TO:<b@mx.test>", "RCPT TO:<c@mx.test>") == (
        b"Return-Path: <>\r\n"
        b"Received: from [192.0.2.9] ([IPv6:2001:db8::7])\r\n"
        b"\tby mx.test with SMTP id 000102030405.1;\r\n"
        b"\tSun, 1 Mar 2026 12:30:05 +0000\r\n"
    )


def test_a_message_through_tls_from_somebody_who_has_authenticated() -> None:
    settings = config(starttls=True, mechanisms=("PLAIN",))
    dialogue = Dialogue(settings, handler(credentials=Open()), peer=Peer()).secure()
    dialogue.say(PLAIN_BOB)
    assert trace_of(dialogue, "MAIL FROM:<>", "RCPT TO:<b@mx.test>") == (
        b"Return-Path: <>\r\n"
        b"Received: from client.test (unknown)\r\n"
        b"\tby mx.test with ESMTPSA id 000102030405.1\r\n"
        b"\tfor <b@mx.test>\r\n"
        b"\ttls TLS_AES_256_GCM_SHA384 (TLSv1.3);\r\n"
        b"\tSun, 1 Mar 2026 12:30:05 +0000\r\n"
    )


def test_the_trace_is_there_for_data_and_for_a_sink_and_not_before() -> None:
    seen: list[bytes] = []
    hooks = handler(
        rcpt=lambda session, rcpt: seen.append(session.envelope.trace),
        data=lambda session, envelope: seen.append(envelope.trace),
    )
    Dialogue(handler=hooks).in_data()
    assert seen[0] == b""
    assert seen[1].startswith(b"Return-Path: <a@client.test>\r\nReceived: ")


def test_the_trace_stays_the_same_when_the_session_goes_on() -> None:
    kept: list[Envelope] = []
    settings = config(starttls=True)
    dialogue = Dialogue(settings, handler(message=lambda session, envelope: kept.append(envelope))).in_data()
    dialogue.say("hi", ".", "EHLO other.test", "STARTTLS")
    dialogue.tls()
    dialogue.say("HELO third.test", "QUIT")
    dialogue.close()
    assert b"from client.test" in kept[0].trace
    assert b"with ESMTP id" in kept[0].trace
    assert b"tls" not in kept[0].trace


@pytest.mark.conformance("C313")
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"extended": False, "tls": False, "authenticated": False}, "SMTP"),
        ({"extended": False, "tls": True, "authenticated": False}, "SMTP"),
        ({"extended": True, "tls": False, "authenticated": False}, "ESMTP"),
        ({"extended": True, "tls": True, "authenticated": False}, "ESMTPS"),
        ({"extended": True, "tls": False, "authenticated": True}, "ESMTPA"),
        ({"extended": True, "tls": True, "authenticated": True}, "ESMTPSA"),
    ],
)
def test_the_with_clause_names_the_protocol(facts: dict[str, bool], expected: str) -> None:
    assert with_protocol(**facts) == expected


@pytest.mark.conformance("C315")
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 3, 1, 1, 2, 3, tzinfo=UTC), "Sun, 1 Mar 2026 01:02:03 +0000"),
        (
            datetime(1999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
            "Fri, 31 Dec 1999 23:59:59 -0330",
        ),
        (datetime(987, 1, 1, tzinfo=timezone(timedelta(hours=14))), "Mon, 1 Jan 0987 00:00:00 +1400"),
        (datetime(2026, 7, 4, tzinfo=timezone(timedelta(minutes=19, seconds=32))), "Sat, 4 Jul 2026 00:00:00 +0019"),
        (datetime(2026, 7, 4), "Sat, 4 Jul 2026 00:00:00 +0000"),  # noqa: DTZ001
    ],
)
def test_a_date_has_four_digits_of_year_and_a_numeric_zone(moment: datetime, expected: str) -> None:
    assert date_time(moment) == expected
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", expected)


@pytest.mark.conformance("C316")
@pytest.mark.threat("T-HEADER")
@pytest.mark.parametrize(
    "name",
    [
        "x) by evil; (",
        "x)\tfoo",
        "x\r\n\tfoo: bar",
        "[192.0.2.1] (evil",
        "a b",
        "evil; Sun, 1 Mar 2026 00:00:00 +0000",
        "x@y",
        "<x>",
        '"x"',
        "\u202eevil",
        "caf\xe9.example",
        "x" * 1000,
        "x\\",
        "x\0y",
        "x\x85y",
        "x\u2028y",
    ],
)
def test_no_name_of_a_client_can_break_the_line(name: str) -> None:
    safe = safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9.:_\[\]?-]{1,255}", safe)
    line = received_line(
        hostname="mx.test", helo=name, peer=Peer("192.0.2.7"), protocol="ESMTP", id="1", tls=None, recipients=[],
        moment=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip
    assert line.startswith(f"Received: from {safe} ([192.0.2.7])\r\n\tby mx.test".encode())
    assert line.count(b"\r\n") == 3
    assert line.count(b"(") == 1


@pytest.mark.conformance("C316")
@pytest.mark.threat("T-HEADER")
def test_hostile_names_come_through_the_dialogue_sanitised() -> None:
    for name in "x)(foo", "[192.0.2.1] x) by evil (", "my_pc", "-", "(":
        dialogue = Dialogue().greeted()
        assert dialogue.say(f"EHLO {name}").startswith("250")
        trace = trace_of(dialogue, "MAIL FROM:<>", "RCPT TO:<b@mx.test>")
        assert trace.count(b"(") == trace.count(b")") == 1


def test_names_and_literals_stay_as_they_are_and_none_is_unknown() -> None:
    for name in "client.test", "[192.0.2.1]", "[IPv6:2001:db8::1]":
        assert safe_name(name) == name
    assert safe_name("") == "unknown"
    assert safe_name("my_pc") == "my_pc"


@pytest.mark.threat("T-HEADER")
def test_a_cipher_without_a_registered_name_is_a_comment_and_cannot_break_the_line() -> None:
    def clause(cipher: str, version: str = "TLSv1.2") -> bytes:
        tls = TlsInfo(version, cipher, 128)
        line = received_line(
            hostname="mx.test", helo="x.test", peer=Peer(), protocol="ESMTPS", id="1", tls=tls, recipients=[],
            moment=datetime(2026, 3, 1, tzinfo=UTC),
        )  # fmt: skip
        return line.split(b"\r\n\t")[2].rstrip(b";")

    assert clause("TLS_AES_128_GCM_SHA256", "TLSv1.3") == b"tls TLS_AES_128_GCM_SHA256 (TLSv1.3)"
    assert clause("ECDHE-RSA-AES128-GCM-SHA256") == b"(TLSv1.2 cipher ECDHE-RSA-AES128-GCM-SHA256)"
    assert clause("x) y\r\n", "v\n(") == b"(v?? cipher x??y??)"


@pytest.mark.threat("T-HEADER")
def test_an_address_that_cannot_stand_in_a_line_is_left_out() -> None:
    def line(path: Path) -> bytes:
        return received_line(
            hostname="mx.test", helo="x.test", peer=Peer(), protocol="ESMTP", id="1", tls=TLS, recipients=[path],
            moment=datetime(2026, 3, 1, tzinfo=UTC),
        )  # fmt: skip

    assert b"for <b@mx.test>" in line(Path("b", "mx.test"))
    for path in Path("b\xe9", "mx.test"), Path("b\x07", "mx.test"), Path("b" * 1000, "mx.test"):
        assert b"for" not in line(path)
