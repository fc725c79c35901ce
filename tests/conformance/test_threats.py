"""Octets of attackers, sent to a whole session, as far as no test of what they aim at has them."""

from __future__ import annotations

import pytest

from smtpcore import Mail, handler
from smtpcore.session.client import Status, TlsMode
from tests.session.client.dialogue import EHLO, Server, greeted, message, statuses
from tests.session.driver import Dialogue, config

MAIL = b"MAIL FROM:<a@client.test>"


def codes(written: str) -> list[str]:
    """The code of each reply."""
    return [line[:3] for line in written.splitlines() if line[3:4] != "-"]


def after(octets: bytes, **settings: object) -> list[str]:
    """What these octets and a NOOP are answered with behind EHLO; the session has to go on."""
    dialogue = Dialogue(config(**settings)).ready()
    found = codes(dialogue.feed(octets + b"NOOP\r\n"))
    assert found.pop() == "250"
    assert dialogue.receiving
    return found


@pytest.mark.threat("T-LINE")
def test_a_control_octet_or_an_empty_line_separates_nothing() -> None:
    assert after(b"EHLO x\x0bRSET\r\n") == ["501"]
    assert after(b"RCPT TO:<a@b.c>\r\r\n") == ["500"]
    dialogue = Dialogue().ready()
    assert codes(dialogue.feed(b"\r\nQUIT\r\n")) == ["500", "221"]


@pytest.mark.threat("T-TLS")
def test_nothing_that_was_said_before_the_handshake_is_run_within() -> None:
    dialogue = Dialogue(config(starttls=True)).greeted()
    written = dialogue.feed(b"EHLO x\r\nSTARTTLS\r\nEHLO y\r\nMAIL FROM:<a@b>\r\n")
    assert codes(written) == ["250", "554"]
    assert dialogue.closing


@pytest.mark.threat("T-TLS")
@pytest.mark.parametrize("line", [b"DATA\r\nabc", b"BDAT 5\r\nabc"], ids=["DATA", "BDAT"])
def test_an_end_of_tls_within_content_is_a_lost_connection(line: bytes) -> None:
    taken: list[object] = []
    dialogue = Dialogue(config(starttls=True), handler(message=lambda _, envelope: taken.append(envelope))).secure()
    dialogue.say("MAIL FROM:<a@client.test>", "RCPT TO:<b@mx.test>")
    dialogue.feed(line)
    assert dialogue.end_input() == ""
    assert dialogue.closing
    assert taken == []


@pytest.mark.threat("T-PARAM", "T-PY")
@pytest.mark.parametrize(
    ("parameter", "reply"),
    [
        (b"SIZE=9223372036854775808", "552"),
        (b"SIZE=\xd9\xa1\xd9\xa2", "501"),
        (b"SIZE=5\n", "500"),
        (b"SIZE=" + b"9" * 5000, "500"),
        (b"SIZE=\xc2\xb2", "501"),
        (b"SIZE=\x0b5", "501"),
        (b"A=1 " * 10_000, "500"),
        (b"A" * 400 + b"=1", "555"),
        (b"X==", "555"),
        (b"\xc3\xa9=1", "501"),
        (b"S\xc4\xb1ZE=1", "501"),
        (b"\xc5\xbfIZE=1", "501"),
        (b"MTR\xe2\x84\xaa=x", "501"),
        (b"ENVID=+", "501"),
        (b"ENVID=+4", "501"),
        (b"ENVID=+zz", "501"),
        (b"ENVID=+0d+0a", "501"),
        (b"ENVID=+00", "501"),
        (b"ENVID=+C3+A9", "501"),
        (b"ENVID==", "501"),
        (b"ENVID=a ENVID=a", "501"),
    ],
)
def test_a_parameter_out_of_every_grammar_is_one_refusal(parameter: bytes, reply: str) -> None:
    assert after(MAIL + b" " + parameter + b"\r\n", dsn=True) == [reply]


@pytest.mark.threat("T-PARAM", "T-FLOOD")
def test_a_chunk_that_will_never_come_is_refused_at_once() -> None:
    dialogue = Dialogue().mailing()
    assert codes(dialogue.feed(b"BDAT 4294967296\r\n0123456789")) == ["552"]
    assert dialogue.closing


@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize(
    "path",
    [
        b"<a@[>", b"<a@[]>", b"<a@[1.2.3.4>", b"<a@[1.2.3.4.5]>", b"<a@[IPv6:]>", b"<a@[IPv6:1:2:3:4:5:6:7:8:9]>",
        b"<a@[IPv6:::ffff:1.2.3.256]>", b"<a@[IPv6:::1%25eth0]>", b'<"a\\>', b'<"a\\"@b>', b"<a@" + b"d" * 64 + b">",
        b"<a@" + b".".join([b"d"] * 128) + b">", b"<a@" + b"d." * 127 + b"de>",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_501(path: bytes) -> None:
    assert after(b"MAIL FROM:" + path + b"\r\n") == ["501"]
    assert after(MAIL + b"\r\nRCPT TO:" + path + b"\r\n") == ["250", "501"]


@pytest.mark.threat("T-ADDR")
@pytest.mark.parametrize("path", [b"<a@b>", b"<a@b.123>", b"<a@xn--a.b>", b"<a@" + b"d" * 63 + b">", b"<postmaster>"])
def test_an_address_that_only_looks_odd_is_one(path: bytes) -> None:
    assert after(MAIL + b"\r\nRCPT TO:" + path + b"\r\n") == ["250", "250"]


@pytest.mark.threat("T-UTF8")
@pytest.mark.parametrize(
    ("local", "domain"),
    [
        ("a\uff20evil.example", "good.example"),
        ("a", "b\u3002c"),
        ("a", "b\uff0ec"),
        ("a", "b\u2024c"),
        ("a", "\u2100.example"),
        ("\ufeffa", "b.example"),
        ("\ufdd0\uffff", "b.example"),
        ("\u017f\u212a\u0131", "b.example"),
    ],
)
def test_characters_that_turn_into_others_stay_what_they_are(local: str, domain: str) -> None:
    seen: list[tuple[str, str]] = []

    def mail(_: object, command: Mail) -> None:
        seen.append((command.path.local, command.path.domain))

    dialogue = Dialogue(config(smtputf8=True), handler(mail=mail)).ready()
    assert codes(dialogue.feed(f"MAIL FROM:<{local}@{domain}> SMTPUTF8\r\n".encode())) == ["250"]
    assert seen == [(local, domain)]


@pytest.mark.threat("T-PROXY", "T-HEADER")
def test_an_identity_is_not_taken_from_strangers_nor_with_a_line_end_in_it() -> None:
    assert after(b"XCLIENT ADDR=127.0.0.1 LOGIN=admin\r\n") == ["500"]
    assert after(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n") == ["500"]
    front = {"xclient_networks": ["192.0.2.0/24"]}
    assert after(b"XCLIENT LOGIN=a+0D+0AX:+20y\r\n", **front) == ["501"]
    assert after(MAIL + b"\r\nXCLIENT ADDR=127.0.0.1 LOGIN=admin\r\n", **front) == ["250", "503"]


@pytest.mark.threat("T-PROXY")
def test_within_a_chunk_xclient_is_content_and_between_chunks_out_of_order() -> None:
    dialogue = Dialogue(config(xclient_networks=["192.0.2.0/24"])).mailing()
    assert codes(dialogue.feed(b"BDAT 17\r\nXCLIENT LOGIN=a\r\nXCLIENT LOGIN=a\r\n")) == ["250", "503"]


@pytest.mark.threat("T-PROXY")
def test_behind_xclient_a_proxy_header_is_an_unknown_command() -> None:
    dialogue = Dialogue(config(xclient_networks=["192.0.2.0/24"])).ready()
    assert codes(dialogue.say("XCLIENT ADDR=198.51.100.1", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2")) == ["220", "500"]
    assert str(dialogue.session.peer.host) == "198.51.100.1"


@pytest.mark.threat("T-HEADER", "T-UTF8")
@pytest.mark.parametrize("local", ["x\u202ey", "x\u2066y", "x\u200ey"])
def test_a_recipient_who_turns_the_text_around_is_not_named_in_the_trace(local: str) -> None:
    traces: list[bytes] = []
    hooks = handler(message=lambda _, envelope: traces.append(envelope.trace))
    dialogue = Dialogue(config(smtputf8=True), hooks).ready()
    dialogue.feed(f"MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<{local}@mx.test>\r\nDATA\r\n".encode())
    dialogue.say("x", ".")
    assert traces[0].isascii()
    assert b"\tfor " not in traces[0]


@pytest.mark.threat("T-HARVEST")
def test_nothing_is_told_about_users_nor_about_the_program() -> None:
    dialogue = Dialogue().ready()
    assert codes(dialogue.say("VRFY root", "VRFY nobody", "EXPN list", "MAIL FROM:<>", "RCPT TO:<nobody@mx.test>")) == [
        "252", "252", "502", "250", "250",
    ]  # fmt: skip
    told = b"".join(dialogue.writes) + dialogue.say("HELP").encode()
    assert b"smtpcore" not in told.lower()


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize(
    "ehlo",
    [
        b"250-srv\r\n" + b"250-X-KEYWORD\r\n" * 100_000,
        b"250-srv\r\n250 AUTH" + b" MECHANISM" * 10_000 + b"\r\n",
        b"250-" + b"x" * 1_000_000,
    ],
    ids=["100,000 keywords", "10,000 mechanisms", "a line of a megabyte"],
)
def test_an_announcement_without_end_ends_the_session(ehlo: bytes) -> None:
    server = Server(tls=TlsMode.NONE)
    delivery = server.session.submit(message())
    server.sees()
    assert server.says(b"220 srv\r\n") == EHLO
    server.says(ehlo)
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "hello")]


@pytest.mark.threat("T-CLIENT")
def test_a_reply_without_its_line_end_is_none() -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.sees()
    server.says(b"250 2.1.0 ok")
    server.closes()
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]
