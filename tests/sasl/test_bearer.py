"""OAUTHBEARER and XOAUTH2: the examples of RFC 7628, and messages that are wrong in one place."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest

from smtpcore.sasl import (
    Challenge,
    Failure,
    Identity,
    OAuthBearerServer,
    ServerMechanism,
    Success,
    TokenError,
    VerifyToken,
    XOAuth2Server,
)
from smtpcore.sasl.bearer import read_pairs, write_pairs
from tests.sasl.exchange import begin, respond

MALFORMED = Failure(malformed=True)
OAUTH = b"n,a=user,\x01auth=Bearer %b\x01\x01"
XOAUTH2 = b"user=user\x01auth=Bearer %b\x01\x01"
BOTH = pytest.mark.parametrize(("kind", "message"), [(OAuthBearerServer, OAUTH), (XOAuth2Server, XOAUTH2)])


def refused(outcome: object) -> dict[str, str]:
    assert isinstance(outcome, Challenge), outcome
    members = json.loads(outcome.data)
    assert isinstance(members, dict)
    return members


def test_the_successful_example_of_the_rfc() -> None:
    # RFC 7628 4.1.
    message = b64decode(
        "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRm"
        "dDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
    )
    token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
    server = begin(OAuthBearerServer)
    assert respond(server, None) == Challenge()
    query = server.step(message)
    assert query == VerifyToken("user@example.com", token, "server.example.com", 587)
    assert server.answered(True) == Success(Identity("user@example.com", "user@example.com", "OAUTHBEARER"))


def test_the_failing_example_of_the_rfc() -> None:
    # RFC 7628 4.3: without a token nobody needs to be asked.
    message = b64decode("bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9AQE=")
    server = begin(OAuthBearerServer)
    assert refused(server.step(message)) == {"status": "invalid_token"}
    assert server.step(b"\x01") == Failure()


@BOTH
def test_a_good_token_is_the_named_users(kind: type[ServerMechanism], message: bytes) -> None:
    assert respond(begin(kind), message % b"good") == Success(Identity("user", "user", kind.name))


@BOTH
def test_a_token_of_somebody_else_gives_both_identities(kind: type[ServerMechanism], message: bytes) -> None:
    assert respond(begin(kind), message % b"others") == Success(Identity("other", "user", kind.name))


@BOTH
@pytest.mark.parametrize("dummy", [b"\x01", b"", b"anything"])
def test_a_bad_token_is_refused_in_two_steps(kind: type[ServerMechanism], message: bytes, dummy: bytes) -> None:
    server = begin(kind)
    status = "401" if kind is XOAuth2Server else "invalid_token"
    assert refused(respond(server, message % b"bad")) == {"status": status}
    assert respond(server, dummy) == Failure()


@BOTH
def test_the_store_may_say_why(kind: type[ServerMechanism], message: bytes) -> None:
    status = "401" if kind is XOAuth2Server else "insufficient_scope"
    assert refused(respond(begin(kind), message % b"narrow")) == {"status": status, "scope": "mail"}


def test_a_reason_is_json_in_ascii() -> None:
    error = TokenError("invalid_token", 'm\u00e4"il', "https://id.test/.well-known/openid-configuration")
    assert json.loads(error.to_json().decode("ascii")) == {
        "status": "invalid_token",
        "scope": 'm\u00e4"il',
        "openid-configuration": "https://id.test/.well-known/openid-configuration",
    }


@BOTH
@pytest.mark.parametrize(
    "auth",
    [b"", b"Bearer", b"Bearer ", b"Basic good", b"Bearer go od", b"Bearer good=x", b"Bearer g\tood", b"Bearergood"],
)
def test_what_is_no_bearer_token_is_refused_unasked(kind: type[ServerMechanism], message: bytes, auth: bytes) -> None:
    server = begin(kind)
    assert "status" in refused(server.step(message.replace(b"Bearer %b", auth)))
    assert server.step(b"") == Failure()


@BOTH
def test_the_scheme_has_no_case(kind: type[ServerMechanism], message: bytes) -> None:
    assert isinstance(respond(begin(kind), message.replace(b"Bearer", b"bEARER ") % b"good"), Success)


def test_a_token_of_nobody_is_nobodys() -> None:
    # True means that the token is the named user's, and none was named.
    message = b"n,,\x01auth=Bearer %b\x01\x01"
    assert "status" in refused(respond(begin(OAuthBearerServer), message % b"good"))
    outcome = respond(begin(OAuthBearerServer), message % b"others")
    assert outcome == Success(Identity("other", "", "OAUTHBEARER"))


@pytest.mark.parametrize("pairs", [{}, {b"auth": b"Bearer x"}, {b"host": b"", b"port": b"25"}])
def test_pairs_are_read_as_they_were_written(pairs: dict[bytes, bytes]) -> None:
    assert read_pairs(write_pairs(pairs)) == pairs


@pytest.mark.parametrize(
    ("said", "host", "port"),
    [
        (b"", "", None),
        (b"host=mx.test\x01", "mx.test", None),
        (b"port=1\x01", "", 1),
        (b"port=65535\x01host=\x01", "", 65535),
    ],
)
def test_the_server_that_the_client_connected_to_is_told_if_the_client_says_it(
    said: bytes, host: str, port: int | None
) -> None:
    query = begin(OAuthBearerServer).step(b"n,,\x01" + said + b"auth=Bearer x\x01\x01")
    assert query == VerifyToken("", "x", host, port)


def test_unknown_keys_are_ignored() -> None:
    message = b"y,,\x01qs=a=b c\r\n\td\x01auth=Bearer others\x01post=\x01\x01"
    assert isinstance(respond(begin(OAuthBearerServer), message), Success)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n,,",
        b"n,,\x01",
        b"n,,\x01\x01",
        b"n,,auth=Bearer x\x01\x01",
        b"\x01auth=Bearer x\x01\x01",
        b"n,,\x01auth=Bearer x",
        b"n,,\x01auth=Bearer x\x01",
        b"n,,\x01auth=Bearer x\x01\x01\x01",
        b"n,,\x01\x01auth=Bearer x\x01\x01",
        b"n,,\x01auth=Bearer x\x01auth=Bearer x\x01\x01",
        b"n,,\x01auth\x01\x01",
        b"n,,\x01=x\x01auth=Bearer x\x01\x01",
        b"n,,\x01a1=x\x01auth=Bearer x\x01\x01",
        b"n,,\x01auth=Bearer \x02x\x01\x01",
        b"n,,\x01auth=Bearer \x00x\x01\x01",
        b"n,,\x01host=\xc3\xa4\x01auth=Bearer x\x01\x01",
        b"n,,\x01port=0\x01auth=Bearer x\x01\x01",
        b"n,,\x01port=025\x01auth=Bearer x\x01\x01",
        b"n,,\x01port=65536\x01auth=Bearer x\x01\x01",
        b"n,,\x01port=+25\x01auth=Bearer x\x01\x01",
        b"n,,\x01port=2_5\x01auth=Bearer x\x01\x01",
        b"n,,\x01port=" + b"1" * 5000 + b"\x01auth=Bearer x\x01\x01",
        b"n,,\x01port=\x01auth=Bearer x\x01\x01",
        b"n,user=user,\x01auth=Bearer x\x01\x01",
        b"n,a=us=er,\x01auth=Bearer x\x01\x01",
        b"x,,\x01auth=Bearer x\x01\x01",
        b"n,a=\xff,\x01auth=Bearer x\x01\x01",
    ],
)
def test_a_message_outside_the_grammar_is_malformed(message: bytes) -> None:
    assert respond(begin(OAuthBearerServer), message) == MALFORMED


@pytest.mark.parametrize(
    "message",
    [
        b"\x01",
        b"p=tls-unique,,\x01auth=Bearer good\x01\x01",
        b"n,a=\xc2\xad,\x01auth=Bearer good\x01\x01",
        b"n,a=\x07,\x01auth=Bearer good\x01\x01",
    ],
)
def test_a_message_that_says_what_cannot_be_fails(message: bytes) -> None:
    assert respond(begin(OAuthBearerServer), message) == Failure()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"user=user",
        b"user=\x01auth=Bearer x\x01\x01",
        b"user\x01auth=Bearer x\x01\x01",
        b"User=user\x01auth=Bearer x\x01\x01",
        b"auth=Bearer x\x01user=user\x01\x01",
        b"user=user\x01auth=Bearer x\x01",
        b"user=user\x01auth=Bearer x",
        b"user=user\x01\x01",
        b"user=user\x01host=x\x01\x01",
        b"user=user\x01auth=Bearer x\x01host=x\x01\x01",
        b"user=\xff\x01auth=Bearer x\x01\x01",
        b"user=user\x01auth=Bearer \xc3\xa4\x01\x01",
    ],
)
def test_xoauth2_has_one_form(message: bytes) -> None:
    assert respond(begin(XOAuth2Server), message) == MALFORMED


def test_an_xoauth2_user_is_prepared() -> None:
    server = begin(XOAuth2Server)
    assert server.step(None) == Challenge()
    assert server.step("user=us\u00ader\x01auth=Bearer x\x01\x01".encode()) == VerifyToken("user", "x")
    assert begin(XOAuth2Server).step(b"user=\x07\x01auth=Bearer x\x01\x01") == Failure()


def test_an_answer_that_nobody_asked_for_lets_nobody_in() -> None:
    assert begin(OAuthBearerServer).answered(True) == Failure()
