"""What a client makes of replies and announcements, seen by what it sends next."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore.sasl import Credentials
from smtpcore.session.client import Status, TlsMode
from tests.session.client.dialogue import EHLO, ENVELOPE, USUAL, Server, greeted, message, statuses

BOB = Credentials(username="bob", password="hunter2")


def connected(greeting: bytes, **settings: Any) -> tuple[Server, bytes]:
    """A server that has sent its greeting, and what it was answered."""
    server = Server(tls=TlsMode.NONE, **settings)
    assert server.sees() == b""
    return server, server.says(greeting)


@pytest.mark.conformance("C030", "C162", "C163")
@pytest.mark.parametrize(
    "greeting", [b"220-a\r\n220-b\r\n220 c\r\n", b"220\r\n", b"220 \r\n", b"220-a\r\n220\r\n", b"250 x\r\n"]
)
def test_a_greeting_is_one_reply_whatever_its_form(greeting: bytes) -> None:
    server, sent = connected(greeting)
    assert sent == EHLO
    assert server.says(USUAL) == b""
    assert server.session.idle


@pytest.mark.conformance("C050")
def test_keywords_have_no_case_and_what_is_none_does_no_harm() -> None:
    server = greeted(b"250-srv\r\n250-***\r\n250-a_b c\r\n250-size 100000\r\n250 pipelining\r\n")
    server.session.submit(message())
    assert server.sees() == ENVELOPE


@pytest.mark.conformance("C052", "C343")
def test_parameters_of_smtputf8_are_passed_over() -> None:
    server = greeted(USUAL.replace(b"250-SIZE 100000", b"250-SMTPUTF8 foo"))
    server.session.submit(message(b"x\r\n", "\xe9@d.example"))
    assert server.sees().startswith(b"MAIL FROM:<a@b.example> SMTPUTF8\r\nRCPT TO:<\xc3\xa9@d.example>\r\n")


@pytest.mark.conformance("C053")
def test_the_old_spelling_of_auth_offers_mechanisms() -> None:
    server, _ = connected(b"220 srv\r\n", credentials=BOB, plaintext_auth_without_tls=True)
    assert server.says(b"250-srv\r\n250 AUTH=LOGIN PLAIN\r\n") == b"AUTH PLAIN AGJvYgBodW50ZXIy\r\n"


@pytest.mark.conformance("C163", "C165")
@pytest.mark.parametrize(
    ("replies", "result"),
    [
        ([b"259 a\r\n", b"250-b\r\n250-b\r\n250 b\r\n", b"354\r\n", b"299 d\r\n"], (Status.ACCEPTED, "final")),
        ([b"250\r\n", b"499 b\r\n", b"503 c\r\n", b"250 d\r\n"], (Status.TEMPORARY, "rcpt")),
        ([b"250-a\r\n250\r\n", b"599-b\r\n599 b\r\n", b"503 c\r\n", b"250 d\r\n"], (Status.PERMANENT, "rcpt")),
    ],
)
def test_a_reply_of_many_lines_or_of_an_unknown_code_answers_one_command(
    replies: list[bytes], result: tuple[Status, str]
) -> None:
    server = greeted()
    delivery = server.session.submit(message())
    assert server.sees() == ENVELOPE
    for reply in replies:
        server.says(reply)
    assert statuses(delivery) == [result]
    assert server.session.idle


@pytest.mark.conformance("C164", "C166")
@pytest.mark.parametrize("reply", [b"250-a\r\n550 b\r\n", b"150 x\r\n", b"abc\r\n", b"25 x\r\n", b"2500 x\r\n"])
def test_a_reply_that_is_none_ends_the_session(reply: bytes) -> None:
    server = greeted()
    delivery = server.session.submit(message())
    server.sees()
    assert server.says(reply) == b""
    assert not server.ends()
    assert statuses(delivery) == [(Status.TEMPORARY, "mail")]


@pytest.mark.conformance("C254")
def test_a_server_with_a_nonce_of_its_own_gets_no_proof() -> None:
    server, _ = connected(b"220 srv\r\n", credentials=BOB)
    assert server.says(b"250-srv\r\n250 AUTH SCRAM-SHA-256\r\n").startswith(b"AUTH SCRAM-SHA-256 ")
    # r=other,s=QQ==,i=4096
    assert server.says(b"334 cj1vdGhlcixzPVFRPT0saT00MDk2\r\n") == b"*\r\n"


@pytest.mark.conformance("C256")
def test_the_error_of_a_server_that_wants_another_token_is_answered() -> None:
    token = Credentials(username="bob", token="expired")
    server, _ = connected(b"220 srv\r\n", credentials=token, plaintext_auth_without_tls=True)
    assert server.says(b"250-srv\r\n250 AUTH OAUTHBEARER\r\n").startswith(b"AUTH OAUTHBEARER ")
    # {"status":"invalid_token"}
    assert server.says(b"334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n") == b"AQ==\r\n"
    server.says(b"535 5.7.8 no\r\n")
    assert "535" in str(server.session.failure)
