"""AUTH by a client session."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore.sasl import Credentials
from smtpcore.session.client import ClientTranscript, Status, TlsMode
from smtpcore.tls import TlsInfo

from .dialogue import EHLO, TLS, Server, message, statuses

BOB = Credentials(username="bob", password="hunter2")
PLAIN_BOB = b"AUTH PLAIN AGJvYgBodW50ZXIy\r\n"


def offered(announced: bytes, tls: TlsInfo | None = TLS, **settings: Any) -> tuple[Server, bytes]:
    """A server that offers these mechanisms, and what the client does about it."""
    lines: list[str] = []
    mode = TlsMode.NONE if tls is None else TlsMode.IMPLICIT
    server = Server(observer=ClientTranscript(lines.append), **{"credentials": BOB, "tls": mode, **settings})
    server.lines = lines
    server.sees()
    if tls is not None:
        server.starts_tls(tls)
    assert server.says(b"220 srv\r\n") == EHLO
    return server, server.says(b"250-srv\r\n250 AUTH " + announced + b"\r\n")


def failure(server: Server) -> str:
    """Why the session failed."""
    return str(server.session.failure)


def test_a_session_authenticates_and_is_ready() -> None:
    server, sent = offered(b"LOGIN PLAIN")
    assert sent == PLAIN_BOB
    assert server.says(b"235 2.7.0 welcome\r\n") == b""
    assert server.session.idle
    assert server.session.mechanism == "PLAIN"


@pytest.mark.conformance("C251")
def test_an_exchange_goes_challenge_by_challenge() -> None:
    server, sent = offered(b"LOGIN")
    assert sent == b"AUTH LOGIN\r\n"
    assert server.says(b"334\r\n") == b"Ym9i\r\n"
    assert server.says(b"334 UGFzc3dvcmQ6\r\n") == b"aHVudGVyMg==\r\n"
    server.says(b"235 ok\r\n")
    assert server.session.idle
    shown = "\n".join(server.lines)
    assert "Ym9i" not in shown
    assert "aHVudGVyMg" not in shown
    assert "C: AUTH LOGIN" in shown


def test_the_transcript_has_no_secrets() -> None:
    server, _ = offered(b"PLAIN")
    assert "C: AUTH PLAIN <hidden>" in server.lines
    assert not any("AGJvYgBodW50ZXIy" in line for line in server.lines)
    assert "hunter2" not in repr(server.config)


@pytest.mark.conformance("C249")
def test_a_response_that_makes_the_line_too_long_waits_for_a_challenge() -> None:
    token = "t" * 600
    server, sent = offered(b"XOAUTH2", credentials=Credentials(username="bob", token=token))
    assert sent == b"AUTH XOAUTH2\r\n"
    response = server.says(b"334 \r\n")
    assert len(response) > 800
    server.says(b"235 ok\r\n")
    assert server.session.idle


@pytest.mark.conformance("C250")
def test_a_challenge_that_is_no_base64_is_cancelled() -> None:
    server, _ = offered(b"LOGIN")
    assert server.says(b"334 !!!\r\n") == b"*\r\n"
    assert server.says(b"501 ok\r\n") == b"QUIT\r\n"
    assert failure(server) == "auth: a challenge that is no base64"


def test_a_challenge_that_has_no_answer_is_cancelled() -> None:
    server, _ = offered(b"PLAIN")
    assert server.says(b"334 eA==\r\n") == b"*\r\n"
    assert server.says(b"501 ok\r\n") == b"QUIT\r\n"


@pytest.mark.parametrize(("code", "status"), [(b"535", Status.PERMANENT), (b"454", Status.TEMPORARY)])
def test_a_refusal_ends_the_session(code: bytes, status: Status) -> None:
    server, _ = offered(b"PLAIN LOGIN")
    delivery = server.session.submit(message())
    assert server.says(code + b" no\r\n") == b"QUIT\r\n"
    assert statuses(delivery) == [(status, "auth")]


def test_behind_a_cancelled_exchange_nothing_more_is_answered() -> None:
    server, sent = offered(b"LOGIN")
    assert sent == b"AUTH LOGIN\r\n"
    assert server.says(b"334 !!!\r\n") == b"*\r\n"
    assert server.says(b"334 UGFzc3dvcmQ6\r\n") == b""
    assert not server.ends()
    assert failure(server) == "auth: a challenge that is no base64"


def test_a_response_that_cannot_be_sent_is_cancelled() -> None:
    server, sent = offered(b"XOAUTH2", credentials=Credentials(username="bob", token="t" * 12288))
    assert sent == b"AUTH XOAUTH2\r\n"
    assert server.says(b"334 \r\n") == b"*\r\n"
    assert server.says(b"501 5.5.2 cancelled\r\n") == b"QUIT\r\n"
    assert failure(server).startswith("auth: the SASL response takes more than")


@pytest.mark.parametrize("reply", [b"504 not this one\r\n", b"538 not here\r\n"])
def test_another_mechanism_is_tried_where_the_server_does_not_want_the_first(reply: bytes) -> None:
    server, sent = offered(b"PLAIN LOGIN")
    assert sent == PLAIN_BOB
    assert server.says(reply) == b"AUTH LOGIN\r\n"
    assert server.says(b"534 nor this one\r\n") == b"QUIT\r\n"


@pytest.mark.conformance("C252")
def test_no_password_goes_out_in_clear_text() -> None:
    server, sent = offered(b"PLAIN LOGIN", tls=None)
    assert sent == b"QUIT\r\n"
    assert "no SASL mechanism" in failure(server)
    server, sent = offered(b"PLAIN LOGIN", tls=None, plaintext_auth_without_tls=True)
    assert sent == PLAIN_BOB


@pytest.mark.conformance("C227")
def test_no_password_goes_to_a_server_that_was_not_verified() -> None:
    unverified = TlsInfo("TLSv1.3", "TLS_AES_128_GCM_SHA256", 128)
    assert offered(b"PLAIN", tls=unverified)[1] == b"QUIT\r\n"
    assert offered(b"PLAIN", tls=unverified, plaintext_auth_without_tls=True)[1] == PLAIN_BOB
    assert offered(b"SCRAM-SHA-256 PLAIN", tls=unverified)[1].startswith(b"AUTH SCRAM-SHA-256 ")


def test_the_mechanisms_can_be_named() -> None:
    _, sent = offered(b"PLAIN LOGIN", mechanisms=["LOGIN", "PLAIN"])
    assert sent == b"AUTH LOGIN\r\n"


@pytest.mark.conformance("C253")
def test_a_success_that_proves_nothing_is_none() -> None:
    server, sent = offered(b"SCRAM-SHA-256")
    assert sent.startswith(b"AUTH SCRAM-SHA-256 ")
    assert server.says(b"235 2.7.0 trust me\r\n") == b""
    assert not server.ends()
    assert failure(server).startswith("auth: ")


@pytest.mark.conformance("C333")
def test_an_empty_initial_response_is_an_equals_sign() -> None:
    _, sent = offered(b"EXTERNAL", credentials=Credentials(certificate=True))
    assert sent == b"AUTH EXTERNAL =\r\n"


def test_credentials_that_cannot_be_sent_end_the_session() -> None:
    _, sent = offered(b"SCRAM-SHA-256", credentials=Credentials(username="bob", password="\u0007"))
    assert sent == b"QUIT\r\n"


def test_credentials_may_be_had_when_they_are_needed() -> None:
    _, sent = offered(b"PLAIN", credentials=lambda: BOB)
    assert sent == PLAIN_BOB


def test_credentials_may_have_to_be_waited_for() -> None:
    async def later() -> Credentials:
        return BOB

    server, sent = offered(b"PLAIN", credentials=later)
    assert sent == b""
    ask = server.ask()
    assert ask.stage == "credentials"
    ask.pending.close()  # type: ignore[attr-defined]
    server.session.answer(ask, BOB)
    assert server.sees() == PLAIN_BOB


def test_credentials_that_cannot_be_had_end_the_session() -> None:
    def broken() -> Credentials:
        raise OSError("hunter2")

    server, sent = offered(b"PLAIN", credentials=broken)
    assert sent == b"QUIT\r\n"
    assert failure(server) == "auth: the credentials could not be had"


def test_a_server_without_auth_gets_nothing() -> None:
    server = Server(tls=TlsMode.NONE, credentials=BOB)
    server.sees()
    server.says(b"220 srv\r\n")
    assert server.says(b"250 srv\r\n") == b"QUIT\r\n"


def test_after_a_server_has_gone_in_the_middle_the_message_is_not_begun() -> None:
    server, _ = offered(b"LOGIN")
    delivery = server.session.submit(message())
    server.says(b"421 bye\r\n")
    assert statuses(delivery) == [(Status.TEMPORARY, "auth")]
    assert not delivery.begun
