"""CRAM-MD5: the example of RFC 2195, and responses that are wrong in one place."""

from __future__ import annotations

import hmac

import pytest

from smtpcore.sasl import Challenge, CramMd5Server, Failure, Identity, Secret, Success
from tests.sasl.exchange import PASSWORD, Store, begin, counted, respond, token_bytes

MALFORMED = Failure(malformed=True)


def digest(challenge: bytes, secret: str = PASSWORD) -> bytes:
    return hmac.digest(secret.encode(), challenge, "md5").hex().encode()


def challenged() -> tuple[CramMd5Server, bytes]:
    server = begin(CramMd5Server)
    challenge = server.step(None)
    assert isinstance(challenge, Challenge)
    return server, challenge.data


def test_the_example_of_the_rfc() -> None:
    class Server(CramMd5Server):
        def make_challenge(self) -> bytes:
            return b"<1896.697170952@postoffice.reston.mci.net>"

    server = begin(Server)
    server.step(None)
    assert server.step(b"tim b913a602c7eda7a495b4e6e7334d3890") == Secret("tim")
    assert server.answered("tanstaaftanstaaf") == Success(Identity("tim", mechanism="CRAM-MD5"))
    assert server.answered(b"tanstaaftanstaaf") == Success(Identity("tim", mechanism="CRAM-MD5"))


def test_the_challenge_is_a_message_id_that_is_used_once() -> None:
    _, challenge = challenged()
    assert challenge.startswith(b"<")
    assert challenge.endswith(b"@mx.test>")
    # All of 24 random octets.
    assert challenge[1:-1].partition(b"@")[0].replace(b".", b"") == token_bytes(24).hex().encode()


def test_who_knows_the_secret_gets_in() -> None:
    server, challenge = challenged()
    assert respond(server, b"user " + digest(challenge)) == Success(Identity("user", mechanism="CRAM-MD5"))


def test_the_user_name_is_prepared_and_may_have_spaces_in_it() -> None:
    server, challenge = challenged()
    assert isinstance(respond(server, "us\u00ader ".encode() + digest(challenge)), Success)
    assert server.step(b"a b " + digest(challenge)) == Secret("a b")


@pytest.mark.parametrize("name", ["user", "nobody"])
def test_a_wrong_digest_and_an_unknown_user_fail_alike(name: str) -> None:
    server, challenge = challenged()
    assert respond(server, f"{name} ".encode() + digest(challenge, "other")) == Failure()


@pytest.mark.parametrize("secret", [None, b"", ""])
def test_without_a_secret_not_even_its_stand_in_gets_in(secret: object) -> None:
    server, challenge = challenged()
    server.step(b"nobody " + digest(challenge, "no such user"))
    assert server.answered(secret) == Failure()
    server.step(b"nobody " + digest(challenge, ""))
    assert server.answered(secret) == Failure()


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"user",
        b"user ",
        b" " + b"0" * 32,
        b"0" * 32,
        b"user " + b"0" * 31,
        b"user " + b"0" * 33,
        b"user " + b"A" * 32,
        b"user " + b"0" * 32 + b"\n",
        b"user  " + b"g" * 32,
        b"us\xffer " + b"0" * 32,
    ],
)
def test_a_response_of_another_form_is_malformed(response: bytes) -> None:
    server, _ = challenged()
    assert respond(server, response) == MALFORMED


def test_a_name_that_cannot_be_prepared_fails() -> None:
    server, _ = challenged()
    assert respond(server, b"\x07 " + b"0" * 32) == Failure()


def test_the_work_is_the_same_whether_the_user_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr("hmac.digest", counted(hmac.digest, calls))
    monkeypatch.setattr("hmac.compare_digest", counted(hmac.compare_digest, calls))

    def work(name: bytes) -> list[str]:
        server, _ = challenged()
        calls.clear()
        respond(server, name + b" " + b"0" * 32, store=Store())
        return list(calls)

    assert work(b"user") == work(b"nobody") == ["digest", "compare_digest"]
